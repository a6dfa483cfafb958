// SPDX-License-Identifier: MIT
// README's first screen: what the library is measured against. Compiled, never run.
#include <zmq.hpp>

void handle(const zmq::message_t& order);
void serve(const char* secret_key);

void serve(const char* secret_key) {
    // clang-format off: the README's indentation
zmq::context_t context;
zmq::socket_t sink{context, zmq::socket_type::pull};
sink.set(zmq::sockopt::curve_server, true);
sink.set(zmq::sockopt::curve_secretkey, secret_key);
sink.bind("tcp://*:5555");
for (zmq::message_t order;;) {
    if (sink.recv(order)) handle(order);
}
    // clang-format on
}

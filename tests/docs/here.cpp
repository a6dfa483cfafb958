// SPDX-License-Identifier: MIT
// README's first screen: the same here. Compiled, never run.
#include <ironhouse/ironhouse.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

void handle(const ih::any_message& order);
void serve();

void serve() {
    // clang-format off: the README's indentation
constexpr ih::inbound orders{.peers = 100_peers, .queue = 100_messages, .frames = 4_frames, .frame = 4_KiB};
ih::context context;
ih::socket<ih::pull, orders, ih::curve_server> sink{context, {
    .domain   = "orders",
    .clients  = ih::keyring::from_directory("clients"),
    .identity = ih::certificate::load("server.key_secret"),
}};
sink.bind("tcp://*:5555");
for (decltype(sink)::message order;;) {
    if (sink.receive(order, 1s) == ih::receive_status::received) handle(order);
}
    // clang-format on
}

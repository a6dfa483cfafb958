// SPDX-License-Identifier: MIT
//
// The same work with cppzmq, as its documentation writes it, with the same options and checks. measure.h says how it is
// called.

#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <zmq.hpp>

#include "peer.h"

namespace {

HOT void send_one(zmq::socket_t& from, const job& work) {
    zmq::message_t out{work.payload, work.size};
    check(out.size() <= frame_limit);
    check(from.send(std::move(out), zmq::send_flags::none).has_value());
}

HOT void receive_one(zmq::socket_t& to, zmq::message_t& in, const job& work) {
    const auto size = to.recv(in, zmq::recv_flags::none);
    check(size && *size <= frame_limit && !in.more() && *size == work.size);
}

zmq::socket_t open_socket(zmq::context_t& context, zmq::socket_type type) {
    zmq::socket_t socket{context, type};
    set_options(socket.handle());
    return socket;
}

[[gnu::noinline]] void inproc(zmq::context_t& context, job& work) {
    auto pull = open_socket(context, zmq::socket_type::pull);
    auto push = open_socket(context, zmq::socket_type::push);
    pull.bind("inproc://bench");
    push.connect("inproc://bench");
    zmq::message_t in;
    begin(&work);
    for (long i = 0; i != work.rounds; ++i) {
        send_one(push, work);
        receive_one(pull, in, work);
    }
    end(&work);
}

void window(zmq::socket_t& push, zmq::socket_t& pull, zmq::message_t& in, long count, const job& work) {
    for (long i = 0; i != count; ++i) send_one(push, work);
    for (long i = 0; i != count; ++i) receive_one(pull, in, work);
}

void stream(zmq::socket_t& server, zmq::socket_t& client, job& work) {
    zmq::message_t in;
    for (int i = 0; i != warm_up; ++i) window(client, server, in, work.window, work);
    begin(&work);
    for (long left = work.rounds; left > 0; left -= work.window)
        window(client, server, in, left < work.window ? left : work.window, work);
    end(&work);
}

void pingpong(zmq::socket_t& server, zmq::socket_t& client, job& work) {
    zmq::message_t in;
    for (long i = -warm_up; i != work.rounds; ++i) {
        if (i == 0) begin(&work);
        const double left = bench_clock(CLOCK_MONOTONIC);
        send_one(client, work);
        receive_one(server, in, work);
        send_one(server, work);
        receive_one(client, in, work);
        if (i >= 0) work.trips[i] = bench_clock(CLOCK_MONOTONIC) - left;
    }
    end(&work);
}

} // namespace

int main(int argc, char** argv) {
    job work = job_from(argc, argv);
    doorkeeper door{};
    {
        zmq::context_t context;
        set_context(context.handle());
        if (std::string_view{work.what} == "inproc") {
            inproc(context, work);
        } else {
            const bool streams = std::string_view{work.what} == "stream";
            auto server = open_socket(context, streams ? zmq::socket_type::pull : zmq::socket_type::dealer);
            auto client = open_socket(context, streams ? zmq::socket_type::push : zmq::socket_type::dealer);
            keys made;
            make_keys(&made);
            open_door(&door, context.handle(), &made, 1);
            serve_with(server.handle(), &made);
            call_with(client.handle(), &made);
            server.bind("tcp://127.0.0.1:*");
            client.connect(server.get(zmq::sockopt::last_endpoint));
            if (streams)
                stream(server, client, work);
            else
                pingpong(server, client, work);
        }
    }
    close_door(&door);
    report(&work);
}

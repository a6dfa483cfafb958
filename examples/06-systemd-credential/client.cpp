// SPDX-License-Identifier: MIT
// Sends one order: client ENDPOINT SERVERS_PUBLIC_KEY, with ann.key_secret in the folder it runs in.
#include <ironhouse/ironhouse.hpp>

#include <cstdio>
#include <exception>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::outbound orders{.peers = 1_peer, .queue = 100_messages, .frames = 1_frame, .frame = 4_KiB};

int main(int argc, char** argv) try {
    if (argc != 3) {
        std::fputs("usage: client ENDPOINT SERVERS_PUBLIC_KEY\n", stderr);
        return 2;
    }
    ih::context context;
    ih::socket<ih::push, orders, ih::curve_client> source{context, {
        .identity = ih::certificate::load("ann.key_secret"),
        .server   = ih::public_key::from_z85(argv[2]), // public: an argument may show it
    }, ih::socket_options{.linger = 20s}};             // sends what is queued before it ends
    source.connect(ih::endpoint<ih::curve_client>::parse(argv[1]));
    decltype(source)::message order;
    if (!order.add("one thousand widgets")) return 1;
    return source.send(order, 1s) == ih::send_status::queued ? 0 : 1;
} catch (const std::exception& failed) {
    std::fprintf(stderr, "%s\n", failed.what());
    return 1;
}

// SPDX-License-Identifier: MIT
// clang-format off: the columns are the README's
// Takes orders from clients whose keys lie in the folder `clients`. Runs until it is stopped.
#include <ironhouse/ironhouse.hpp>

#include <cstdio>
#include <span>
#include <string>
#include <string_view>

namespace ih = ironhouse;
using namespace ih::literals;

void handle(std::string_view sender, std::span<const std::byte> order) {
    const std::string_view text{reinterpret_cast<const char*>(order.data()), order.size()};
    std::printf("%s orders %s\n", std::string{sender}.c_str(), std::string{text}.c_str());
    std::fflush(stdout);
}

// What this channel may cost at most. Every field is owed: leave one out, or write 0, and it does not compile.
inline constexpr ih::inbound orders{
    .peers  = 100_peers,        // connections served at once
    .queue  = 100_messages,     // waiting per peer          (ZMQ_RCVHWM)
    .frames = 4_frames,         // frames in one message
    .frame  = 4_KiB,            // payload of one frame      (ZMQ_MAXMSGSIZE, CURVE overhead added)
};
static_assert(ih::memory_ceiling(orders) <= 256_MiB);   // a number the compiler knows and the sentry enforces

int main() {
    ih::context context;                                // refuses a libzmq it cannot make safe; one sentry thread at the door
    ih::socket<ih::pull, orders, ih::curve_server> sink{context, {
        .domain   = "orders",
        .clients  = ih::keyring::from_directory("clients"),          // who may come in
        .identity = ih::certificate::load("server.key_secret"),      // who we are
    }};
    sink.bind("tcp://127.0.0.1:5555");                  // a literal: checked by the compiler

    decltype(sink)::message order;                      // fixed capacity, no heap of its own, reused
    for (;;) {
        const auto status = sink.receive(order, 1s);
        if (status == ih::receive_status::received) handle(order.sender(), order[0].bytes());  // sender(): the key's name
        if (status == ih::receive_status::closing) break;
    }
}

// SPDX-License-Identifier: MIT
//
// An Ironhouse server that hand-written peers come to (visitors.cpp): what a key in a ring costs, and how soon one that
// is gone from the ring is gone.
//   bench_door MODE KEYS
// MODE is `any` (every key is let in), `ring` (those in the file KEYS, 32 bytes each), `directory` (those in the folder KEYS;
// a line says each time that it was read again and has taken effect), or `pull`, `router` or `pub`, which
// serve the ring on a socket of that pattern and take keys away. It prints its port and its key when it can be come to, and
// ends with its input. Each line of input answers when it is done, with the time on the steady clock in ns:
//   revoke N N ...   the ring is replaced by one without the keys of those numbers, counted from 0
//   all              by one with all of them

#include <ironhouse/core/limits.hpp>
#include <ironhouse/core/units.hpp>
#include <ironhouse/insecure.hpp>
#include <ironhouse/keys/certificate.hpp>
#include <ironhouse/keys/keyring.hpp>
#include <ironhouse/security/curve.hpp>
#include <ironhouse/sentry/events.hpp>
#include <ironhouse/socket/context.hpp>
#include <ironhouse/socket/socket.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <set>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "programs/measure.h"

namespace {

namespace ih = ironhouse;
using namespace ih::literals;
using entries = std::vector<ih::keyring::entry>;

constexpr ih::inbound in{.peers = 2'000_peers, .queue = 100_messages, .frames = 1_frame, .frame = 1_KiB};
constexpr ih::outbound out{.peers = 2'000_peers, .queue = 100_messages, .frames = 1_frame, .frame = 1_KiB};
constexpr ih::duplex both{.in = in, .out = out};

entries read_keys(const std::string& file) {
    entries all;
    std::ifstream from{file, std::ios::binary};
    std::byte raw[32];
    while (from.read(reinterpret_cast<char*>(raw), sizeof raw))
        all.push_back(ih::keyring::entry::of(ih::public_key::from_bytes(std::span<const std::byte, 32>{raw})));
    if (all.empty()) throw std::runtime_error{"no keys in " + file};
    return all;
}

template <class Pattern, auto Limits, class Clients, class Work>
void serve(const Clients& clients, Work until_the_end) {
    // Everybody comes from one address, and faster than anybody should: neither is what is measured.
    ih::context context{{.on_event =
                             [](const ih::event& what) {
                                 if (what.why == ih::reason::keyring_replaced) std::cout << "read again" << std::endl;
                             },
                         .admission = {.per_key = 100_peers, .newcomers = 10'000_per_s}}};
    auto identity = ih::certificate::generate("server");
    const std::string key = identity.public_key().z85();
    ih::socket<Pattern, Limits, ih::curve_server> server{
        context, {.domain = "bench", .clients = clients, .identity = std::move(identity)}};
    server.bind("tcp://127.0.0.1:*");
    const std::string endpoint = server.last_endpoint();
    std::cout << endpoint.substr(endpoint.rfind(':') + 1) << ' ' << key << std::endl;
    until_the_end();
}

void wait() {
    for (std::string line; std::getline(std::cin, line);) {}
}

template <class Pattern, auto Limits> void revoke(const entries& all) {
    const ih::keyring ring = ih::keyring::of(all);
    serve<Pattern, Limits>(ring, [&] {
        for (std::string line; std::getline(std::cin, line);) {
            std::istringstream words{line};
            std::set<std::size_t> gone;
            words >> line;
            for (std::size_t n = 0; words >> n;) gone.insert(n);
            entries rest;
            for (std::size_t n = 0; n != all.size(); ++n)
                if (!gone.contains(n)) rest.push_back(all[n]);
            ring.replace(std::move(rest));
            const auto done = std::chrono::steady_clock::now().time_since_epoch();
            std::cout << std::chrono::duration_cast<std::chrono::nanoseconds>(done).count() << std::endl;
        }
    });
}

} // namespace

int main(int argc, char** argv) try {
    keep_memory();
    if (argc != 3) return 2;
    const std::string_view mode{argv[1]};
    if (mode == "directory") {
        serve<ih::pull, in>(ih::keyring::from_directory(argv[2]), wait);
        return 0;
    }
    const entries all = read_keys(argv[2]);
    if (mode == "any")
        serve<ih::pull, in>(ih::insecure::any_client{"what is measured is what a ring costs beside this"}, wait);
    else if (mode == "ring")
        serve<ih::pull, in>(ih::keyring::of(all), wait);
    else if (mode == "pull")
        revoke<ih::pull, in>(all);
    else if (mode == "router")
        revoke<ih::router, both>(all);
    else if (mode == "pub")
        revoke<ih::pub, out>(all);
    else
        return 2;
} catch (const std::exception& failed) {
    std::fprintf(stderr, "%s\n", failed.what());
    return 1;
}

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What many socket tests begin with: keys, limits, and two ends that talk.

#include <ironhouse/core/endpoint.hpp>
#include <ironhouse/core/limits.hpp>
#include <ironhouse/core/units.hpp>
#include <ironhouse/keys/certificate.hpp>
#include <ironhouse/keys/keyring.hpp>
#include <ironhouse/security/curve.hpp>
#include <ironhouse/security/in_process.hpp>
#include <ironhouse/sentry/events.hpp>
#include <ironhouse/socket/context.hpp>
#include <ironhouse/socket/socket.hpp>

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <poll.h>

namespace support {

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::inbound receiving{.peers = 16_peers, .queue = 100_messages, .frames = 4_frames, .frame = 1_KiB};
inline constexpr ih::outbound sending{.peers = 16_peers, .queue = 100_messages, .frames = 4_frames, .frame = 1_KiB};
inline constexpr ih::duplex both{.in = receiving, .out = sending};

/// Long enough for anything that is going to happen.
inline constexpr std::chrono::seconds soon{10};

/// Waits until `holds()`, at most `soon`. Looks every millisecond.
inline bool eventually(const std::function<bool()>& holds) {
    const auto until = std::chrono::steady_clock::now() + soon;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > until) return false;
        ::poll(nullptr, 0, 1);
    }
    return true;
}

/// Keys of one server and two clients, and the ring that knows one of them.
struct cast {
    ih::certificate server = ih::certificate::generate("server");
    ih::certificate ann = ih::certificate::generate("ann");
    ih::certificate mallory = ih::certificate::generate("mallory");
    ih::public_key server_key = server.public_key();
    ih::keyring ring = ih::keyring::of({ann.public_part()});

    [[nodiscard]] ih::curve_server serving() {
        return {.domain = "orders", .clients = ring, .identity = std::move(server)};
    }
    [[nodiscard]] ih::curve_client as(ih::certificate& who) const {
        return {.identity = std::move(who), .server = server_key};
    }
};

/// The address that another socket was bound to.
template <class Socket> [[nodiscard]] auto address_of(Socket& bound) {
    return ih::connect_endpoint<ih::curve_client::protects>::parse(bound.last_endpoint());
}

/// Collects a context's events.
class listener {
public:
    struct heard {
        ih::reason why;
        std::uint64_t count;
        std::string domain, peer, detail;
    };
    [[nodiscard]] std::function<void(const ih::event&)> ear() {
        return [this](const ih::event& e) {
            const std::lock_guard held{lock_};
            all_.push_back({e.why, e.count, std::string{e.domain}, std::string{e.peer}, std::string{e.detail}});
        };
    }
    [[nodiscard]] std::vector<heard> of(ih::reason why) {
        const std::lock_guard held{lock_};
        std::vector<heard> found;
        for (const heard& each : all_)
            if (each.why == why) found.push_back(each);
        return found;
    }

private:
    std::mutex lock_;
    std::vector<heard> all_;
};

} // namespace support

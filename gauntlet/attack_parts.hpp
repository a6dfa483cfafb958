// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What the rows share: units, and orders of peers that are not the honest one. Gauntlet.

#include "attacks.hpp"
#include "stage.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

#include <fmt/core.h>

namespace gauntlet {

inline constexpr std::size_t orders = 20;
inline constexpr std::uint64_t MiB = 1ULL << 20U;
inline constexpr std::uint64_t KiB = 1ULL << 10U;

inline std::string in_MiB(std::uint64_t bytes) {
    return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / double{MiB});
}
inline std::string of(std::size_t some, std::size_t all) { return fmt::format("{} of {}", some, all); }

/// Sends the orders one after another and waits until the server has taken them, or has not in time.
inline std::size_t push_orders(stage& s, pusher& peer, const std::string& who, std::size_t first, std::size_t last,
                               const wire::deadline& until) {
    for (std::size_t n = first; n <= last && !until.passed();)
        if (peer.push(who, n)) ++n;
    return s.server().await(who, last, until);
}

/// What a stranger's orders come to: the server's word for it, not the handshake's.
inline std::size_t orders_by_hand(stage& s, wire::curve_client& peer, const std::string& who) {
    for (std::size_t n = 1; n <= orders; ++n)
        if (!peer.send_message({fmt::format("{} {}", who, n), honest_body(who, n)}, 2s)) break;
    return s.server().await(who, orders, 3s);
}

// Rows that have a file of their own.
outcome endless_multipart_1B(stage& s); // attacks_memory.cpp
outcome endless_multipart_1000B(stage& s);
outcome subscription_flood(stage& s);
outcome storm_silent(stage& s); // attacks_connections.cpp
outcome storm_greeting(stage& s);
outcome storm_hello(stage& s);
outcome descriptor_exhaustion(stage& s);
outcome handshake_flood(stage& s);
outcome greedy_key(stage& s);
outcome slow_handshake(stage& s);
outcome revoked_client(stage& s); // attacks_keys.cpp
outcome revoked_silent_subscriber(stage& s);
outcome server_key_rotation(stage& s);
outcome client_key_rotation(stage& s);
outcome half_copied_directory(stage& s);
outcome vanished_directory(stage& s);
outcome routing_id_theft(stage& s);
outcome routing_id_squat(stage& s);

} // namespace gauntlet

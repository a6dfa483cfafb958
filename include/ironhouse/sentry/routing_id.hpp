// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Routing ids that a server gives its peers: eight random bytes, and what tells them from an invented id. Layer: sentry.

#include <ironhouse/detail/abi.hpp>
#include <ironhouse/keys/public_key.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <sodium/randombytes.h>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

inline constexpr std::size_t routing_id_size = 16;

/// Nobody outside this process can make the last eight bytes for the first.
[[nodiscard]] inline std::uint64_t routing_id_mark(const unsigned char* id) noexcept {
    unsigned char block[32] = {};
    std::memcpy(block, id, routing_id_size / 2);
    return keyed_hash(block);
}
inline void draw_routing_id(unsigned char (&id)[routing_id_size]) noexcept {
    ::randombytes_buf(id, routing_id_size / 2);
    id[0] |= 1; // those that begin with zero are libzmq's
    const std::uint64_t mark = routing_id_mark(id);
    std::memcpy(id + routing_id_size / 2, &mark, sizeof mark);
}
[[nodiscard]] inline bool is_our_routing_id(const unsigned char* id, std::size_t size) noexcept {
    if (size != routing_id_size) return false;
    const std::uint64_t mark = routing_id_mark(id);
    return std::memcmp(id + routing_id_size / 2, &mark, sizeof mark) == 0;
}

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

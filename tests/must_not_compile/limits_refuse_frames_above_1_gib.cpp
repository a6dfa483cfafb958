// SPDX-License-Identifier: MIT
// CLAIM:  a frame is at most 1 GiB, in either direction.
// EXPECT 1: limits: .frame is at most 1 GiB
// EXPECT 2: limits: .frame is at most 1 GiB
// EXPECT 3: limits: .frame is at most 1 GiB
#include <ironhouse/core/limits.hpp>

using namespace ironhouse::literals;

constexpr ironhouse::inbound in{.peers = 1_peer, .queue = 2_messages, .frames = 1_frame, .frame = 1_GiB};
constexpr ironhouse::outbound out{.peers = 1_peer, .queue = 2_messages, .frames = 1_frame, .frame = 1_GiB};
[[maybe_unused]] constexpr ironhouse::inbound huge_in{
    .peers = 1_peer, .queue = 2_messages, .frames = 1_frame, .frame = 1'025_MiB};
[[maybe_unused]] constexpr ironhouse::outbound huge_out{
    .peers = 1_peer, .queue = 2_messages, .frames = 1_frame, .frame = 1'025_MiB};

// What every socket instantiates with its limits.
#if VIOLATE == 1
static_assert(ironhouse::detail::check_limits<huge_in>());
#elif VIOLATE == 2
static_assert(ironhouse::detail::check_limits<huge_out>());
#elif VIOLATE == 3
static_assert(ironhouse::detail::check_limits<ironhouse::duplex{.in = huge_in, .out = out}>());
#else
static_assert(ironhouse::detail::check_limits<in>() && ironhouse::detail::check_limits<out>());
static_assert(ironhouse::detail::check_limits<ironhouse::duplex{.in = in, .out = out}>());
#endif

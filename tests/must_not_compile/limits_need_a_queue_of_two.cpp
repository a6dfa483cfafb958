// SPDX-License-Identifier: MIT
// CLAIM:  a queue holds at least 2 messages, in either direction.
// EXPECT 1: limits: .queue is at least 2 messages
// EXPECT 2: limits: .queue is at least 2 messages
// EXPECT 3: limits: .queue is at least 2 messages
#include <ironhouse/core/limits.hpp>

using namespace ironhouse::literals;

constexpr ironhouse::inbound in{.peers = 1_peer, .queue = 2_messages, .frames = 1_frame, .frame = 1_KiB};
constexpr ironhouse::outbound out{.peers = 1_peer, .queue = 2_messages, .frames = 1_frame, .frame = 1_KiB};
[[maybe_unused]] constexpr ironhouse::inbound mute_in{
    .peers = 1_peer, .queue = 1_message, .frames = 1_frame, .frame = 1_KiB};
[[maybe_unused]] constexpr ironhouse::outbound mute_out{
    .peers = 1_peer, .queue = 1_message, .frames = 1_frame, .frame = 1_KiB};

// What every socket instantiates with its limits.
#if VIOLATE == 1
static_assert(ironhouse::detail::check_limits<mute_in>());
#elif VIOLATE == 2
static_assert(ironhouse::detail::check_limits<mute_out>());
#elif VIOLATE == 3
static_assert(ironhouse::detail::check_limits<ironhouse::duplex{.in = in, .out = mute_out}>());
#else
static_assert(ironhouse::detail::check_limits<in>() && ironhouse::detail::check_limits<out>());
static_assert(ironhouse::detail::check_limits<ironhouse::duplex{.in = in, .out = out}>());
#endif

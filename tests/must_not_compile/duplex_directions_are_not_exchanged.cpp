// SPDX-License-Identifier: MIT
// CLAIM:  limits of one direction are no limits of the other.
// EXPECT 1: basic_outbound<void>'
// EXPECT 2: basic_inbound<void>'
#include <ironhouse/core/limits.hpp>

using namespace ironhouse::literals;

constexpr ironhouse::inbound received{.peers = 1_peer, .queue = 2_messages, .frames = 1_frame, .frame = 1_KiB};
constexpr ironhouse::outbound sent{.peers = 1_peer, .queue = 2_messages, .frames = 1_frame, .frame = 1_KiB};

#if VIOLATE == 1
constexpr ironhouse::duplex limits{.in = sent, .out = sent};
#elif VIOLATE == 2
constexpr ironhouse::duplex limits{.in = received, .out = received};
#else
constexpr ironhouse::duplex limits{.in = received, .out = sent};
#endif
static_assert(limits == limits);

// SPDX-License-Identifier: MIT
// CLAIM:  duplex limits say what may be received and what may be sent.
// EXPECT 1: limits leave out .in: what this socket may receive
// EXPECT 2: limits leave out .out: what this socket may send
// EXPECT 3: limits leave out .queue: how many messages may wait for one peer
#include <ironhouse/core/limits.hpp>

using namespace ironhouse::literals;

constexpr ironhouse::inbound received{.peers = 1_peer, .queue = 2_messages, .frames = 1_frame, .frame = 1_KiB};
constexpr ironhouse::outbound sent{.peers = 1_peer, .queue = 2_messages, .frames = 1_frame, .frame = 1_KiB};

#if VIOLATE == 1
constexpr ironhouse::duplex limits{.out = sent};
#elif VIOLATE == 2
constexpr ironhouse::duplex limits{.in = received};
#elif VIOLATE == 3
constexpr ironhouse::duplex limits{.in = {.peers = 1_peer, .frames = 1_frame, .frame = 1_KiB}, .out = sent};
#else
constexpr ironhouse::duplex limits{.in = received, .out = sent};
#endif
static_assert(limits == limits);

// SPDX-License-Identifier: MIT
// CLAIM:  a socket with a queue of one message, which can stall for ever, does not exist.
// EXPECT 1: limits: .queue is at least 2 messages
// EXPECT 2: limits: .queue is at least 2 messages
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/socket.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

#if VIOLATE == 1
inline constexpr ih::inbound limits{.peers = 1_peer, .queue = 1_message, .frames = 1_frame, .frame = 1_KiB};
using target = ih::socket<ih::pull, limits, ih::curve_server>;
#elif VIOLATE == 2
inline constexpr ih::duplex limits{
    .in = {.peers = 1_peer, .queue = 2_messages, .frames = 1_frame, .frame = 1_KiB},
    .out = {.peers = 1_peer, .queue = 1_message, .frames = 1_frame, .frame = 1_KiB},
};
using target = ih::socket<ih::router, limits, ih::curve_server>;
#else
inline constexpr ih::inbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 1_frame, .frame = 1_KiB};
using target = ih::socket<ih::pull, limits, ih::curve_server>;
#endif
void probe(target& s) { s.close(); }

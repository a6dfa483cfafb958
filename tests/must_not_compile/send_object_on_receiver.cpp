// SPDX-License-Identifier: MIT
// CLAIM:  a socket that only receives has no way to send objects either.
// EXPECT 1: can_send
// EXPECT 2: can_send
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/socket.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::inbound incoming{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};
inline constexpr ih::outbound outgoing{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};
inline constexpr ih::duplex both{.in = incoming, .out = outgoing};

#if VIOLATE == 1
using target = ih::socket<ih::pull, incoming, ih::curve_client>;
#elif VIOLATE == 2
using target = ih::socket<ih::sub, incoming, ih::curve_client>;
#else
using target = ih::socket<ih::push, outgoing, ih::curve_client>;
#endif
ih::send_status probe(target& s) { return s.send_object(7, 1s); }

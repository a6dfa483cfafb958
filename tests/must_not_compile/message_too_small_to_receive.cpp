// SPDX-License-Identifier: MIT
// CLAIM:  a message that could not hold what may arrive is refused by the compiler.
// EXPECT 1: this message has fewer frames than may arrive
// EXPECT 2: this message has smaller frames than may arrive
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/socket.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::inbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};

#if VIOLATE == 1
using message = ih::message<1_frame, 1_KiB>;
#elif VIOLATE == 2
using message = ih::message<2_frames, 1023_B>;
#else
using message = ih::message<2_frames, 1_KiB>;
#endif
ih::receive_status probe(ih::socket<ih::pull, limits, ih::curve_server>& s, message& m) { return s.receive(m, 1s); }

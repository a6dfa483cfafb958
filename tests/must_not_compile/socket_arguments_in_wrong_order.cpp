// SPDX-License-Identifier: MIT
// CLAIM:  pattern, limits and security are not confused with each other.
// EXPECT 1: the first argument of a socket is its pattern
// EXPECT 2: the third argument of a socket is its security
// EXPECT 3: the limits of a socket are of its pattern's direction
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/socket.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::outbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};

#if VIOLATE == 1
using target = ih::socket<ih::curve_client, limits, ih::push>;
#elif VIOLATE == 2
using target = ih::socket<ih::push, limits, ih::pull>;
#elif VIOLATE == 3
using target = ih::socket<ih::push, 100_messages, ih::curve_client>;
#else
using target = ih::socket<ih::push, limits, ih::curve_client>;
#endif
void probe(target& s) { s.close(); }

// SPDX-License-Identifier: MIT
// CLAIM:  a socket whose frames may be larger than 1 GiB does not exist.
// EXPECT: limits: .frame is at most 1 GiB
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/socket.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

#ifdef VIOLATE
inline constexpr ih::inbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 1_frame, .frame = 1'025_MiB};
#else
inline constexpr ih::inbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 1_frame, .frame = 1_GiB};
#endif
using target = ih::socket<ih::pull, limits, ih::curve_server>;
void probe(target& s) { s.close(); }

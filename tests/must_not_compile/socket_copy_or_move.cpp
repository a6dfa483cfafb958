// SPDX-License-Identifier: MIT
// CLAIM:  a live socket is neither copied nor moved; detach() hands it over.
// EXPECT 1: a_live_socket_stays_where_it_is
// EXPECT 2: a_live_socket_stays_where_it_is
// EXPECT 3: a_live_socket_stays_where_it_is
// EXPECT 4: a_live_socket_stays_where_it_is
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/detached.hpp>
#include <ironhouse/socket/socket.hpp>

#include <utility>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::inbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};

using target = ih::socket<ih::pull, limits, ih::curve_server>;
#if VIOLATE == 1
void probe(target& s) { target copy{s}; }
#elif VIOLATE == 2
void probe(target& s) { target moved{std::move(s)}; }
#elif VIOLATE == 3
void probe(target& s, target& other) { other = s; }
#elif VIOLATE == 4
void probe(target& s, target& other) { other = std::move(s); }
#else
ih::detached<target> probe(target& s) { return s.detach(); }
#endif

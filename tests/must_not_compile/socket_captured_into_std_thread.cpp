// SPDX-License-Identifier: MIT
// CLAIM:  a live socket does not move into a closure.
// EXPECT: a_live_socket_stays_where_it_is
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/detached.hpp>
#include <ironhouse/socket/socket.hpp>

#include <thread>
#include <utility>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::inbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};

using target = ih::socket<ih::pull, limits, ih::curve_server>;
#ifdef VIOLATE
std::thread probe(target& s) {
    return std::thread{[t = std::move(s)] {}};
}
#else
std::thread probe(target& s) {
    return std::thread{[t = s.detach()] {}};
}
#endif

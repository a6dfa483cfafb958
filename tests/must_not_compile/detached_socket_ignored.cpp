// SPDX-License-Identifier: MIT
// CLAIM:  a detached socket that nobody takes would be closed at once.
// EXPECT: nodiscard
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/detached.hpp>
#include <ironhouse/socket/socket.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::inbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};

using target = ih::socket<ih::pull, limits, ih::curve_server>;
#ifdef VIOLATE
void probe(target& s) { s.detach(); }
#else
void probe(target& s) { const auto kept = s.detach(); }
#endif

// SPDX-License-Identifier: MIT
// CLAIM:  a CURVE socket connects only where CURVE protects.
// EXPECT 1: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 2: endpoint_transport_is_not_protected_by_this_security_policy
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/socket.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::outbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};

void probe(ih::socket<ih::push, limits, ih::curve_client>& s) {
#if VIOLATE == 1
    s.connect("inproc://orders");
#elif VIOLATE == 2
    s.connect("ws://127.0.0.1:5555");
#else
    s.connect("tcp://server.example:5555");
#endif
}

// SPDX-License-Identifier: MIT
// CLAIM:  a CURVE socket binds only where CURVE protects.
// EXPECT 1: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 2: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 3: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 4: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 5: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 6: endpoint_transport_is_not_protected_by_this_security_policy
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/socket.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::inbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};

void probe(ih::socket<ih::pull, limits, ih::curve_server>& s) {
#if VIOLATE == 1
    s.bind("inproc://orders");
#elif VIOLATE == 2
    s.bind("pgm://eth0;239.192.1.1:5555");
#elif VIOLATE == 3
    s.bind("norm://127.0.0.1:5555");
#elif VIOLATE == 4
    s.bind("udp://127.0.0.1:5555");
#elif VIOLATE == 5
    s.bind("ws://127.0.0.1:5555");
#elif VIOLATE == 6
    s.bind("vmci://*:5555");
#else
    s.bind("tcp://127.0.0.1:5555");
    s.bind("curve://[::1]:5555");
    s.bind("ipc:///run/orders/door");
#endif
}

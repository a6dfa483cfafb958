// SPDX-License-Identifier: MIT
// CLAIM:  a socket without keys never leaves the process.
// EXPECT 1: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 2: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 3: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 4: endpoint_transport_is_not_protected_by_this_security_policy
#include <ironhouse/security/in_process.hpp>
#include <ironhouse/socket/socket.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::inbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};

void probe(ih::socket<ih::pull, limits, ih::in_process>& s) {
#if VIOLATE == 1
    s.bind("tcp://127.0.0.1:5555");
#elif VIOLATE == 2
    s.bind("ipc:///run/orders/door");
#elif VIOLATE == 3
    s.connect("tcp://127.0.0.1:5555");
#elif VIOLATE == 4
    s.bind("curve://127.0.0.1:5555");
#else
    s.bind("inproc://orders");
    s.connect("inproc://orders");
#endif
}

// SPDX-License-Identifier: MIT
// CLAIM:  a CURVE socket has no address on a transport where libzmq ignores CURVE.
// EXPECT 1: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 2: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 3: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 4: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 5: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 6: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 7: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 8: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 9: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 10: endpoint_transport_is_not_protected_by_this_security_policy
#include <ironhouse/core/endpoint.hpp>

// The same set as curve_server and curve_client have; stated here so that the case needs the core alone.
constexpr ironhouse::transports curve{.tcp = true, .ipc = true, .inproc = false, .curve_spelling = true};
void bind(ironhouse::basic_endpoint<curve> where);
void connect(ironhouse::connect_endpoint<curve> where);

void probe() {
#if VIOLATE == 1
    bind("inproc://orders");
#elif VIOLATE == 2
    connect("inproc://orders");
#elif VIOLATE == 3
    bind("pgm://eth0;239.192.1.1:5555");
#elif VIOLATE == 4
    bind("epgm://eth0;239.192.1.1:5555");
#elif VIOLATE == 5
    bind("norm://239.192.1.1:5555");
#elif VIOLATE == 6
    bind("udp://127.0.0.1:5555");
#elif VIOLATE == 7
    bind("ws://127.0.0.1:5555");
#elif VIOLATE == 8
    bind("vmci://*:5555");
#elif VIOLATE == 9
    bind("tipc://{5560,0,0}");
#elif VIOLATE == 10
    connect("gssapi://127.0.0.1:5555");
#else
    bind("tcp://127.0.0.1:5555");
    bind("ipc:///run/orders/socket");
    connect("curve://127.0.0.1:5555");
#endif
}

// SPDX-License-Identifier: MIT
// CLAIM:  a socket without keys has no address outside its process.
// EXPECT 1: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 2: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 3: endpoint_transport_is_not_protected_by_this_security_policy
// EXPECT 4: endpoint_name_is_reserved
// EXPECT 5: endpoint_inproc_name_must_not_be_empty
#include <ironhouse/core/endpoint.hpp>

// The same set as in_process has; stated here so that the case needs the core alone.
constexpr ironhouse::transports in_process{.tcp = false, .ipc = false, .inproc = true};
void bind(ironhouse::basic_endpoint<in_process> where);
void connect(ironhouse::connect_endpoint<in_process> where);

void probe() {
#if VIOLATE == 1
    bind("tcp://127.0.0.1:5555");
#elif VIOLATE == 2
    connect("ipc:///run/orders/socket");
#elif VIOLATE == 3
    connect("curve://127.0.0.1:5555");
#elif VIOLATE == 4
    connect("inproc://zeromq.zap.01");
#elif VIOLATE == 5
    bind("inproc://");
#else
    bind("inproc://orders");
    connect("inproc://orders");
#endif
}

// SPDX-License-Identifier: MIT
// CLAIM:  nobody connects to a wildcard.
// EXPECT 1: endpoint_wildcard_is_for_bind_only
// EXPECT 2: endpoint_wildcard_is_for_bind_only
// EXPECT 3: endpoint_wildcard_is_for_bind_only
// EXPECT 4: endpoint_wildcard_is_for_bind_only
#include <ironhouse/core/endpoint.hpp>

constexpr ironhouse::transports curve{.tcp = true, .ipc = true, .inproc = false, .curve_spelling = true};
void bind(ironhouse::basic_endpoint<curve> where);
void connect(ironhouse::connect_endpoint<curve> where);

void probe() {
#if VIOLATE == 1
    connect("tcp://*:5555");
#elif VIOLATE == 2
    connect("tcp://127.0.0.1:*");
#elif VIOLATE == 3
    connect("tcp://127.0.0.1:0");
#elif VIOLATE == 4
    connect("ipc://*");
#else
    bind("tcp://*:*");
    bind("ipc://*");
    connect("tcp://127.0.0.1:5555");
#endif
}

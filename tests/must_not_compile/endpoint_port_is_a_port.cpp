// SPDX-License-Identifier: MIT
// CLAIM:  a literal's port is a strict decimal number from 1 to 65535.
// EXPECT 1: endpoint_port_must_be_a_number_from_1_to_65535
// EXPECT 2: endpoint_port_must_be_a_number_from_1_to_65535
// EXPECT 3: endpoint_port_must_be_a_number_from_1_to_65535
// EXPECT 4: endpoint_port_must_be_a_number_from_1_to_65535
// EXPECT 5: endpoint_port_must_be_a_number_from_1_to_65535
// EXPECT 6: endpoint_port_must_be_a_number_from_1_to_65535
#include <ironhouse/core/endpoint.hpp>

constexpr ironhouse::transports curve{.tcp = true, .ipc = true, .inproc = false, .curve_spelling = true};
void bind(ironhouse::basic_endpoint<curve> where);

void probe() {
#if VIOLATE == 1
    bind("tcp://127.0.0.1");
#elif VIOLATE == 2
    bind("tcp://127.0.0.1:");
#elif VIOLATE == 3
    bind("tcp://127.0.0.1:65536");
#elif VIOLATE == 4
    bind("tcp://127.0.0.1:0x15");
#elif VIOLATE == 5
    bind("tcp://127.0.0.1:-5555");
#elif VIOLATE == 6
    bind("tcp://127.0.0.1:05555");
#else
    bind("tcp://127.0.0.1:65535");
    bind("tcp://127.0.0.1:*");
#endif
}

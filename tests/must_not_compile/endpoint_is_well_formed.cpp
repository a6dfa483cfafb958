// SPDX-License-Identifier: MIT
// CLAIM:  a malformed address is refused by the compiler, with the rule it breaks.
// EXPECT 1: endpoint_must_begin_with_a_transport_such_as_tcp
// EXPECT 2: endpoint_must_begin_with_a_transport_such_as_tcp
// EXPECT 3: endpoint_host_is_not_a_name_or_an_address
// EXPECT 4: endpoint_host_is_not_a_name_or_an_address
// EXPECT 5: endpoint_host_is_not_a_name_or_an_address
// EXPECT 6: endpoint_ipv6_address_belongs_in_brackets
// EXPECT 7: endpoint_source_address_is_for_connect_only
// EXPECT 8: endpoint_source_and_destination_differ_in_ip_version
// EXPECT 9: endpoint_ipc_path_must_have_1_to_107_bytes
// EXPECT 10: endpoint_has_a_character_that_does_not_belong_there
// EXPECT 11: endpoint_is_longer_than_256_bytes
#include <ironhouse/core/endpoint.hpp>

constexpr ironhouse::transports curve{.tcp = true, .ipc = true, .inproc = false, .curve_spelling = true};
void bind(ironhouse::basic_endpoint<curve> where);
void connect(ironhouse::connect_endpoint<curve> where);

void probe() {
#if VIOLATE == 1
    bind("");
#elif VIOLATE == 2
    bind("127.0.0.1:5555");
#elif VIOLATE == 3
    bind("tcp://:5555");
#elif VIOLATE == 4
    connect("tcp://127.1:5555");
#elif VIOLATE == 5
    bind("tcp://[::1::]:5555");
#elif VIOLATE == 6
    bind("tcp://::1:5555");
#elif VIOLATE == 7
    bind("tcp://10.0.0.1:0;10.0.0.2:5555");
#elif VIOLATE == 8
    connect("tcp://10.0.0.1:0;[::1]:5555");
#elif VIOLATE == 9
    bind("ipc://");
#elif VIOLATE == 10
    bind("ipc:///run/orders\0/socket");
#elif VIOLATE == 11
#define TEN_BYTES "0123456789"
#define FIFTY_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES
    bind("ipc://" FIFTY_BYTES FIFTY_BYTES FIFTY_BYTES FIFTY_BYTES FIFTY_BYTES TEN_BYTES);
#else
    bind("tcp://localhost:5555");
    bind("tcp://[::1]:5555");
    bind("ipc:///run/orders/door");
    connect("tcp://10.0.0.1:0;10.0.0.2:5555");
#endif
}

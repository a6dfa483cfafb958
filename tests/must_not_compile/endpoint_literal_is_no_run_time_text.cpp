// SPDX-License-Identifier: MIT
// CLAIM:  text that is known at run time only goes through parse().
// EXPECT 1: text_becomes_an_endpoint_through_parse
// EXPECT 2: text_becomes_an_endpoint_through_parse
// EXPECT 3: 'buffer'
// EXPECT 3: constant expression
// EXPECT 4: text_becomes_an_endpoint_through_parse
#include <ironhouse/core/endpoint.hpp>

#include <string>

constexpr ironhouse::transports curve{.tcp = true, .ipc = true, .inproc = false, .curve_spelling = true};
using endpoint = ironhouse::basic_endpoint<curve>;
using server = ironhouse::connect_endpoint<curve>;
void bind(const endpoint& where);
void connect(const server& where);

void probe(const std::string& text, const char* pointer) {
    char buffer[] = "tcp://127.0.0.1:5555";
#if VIOLATE == 1
    bind(text);
#elif VIOLATE == 2
    bind(pointer);
#elif VIOLATE == 3
    bind(buffer);
#elif VIOLATE == 4
    connect(text);
#else
    bind(endpoint::parse(text));
    connect(server::parse(pointer));
    connect(endpoint::parse(buffer));
#endif
    (void)text;
    (void)pointer;
    (void)buffer;
}

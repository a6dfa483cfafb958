// SPDX-License-Identifier: MIT
// CLAIM:  text that the compiler cannot check goes through parse().
// EXPECT 1: text_becomes_an_endpoint_through_parse
// EXPECT 2: text_becomes_an_endpoint_through_parse
// EXPECT 3: text_becomes_an_endpoint_through_parse
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/socket.hpp>

#include <string>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::inbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};

using target = ih::socket<ih::pull, limits, ih::curve_client>;
#if VIOLATE == 1
void probe(target& s, const std::string& text) { s.bind(text); }
#elif VIOLATE == 2
void probe(target& s, const std::string& text) { s.connect(text); }
#elif VIOLATE == 3
void probe(target& s, const char* text) { s.bind(text); }
#else
void probe(target& s, const std::string& text) {
    s.bind(ih::endpoint<ih::curve_client>::parse(text));
    s.connect(ih::endpoint<ih::curve_client>::parse(text));
}
#endif

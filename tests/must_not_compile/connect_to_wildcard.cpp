// SPDX-License-Identifier: MIT
// CLAIM:  a wildcard is for bind: there is nothing to connect to.
// EXPECT 1: endpoint_wildcard_is_for_bind_only
// EXPECT 2: endpoint_wildcard_is_for_bind_only
// EXPECT 3: endpoint_wildcard_is_for_bind_only
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/socket.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::outbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};

void probe(ih::socket<ih::push, limits, ih::curve_client>& s) {
#if VIOLATE == 1
    s.connect("tcp://*:5555");
#elif VIOLATE == 2
    s.connect("tcp://127.0.0.1:*");
#elif VIOLATE == 3
    s.connect("ipc://*");
#else
    s.connect("tcp://127.0.0.1:5555");
    s.bind("tcp://*:*");
#endif
}

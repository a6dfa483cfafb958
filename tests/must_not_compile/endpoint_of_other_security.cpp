// SPDX-License-Identifier: MIT
// CLAIM:  an endpoint of one security policy is not an endpoint of another.
// EXPECT 1: no_endpoint_of_another_security_policy
// EXPECT 2: no_endpoint_of_another_security_policy
#include <ironhouse/security/curve.hpp>
#include <ironhouse/security/in_process.hpp>
#include <ironhouse/socket/socket.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::inbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};

using target = ih::socket<ih::pull, limits, ih::curve_client>;
#if VIOLATE == 1
void probe(target& s, const ih::endpoint<ih::in_process>& at) { s.bind(at); }
#elif VIOLATE == 2
void probe(target& s, const ih::endpoint<ih::in_process>& at) { s.connect(at); }
#else
void probe(target& s, const ih::endpoint<ih::curve_server>& at) {
    s.bind(at);
    s.connect(at);
}
#endif

// SPDX-License-Identifier: MIT
// CLAIM:  a proxy has one router at most: a routing id of one side means nothing to the other.
// EXPECT: a proxy has one router at most: the routing ids of one mean nothing to the other

#include <ironhouse/security/in_process.hpp>
#include <ironhouse/threads/proxy.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

constexpr ih::inbound in{.peers = 8_peers, .queue = 10_messages, .frames = 4_frames, .frame = 1_KiB};
constexpr ih::outbound out{.peers = 8_peers, .queue = 10_messages, .frames = 4_frames, .frame = 1_KiB};
constexpr ih::duplex limits{.in = in, .out = out};

using clients = ih::socket<ih::router, limits, ih::in_process>;
#ifdef VIOLATE
using services = ih::socket<ih::router, limits, ih::in_process>;
#else
using services = ih::socket<ih::dealer, limits, ih::in_process>;
#endif

void probe(clients& front, services& back) { ih::proxy{front, back}.pause(ih::proxy_side::front); }

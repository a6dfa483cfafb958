// SPDX-License-Identifier: MIT
// CLAIM:  a server says what it serves, who may come in, and who it is.
// EXPECT 1: curve_server leaves out .clients
// EXPECT 2: curve_server leaves out .domain
// EXPECT 3: curve_server leaves out .identity
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/context.hpp>
#include <ironhouse/socket/socket.hpp>

#include <utility>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::inbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};

using target = ih::socket<ih::pull, limits, ih::curve_server>;

void probe(ih::context& context, [[maybe_unused]] ih::certificate& us, [[maybe_unused]] const ih::keyring& ring) {
#if VIOLATE == 1
    target s{context, {.domain = "orders", .identity = std::move(us)}};
#elif VIOLATE == 2
    target s{context, {.clients = ring, .identity = std::move(us)}};
#elif VIOLATE == 3
    target s{context, {.domain = "orders", .clients = ring}};
#else
    target s{context, {.domain = "orders", .clients = ring, .identity = std::move(us)}};
#endif
}

// SPDX-License-Identifier: MIT
// CLAIM:  a client says who it is and whom it trusts.
// EXPECT 1: curve_client leaves out .server
// EXPECT 2: curve_client leaves out .identity
// EXPECT 3: curve_client leaves out .identity
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/context.hpp>
#include <ironhouse/socket/socket.hpp>

#include <utility>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::outbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};

using target = ih::socket<ih::push, limits, ih::curve_client>;

void probe(ih::context& context, [[maybe_unused]] ih::certificate& ann, [[maybe_unused]] const ih::public_key& server) {
#if VIOLATE == 1
    target s{context, {.identity = std::move(ann)}};
#elif VIOLATE == 2
    target s{context, {.server = server}};
#elif VIOLATE == 3
    target s{context, {}};
#else
    target s{context, {.identity = std::move(ann), .server = server}};
#endif
}

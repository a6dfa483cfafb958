// SPDX-License-Identifier: MIT
// CLAIM:  a socket opens in a context whose sentry stands at its door, in no other.
// EXPECT 1: an_ironhouse_context
// EXPECT 2: an_ironhouse_context
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/context.hpp>
#include <ironhouse/socket/socket.hpp>

#include <utility>

#include <zmq.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::outbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};

using target = ih::socket<ih::push, limits, ih::curve_client>;

#if VIOLATE == 1
void probe(zmq::context_t& context, ih::curve_client who) { target s{context, std::move(who)}; }
#elif VIOLATE == 2
void probe(void* context, ih::curve_client who) { target s{context, std::move(who)}; }
#else
void probe(ih::context& context, ih::curve_client who) { target s{context, std::move(who)}; }
#endif

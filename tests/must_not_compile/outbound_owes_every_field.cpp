// SPDX-License-Identifier: MIT
// CLAIM:  no field of outbound limits can be left out.
// EXPECT 1: limits leave out .peers: how many connections are served at once
// EXPECT 2: limits leave out .queue: how many messages may wait for one peer
// EXPECT 3: limits leave out .frames: how many frames one message may have
// EXPECT 4: limits leave out .frame: how many bytes one frame may carry
#include <ironhouse/core/limits.hpp>

using namespace ironhouse::literals;

#if VIOLATE == 1
constexpr ironhouse::outbound limits{.queue = 100_messages, .frames = 4_frames, .frame = 4_KiB};
#elif VIOLATE == 2
constexpr ironhouse::outbound limits{.peers = 100_peers, .frames = 4_frames, .frame = 4_KiB};
#elif VIOLATE == 3
constexpr ironhouse::outbound limits{.peers = 100_peers, .queue = 100_messages, .frame = 4_KiB};
#elif VIOLATE == 4
constexpr ironhouse::outbound limits{.peers = 100_peers, .queue = 100_messages, .frames = 4_frames};
#else
constexpr ironhouse::outbound limits{.peers = 100_peers, .queue = 100_messages, .frames = 4_frames, .frame = 4_KiB};
#endif
static_assert(limits == limits);

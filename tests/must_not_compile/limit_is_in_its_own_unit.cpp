// SPDX-License-Identifier: MIT
// CLAIM:  a limit in another unit is no limit.
// EXPECT 1: a_limit_in_another_unit
// EXPECT 2: a_limit_in_another_unit
// EXPECT 3: a_limit_in_another_unit
// EXPECT 4: a_limit_in_another_unit
#include <ironhouse/core/limits.hpp>

using namespace ironhouse::literals;

#if VIOLATE == 1
constexpr ironhouse::inbound limits{.peers = 100_peers, .queue = 4_KiB, .frames = 4_frames, .frame = 4_KiB};
#elif VIOLATE == 2
constexpr ironhouse::inbound limits{.peers = 100_peers, .queue = 9_messages, .frames = 4_frames, .frame = 9_messages};
#elif VIOLATE == 3
constexpr ironhouse::inbound limits{.peers = 4_frames, .queue = 100_messages, .frames = 4_frames, .frame = 4_KiB};
#elif VIOLATE == 4
constexpr ironhouse::inbound limits{.peers = 100_peers, .queue = 100_messages, .frames = 4_per_s, .frame = 4_KiB};
#else
constexpr ironhouse::inbound limits{.peers = 100_peers, .queue = 100_messages, .frames = 4_frames, .frame = 4_KiB};
#endif
static_assert(limits == limits);

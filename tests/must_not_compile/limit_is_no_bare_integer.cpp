// SPDX-License-Identifier: MIT
// CLAIM:  a limit is never a number without its unit.
// EXPECT 1: a_limit_is_written_with_its_unit
// EXPECT 2: a_limit_is_written_with_its_unit
// EXPECT 3: a_limit_is_written_with_its_unit
// EXPECT 4: a_limit_is_written_with_its_unit
// EXPECT 5: a_limit_is_written_with_its_unit
#include <ironhouse/core/limits.hpp>

using namespace ironhouse::literals;

#if VIOLATE == 1
constexpr ironhouse::inbound limits{.peers = 100, .queue = 100_messages, .frames = 4_frames, .frame = 4_KiB};
#elif VIOLATE == 2
constexpr ironhouse::inbound limits{.peers = 100_peers, .queue = 100, .frames = 4_frames, .frame = 4_KiB};
#elif VIOLATE == 3
constexpr ironhouse::inbound limits{.peers = 100_peers, .queue = 100_messages, .frames = 4, .frame = 4_KiB};
#elif VIOLATE == 4
constexpr ironhouse::inbound limits{.peers = 100_peers, .queue = 100_messages, .frames = 4_frames, .frame = 4096};
#elif VIOLATE == 5
constexpr ironhouse::inbound limits{.peers = 100_peers, .queue = 1e2, .frames = 4_frames, .frame = 4_KiB};
#else
constexpr ironhouse::inbound limits{.peers = 100_peers, .queue = 100_messages, .frames = 4_frames, .frame = 4_KiB};
#endif
static_assert(limits == limits);

// SPDX-License-Identifier: MIT
// CLAIM:  a number that its unit cannot hold is refused and not wrapped around.
// EXPECT 1: a limit is larger than its unit can hold
// EXPECT 2: a limit is larger than its unit can hold
// EXPECT 3: a limit is larger than its unit can hold
// EXPECT 4: a limit is larger than its unit can hold
// EXPECT 5: a limit is larger than its unit can hold
#include <ironhouse/core/units.hpp>

using namespace ironhouse::literals;

#if VIOLATE == 1
constexpr auto limit = 18'446'744'073'709'551'617_B; // 2^64 + 1
#elif VIOLATE == 2
constexpr auto limit = 17'179'869'185_GiB; // 2^64 + 2^30 bytes
#elif VIOLATE == 3
constexpr auto limit = 65_frames;
#elif VIOLATE == 4
constexpr auto limit = 10'000'001_messages;
#elif VIOLATE == 5
constexpr auto limit = 1'000'001_peers;
#else
constexpr auto limit = 1'000'000_peers;
#endif
static_assert(limit.count() > 1);

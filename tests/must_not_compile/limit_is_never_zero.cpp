// SPDX-License-Identifier: MIT
// CLAIM:  0, libzmq's "no limit", cannot be written.
// EXPECT 1: 0 is not a limit
// EXPECT 2: 0 is not a limit
// EXPECT 3: 0 is not a limit
// EXPECT 4: 0 is not a limit
// EXPECT 5: 0 is not a limit
#include <ironhouse/core/units.hpp>

using namespace ironhouse::literals;

#if VIOLATE == 1
constexpr auto limit = 0_peers;
#elif VIOLATE == 2
constexpr auto limit = 0_messages;
#elif VIOLATE == 3
constexpr auto limit = 0_frames;
#elif VIOLATE == 4
constexpr auto limit = 0_GiB;
#elif VIOLATE == 5
constexpr auto limit = 0_per_s;
#else
constexpr auto limit = 1_messages;
#endif
static_assert(limit.count() >= 0);

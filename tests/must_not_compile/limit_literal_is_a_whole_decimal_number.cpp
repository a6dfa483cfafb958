// SPDX-License-Identifier: MIT
// CLAIM:  a limit is written as a whole decimal number, so that it reads as what it is.
// EXPECT 1: a limit is a whole number
// EXPECT 2: a limit is a whole number
// EXPECT 3: a limit is written in decimal digits
// EXPECT 4: a limit is written in decimal digits
// EXPECT 5: a limit is written in decimal digits
#include <ironhouse/core/units.hpp>

using namespace ironhouse::literals;

#if VIOLATE == 1
constexpr auto limit = 1.5_KiB;
#elif VIOLATE == 2
constexpr auto limit = 1e3_B;
#elif VIOLATE == 3
constexpr auto limit = 010_peers;
#elif VIOLATE == 4
constexpr auto limit = 0x10_frames;
#elif VIOLATE == 5
constexpr auto limit = 0b1'0_messages;
#else
constexpr auto limit = 1'000_messages;
#endif
static_assert(limit.count() > 1);

// SPDX-License-Identifier: MIT
// CLAIM:  -1, libzmq's other "no limit", cannot be written.
// EXPECT 1: a limit is never negative
// EXPECT 2: a limit is never negative
#include <ironhouse/core/units.hpp>

using namespace ironhouse::literals;

#if VIOLATE == 1
constexpr auto limit = -1_messages;
#elif VIOLATE == 2
constexpr auto limit = -1_B;
#else
constexpr auto limit = 1_messages;
#endif
static_assert(limit.count() >= 0);

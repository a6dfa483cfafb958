// SPDX-License-Identifier: MIT
// CLAIM:  no field of a budget can be left out.
// EXPECT 1: a budget leaves out .memory
// EXPECT 2: a budget leaves out .peers
// EXPECT 3: a budget leaves out .frames
// EXPECT 4: a budget leaves out .frame:
// EXPECT 5: a budget leaves out .burst
#include <ironhouse/core/limits.hpp>

using namespace ironhouse::literals;

#if VIOLATE == 1
constexpr ironhouse::budget given{.peers = 9_peers, .frames = 1_frame, .frame = 1_KiB, .burst = 2_messages};
#elif VIOLATE == 2
constexpr ironhouse::budget given{.memory = 9_MiB, .frames = 1_frame, .frame = 1_KiB, .burst = 2_messages};
#elif VIOLATE == 3
constexpr ironhouse::budget given{.memory = 9_MiB, .peers = 9_peers, .frame = 1_KiB, .burst = 2_messages};
#elif VIOLATE == 4
constexpr ironhouse::budget given{.memory = 9_MiB, .peers = 9_peers, .frames = 1_frame, .burst = 2_messages};
#elif VIOLATE == 5
constexpr ironhouse::budget given{.memory = 9_MiB, .peers = 9_peers, .frames = 1_frame, .frame = 1_KiB};
#else
constexpr ironhouse::budget given{
    .memory = 9_MiB, .peers = 9_peers, .frames = 1_frame, .frame = 1_KiB, .burst = 2_messages};
#endif
static_assert(given == given);

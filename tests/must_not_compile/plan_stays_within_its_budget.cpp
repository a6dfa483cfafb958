// SPDX-License-Identifier: MIT
// CLAIM:  a plan that its budget cannot pay for is refused with the missing number of bytes.
// EXPECT 1: the budget's .memory is too small
// EXPECT 1: 16353025
// EXPECT 2: a budget's .frame is at most 1 GiB
// EXPECT 3: a budget's .burst is at most 1'000'000 messages
#include <ironhouse/core/limits.hpp>

using namespace ironhouse::literals;
using ironhouse::budget;

#if VIOLATE == 1
constexpr ironhouse::inbound limits = ironhouse::plan<budget{
    .memory = 1_MiB, .peers = 100_peers, .frames = 4_frames, .frame = 1_KiB, .burst = 10_messages}>();
#elif VIOLATE == 2
constexpr ironhouse::inbound limits = ironhouse::plan<budget{
    .memory = 1'000'000_GiB, .peers = 100_peers, .frames = 4_frames, .frame = 2_GiB, .burst = 10_messages}>();
#elif VIOLATE == 3
constexpr ironhouse::inbound limits = ironhouse::plan<budget{
    .memory = 1'000'000_GiB, .peers = 100_peers, .frames = 4_frames, .frame = 1_KiB, .burst = 2'000'000_messages}>();
#else
constexpr ironhouse::inbound limits = ironhouse::plan<budget{
    .memory = 64_MiB, .peers = 100_peers, .frames = 4_frames, .frame = 1_KiB, .burst = 10_messages}>();
#endif
static_assert(limits.queue >= 10_messages);

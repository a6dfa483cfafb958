// SPDX-License-Identifier: MIT
// CLAIM:  a socket is not shared with a thread: not by reference, not by pointer, not through a wrapper.
// EXPECT 1: sendable
// EXPECT 2: sendable
// EXPECT 3: sendable
// EXPECT 4: sendable
// EXPECT 5: sendable
// EXPECT 6: sendable
#include <ironhouse/security/in_process.hpp>
#include <ironhouse/socket/detached.hpp>
#include <ironhouse/socket/socket.hpp>
#include <ironhouse/threads/thread.hpp>

#include <functional>
#include <utility>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::inbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};

using target = ih::socket<ih::pull, limits, ih::in_process>;

ih::thread probe(target& s) {
#if VIOLATE == 1
    return ih::thread{[](target&) {}, s};
#elif VIOLATE == 2
    return ih::thread{[](target*) {}, &s};
#elif VIOLATE == 3
    return ih::thread{[](target&) {}, std::ref(s)};
#elif VIOLATE == 4
    return ih::thread{[](std::reference_wrapper<const target>) {}, std::cref(s)};
#elif VIOLATE == 5
    return ih::thread{[](ih::socket_ref<ih::pull>) {}, s.ref()};
#elif VIOLATE == 6
    return ih::thread{[](void*) {}, s.native_handle()};
#else
    return ih::thread{[](ih::detached<target> d) { auto mine = std::move(d).attach(); }, s.detach()};
#endif
}

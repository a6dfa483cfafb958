// SPDX-License-Identifier: MIT
// CLAIM:  the function of a thread captures nothing: not by reference, not by value, not this.
// EXPECT 1: captures_nothing
// EXPECT 2: captures_nothing
// EXPECT 3: captures_nothing
// EXPECT 4: captures_nothing
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
    return ih::thread{[&s] { s.close(); }};
#elif VIOLATE == 2
    return ih::thread{[&] { s.close(); }};
#elif VIOLATE == 3
    return ih::thread{[p = &s] { p->close(); }};
#elif VIOLATE == 4
    return ih::thread{std::bind([](target& t) { t.close(); }, std::ref(s))};
#else
    return ih::thread{[](ih::detached<target> d) { auto mine = std::move(d).attach(); }, s.detach()};
#endif
}

// SPDX-License-Identifier: MIT
// CLAIM:  no template argument of a socket has a usable default.
// EXPECT 1: a socket leaves out its security
// EXPECT 2: a socket leaves out its limits
// EXPECT 3: a socket leaves out its limits
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/socket.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::outbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};

#if VIOLATE == 1
using target = ih::socket<ih::push, limits>;
#elif VIOLATE == 2
using target = ih::socket<ih::push>;
#elif VIOLATE == 3
using target = ih::socket<>;
#else
using target = ih::socket<ih::push, limits, ih::curve_client>;
#endif
target* probe() { return nullptr; }

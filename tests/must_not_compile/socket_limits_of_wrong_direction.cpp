// SPDX-License-Identifier: MIT
// CLAIM:  a socket takes limits of the direction its pattern has.
// EXPECT 1: the limits of a socket are of its pattern's direction
// EXPECT 2: the limits of a socket are of its pattern's direction
// EXPECT 3: the limits of a socket are of its pattern's direction
// EXPECT 4: the limits of a socket are of its pattern's direction
// EXPECT 5: the limits of a socket are of its pattern's direction
// EXPECT 6: the limits of a socket are of its pattern's direction
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/socket.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::inbound incoming{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};
inline constexpr ih::outbound outgoing{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};
inline constexpr ih::duplex both{.in = incoming, .out = outgoing};

#if VIOLATE == 1
using target = ih::socket<ih::push, incoming, ih::curve_client>;
#elif VIOLATE == 2
using target = ih::socket<ih::pull, outgoing, ih::curve_client>;
#elif VIOLATE == 3
using target = ih::socket<ih::router, incoming, ih::curve_client>;
#elif VIOLATE == 4
using target = ih::socket<ih::req, outgoing, ih::curve_client>;
#elif VIOLATE == 5
using target = ih::socket<ih::pub, both, ih::curve_client>;
#elif VIOLATE == 6
using target = ih::socket<ih::sub, both, ih::curve_client>;
#else
using target = ih::socket<ih::push, outgoing, ih::curve_client>;
#endif
void probe(target& s) { s.close(); }

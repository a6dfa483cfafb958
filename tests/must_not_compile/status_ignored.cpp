// SPDX-License-Identifier: MIT
// CLAIM:  what became of a message is looked at.
// EXPECT 1: nodiscard
// EXPECT 2: nodiscard
// EXPECT 3: nodiscard
// EXPECT 4: nodiscard
// EXPECT 5: nodiscard
// EXPECT 6: nodiscard
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/poller.hpp>
#include <ironhouse/socket/socket.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::inbound incoming{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};
inline constexpr ih::outbound outgoing{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};
inline constexpr ih::duplex both{.in = incoming, .out = outgoing};

using target = ih::socket<ih::dealer, both, ih::curve_client>;

void probe([[maybe_unused]] target& s, [[maybe_unused]] target::message& m, [[maybe_unused]] ih::poller& p) {
#if VIOLATE == 1
    s.send(m, 1s);
#elif VIOLATE == 2
    s.try_send(m);
#elif VIOLATE == 3
    s.receive(m, 1s);
#elif VIOLATE == 4
    s.try_receive(m);
#elif VIOLATE == 5
    s.send_object(7, 1s);
#elif VIOLATE == 6
    p.wait(1s);
#else
    if (s.send(m, 1s) != ih::send_status::queued) return;
    if (s.receive(m, 1s) != ih::receive_status::received) return;
    if (p.wait(1s) != ih::poll_status::ready) return;
#endif
}

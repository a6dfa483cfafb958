// SPDX-License-Identifier: MIT
// CLAIM:  an object that cannot fit one frame is refused by the compiler.
// EXPECT 1: fits_the_frame_limit
// EXPECT 2: fits_the_frame_limit
// EXPECT 3: fits_the_frame_limit
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/socket.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::outbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};

struct exact {
    char text[1024];
};
struct larger {
    char text[1025];
};
struct owning {
    owning(const owning&);
    int number;
};

ih::send_status probe(ih::socket<ih::push, limits, ih::curve_client>& s, [[maybe_unused]] const exact& e,
                      [[maybe_unused]] const larger& l, [[maybe_unused]] const owning& o) {
#if VIOLATE == 1
    return s.send_object(l, 1s);
#elif VIOLATE == 2
    return s.send_object(o, 1s);
#elif VIOLATE == 3
    return s.send_object(&e, 1s);
#else
    return s.send_object(e, 1s);
#endif
}

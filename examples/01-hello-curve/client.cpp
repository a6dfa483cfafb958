// SPDX-License-Identifier: MIT
// clang-format off: the columns are the README's
// Orders one thousand widgets from the one server that holds the key below.
#include <ironhouse/ironhouse.hpp>

#include <cstdio>
#include <cstdlib>

namespace ih = ironhouse;
using namespace ih::literals;

void too_big() { std::puts("that order is larger than what this channel may carry"); }
void back_off() { std::puts("the queue is full; the order is still ours, and can be sent later"); }

inline constexpr ih::outbound orders{.peers = 1_peers, .queue = 100_messages, .frames = 4_frames, .frame = 4_KiB};

int main() {
    ih::context context;
    ih::socket<ih::push, orders, ih::curve_client> source{context, {
        .identity = ih::certificate::load("ann.key_secret"),
        .server   = ih::public_key::from_z85("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"),
    }};
    source.connect("tcp://127.0.0.1:5555");
    decltype(source)::message order;
    if (!order.add("one thousand widgets")) too_big();      // nodiscard: false when a limit would be exceeded, nothing added
    if (source.send(order, 250ms) == ih::send_status::full) back_off();   // the message is still ours
}

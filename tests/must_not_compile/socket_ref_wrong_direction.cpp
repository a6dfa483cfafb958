// SPDX-License-Identifier: MIT
// CLAIM:  a reference to a socket can do no more than its pattern.
// EXPECT 1: can_send
// EXPECT 2: can_receive
#include <ironhouse/socket/socket_ref.hpp>

namespace ih = ironhouse;
using namespace ih::literals;

#if VIOLATE == 1
ih::send_status probe(ih::socket_ref<ih::pull> s, ih::any_message& m) { return s.try_send(m); }
#elif VIOLATE == 2
ih::receive_status probe(ih::socket_ref<ih::push> s, ih::any_message& m) { return s.try_receive(m); }
#else
ih::send_status probe(ih::socket_ref<ih::push> s, ih::any_message& m) { return s.try_send(m); }
ih::receive_status probe(ih::socket_ref<ih::pull> s, ih::any_message& m) { return s.try_receive(m); }
#endif

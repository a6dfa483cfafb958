// SPDX-License-Identifier: MIT
// CLAIM:  a channel carries values, and a pointer is none.
// EXPECT 1: travels_by_value
// EXPECT 2: travels_by_value
// EXPECT 3: a channel carries values
#include <ironhouse/threads/channel.hpp>

#include <string>

namespace ih = ironhouse;
using namespace ih::literals;

#if VIOLATE == 1
auto probe(ih::context& context) { return ih::make_channel<int*>(context, 10_messages); }
#elif VIOLATE == 2
auto probe(ih::context& context) { return ih::make_channel<std::string>(context, 10_messages); }
#elif VIOLATE == 3
auto probe(ih::channel_end<int*>& end) { return end.detach(); }
#else
auto probe(ih::context& context) { return ih::make_channel<int>(context, 10_messages); }
#endif

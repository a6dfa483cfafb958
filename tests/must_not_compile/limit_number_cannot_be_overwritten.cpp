// SPDX-License-Identifier: MIT
// CLAIM:  the number inside a limit takes no integer, although template arguments need it to be public.
// EXPECT 1: amount'
// EXPECT 1: 'int'
// EXPECT 2: +='
#include <ironhouse/core/limits.hpp>

using namespace ironhouse::literals;

ironhouse::messages grow(ironhouse::messages queue) {
#if VIOLATE == 1
    queue.amount_ = 0;
#elif VIOLATE == 2
    queue += 1'000;
#else
    queue = 1'000_messages;
#endif
    return queue;
}

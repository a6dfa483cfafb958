// SPDX-License-Identifier: MIT
// CLAIM:  what a thread is given must be safe to give: anything not on the list is refused.
// EXPECT 1: sendable
// EXPECT 2: sendable
// EXPECT 3: sendable
// EXPECT 4: sendable
// EXPECT 5: sendable
#include <ironhouse/threads/thread.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ih = ironhouse;
using namespace ih::literals;

void probe([[maybe_unused]] std::string& text, [[maybe_unused]] int& number) {
#if VIOLATE == 1
    ih::thread t{[](std::string&) {}, std::ref(text)};
#elif VIOLATE == 2
    ih::thread t{[](int*) {}, &number};
#elif VIOLATE == 3
    ih::thread t{[](std::string_view) {}, std::string_view{text}};
#elif VIOLATE == 4
    ih::thread t{[](std::shared_ptr<int>) {}, std::make_shared<int>(number)};
#elif VIOLATE == 5
    ih::thread t{[](std::vector<int*>) {}, std::vector<int*>{&number}};
#else
    ih::thread t{[](std::string, int) {}, text, number};
#endif
}

// SPDX-License-Identifier: MIT
#include <ironhouse/threads/channel.hpp>

#include <cstdint>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <ironhouse/threads/thread.hpp>

#include "catch.hpp"
#include "support/ending.hpp"
#include "support/sockets.hpp"

namespace ih = ironhouse;
using namespace support;
using ih::receive_status;
using ih::send_status;

namespace {

struct tick {
    std::uint64_t at;
    double price;
};

static_assert(ih::travels_by_value<int> && ih::travels_by_value<tick>);
static_assert(!ih::travels_by_value<int*> && !ih::travels_by_value<std::string> && !ih::travels_by_value<int&>);
static_assert(ih::sendable<ih::detached<ih::channel_end<tick>>> && !ih::sendable<ih::channel_end<tick>>);

} // namespace

TEST_CASE("values go both ways through a channel, in order", "[channel][T7.2]") {
    ih::context context;
    auto [a, b] = ih::make_channel<tick>(context, 10_messages);
    auto left = std::move(a).attach();
    auto right = std::move(b).attach();
    for (std::uint64_t i = 0; i != 10; ++i) REQUIRE(left.send(tick{i, 0.5}, soon) == send_status::queued);
    REQUIRE(right.send(tick{99, 1.5}, soon) == send_status::queued);
    tick got{};
    for (std::uint64_t i = 0; i != 10; ++i) {
        REQUIRE(right.receive(got, soon) == receive_status::received);
        CHECK(got.at == i);
    }
    REQUIRE(left.receive(got, soon) == receive_status::received);
    CHECK(got.at == 99);
}

TEST_CASE("a value is changed only by what was received", "[channel]") {
    ih::context context;
    auto [a, b] = ih::make_channel<int>(context, 2_messages);
    auto left = std::move(a).attach();
    int value = 42;
    CHECK(left.receive(value, 1ms) == receive_status::timed_out);
    CHECK(value == 42);
    context.shutdown();
    CHECK(left.receive(value, 60s) == receive_status::closing);
    CHECK(left.send(value, 60s) == send_status::closing);
    CHECK(value == 42);
}

TEST_CASE("a channel whose other end does not read fills up, and says so", "[channel][T1.1]") {
    ih::context context;
    auto [a, b] = ih::make_channel<int>(context, 4_messages);
    auto left = std::move(a).attach();
    auto right = std::move(b).attach();
    int queued = 0;
    while (left.send(queued, 1ms) == send_status::queued) REQUIRE(++queued <= 100);
    CHECK(queued == 8); // an inproc pipe holds both ends' queues together
    int value = -1;
    for (int i = 0; i != queued; ++i) {
        REQUIRE(right.receive(value, soon) == receive_status::received);
        CHECK(value == i);
    }
    CHECK(left.send(7, soon) == send_status::queued);
}

TEST_CASE("a channel's queue holds at least two values", "[channel]") {
    ih::context context;
    try {
        const auto ends = ih::make_channel<int>(context, 1_message);
        FAIL("opened");
    } catch (const ih::error& refused) {
        CHECK(refused.why() == ih::error::misuse);
    }
}

TEST_CASE("channels of one context are separate", "[channel]") {
    ih::context context;
    auto one = ih::make_channel<int>(context, 2_messages);
    auto two = ih::make_channel<int>(context, 2_messages);
    auto one_left = std::move(one.first).attach();
    auto one_right = std::move(one.second).attach();
    auto two_right = std::move(two.second).attach();
    REQUIRE(one_left.send(1, soon) == send_status::queued);
    int value = 0;
    CHECK(two_right.receive(value, 1ms) == receive_status::timed_out);
    CHECK(one_right.receive(value, soon) == receive_status::received);
}

TEST_CASE("two threads talk through a channel until one is asked to stop", "[channel][T7.2]") {
    ih::context context;
    auto [a, b] = ih::make_channel<int>(context, 16_messages);
    auto mine = std::move(a).attach();
    ih::thread doubles{[](const std::stop_token& stop, ih::detached<ih::channel_end<int>> given) {
                           auto end = std::move(given).attach();
                           int value = 0;
                           while (end.receive(value, 60s, stop) == receive_status::received)
                               if (end.send(2 * value, 10s) != send_status::queued) return;
                       },
                       std::move(b)};
    for (int i = 0; i != 100; ++i) {
        REQUIRE(mine.send(i, soon) == send_status::queued);
        int answer = -1;
        REQUIRE(mine.receive(answer, soon) == receive_status::received);
        CHECK(answer == 2 * i);
    }
    doubles.request_stop();
    doubles.join();
    int value = 0;
    CHECK(mine.receive(value, 1ms) == receive_status::timed_out); // nobody is left, and no wait hangs
}

TEST_CASE("a channel's end used by another thread ends the process with one line", "[channel][T7.1]") {
    const ending end = in_child([] {
        ih::context context;
        auto [a, b] = ih::make_channel<int>(context, 2_messages);
        auto left = std::move(a).attach();
        std::thread other{[&left] { (void)left.send(1, 1ms); }};
        other.join();
        return 0;
    });
    INFO(end.said);
    CHECK(end.fatal(used_by_another_thread));
}

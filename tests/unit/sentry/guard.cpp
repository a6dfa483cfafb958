// SPDX-License-Identifier: MIT
#include <ironhouse/sentry/guard.hpp>

#include <cstdint>

#include "catch.hpp"

using ironhouse::detail::account;
using ironhouse::detail::guard;
using ironhouse::detail::guard_budget;

namespace {
constexpr auto budget = guard_budget::of(100, 4, 4096);
} // namespace

TEST_CASE("a frame on the line is longer by its seal and its length", "[sentry][B1]") {
    STATIC_REQUIRE(guard_budget::wire(0, 33) == 35);
    STATIC_REQUIRE(guard_budget::wire(222, 33) == 257); // 255 bytes: still one byte of length
    STATIC_REQUIRE(guard_budget::wire(223, 33) == 265);
    STATIC_REQUIRE(guard_budget::wire(4096, 0) == 4105);
}

TEST_CASE("a budget holds what the limits let wait, and one message more", "[sentry][B1]") {
    STATIC_REQUIRE(budget.queue >= 102 * 4 * (4096 + 42));
    STATIC_REQUIRE(budget.unfinished >= 4 * (4096 + 42));
    STATIC_REQUIRE(budget.unfinished < budget.queue);
    // No overflow where a queue is long and frames are large.
    STATIC_REQUIRE(guard_budget::of(1'000'000'000, 64, 1LL << 30).queue > 0);
}

TEST_CASE("whoever is read as fast as it sends never wakes the guard", "[sentry][B1]") {
    guard eye{budget, true};
    account ann;
    eye.open(ann, 500);
    for (std::uint64_t n = 1; n != 10'000; ++n) {
        eye.read(ann, 500 + n * 100'000, 0.005);
        eye.received(100'000);
        REQUIRE_FALSE(eye.must_wake());
    }
}

TEST_CASE("an unread flood wakes the guard, and then counts against its connection", "[sentry][B1]") {
    guard eye{budget, true};
    account eve, ann;
    eye.open(eve, 0);
    eye.open(ann, 0);
    eye.read(eve, static_cast<std::uint64_t>(budget.suspicion) + 10'000, 0);
    REQUIRE(eye.must_wake());
    eye.wake();
    guard::start_over(eve);
    guard::start_over(ann);
    const std::uint64_t base = eve.consumed;
    eye.read(eve, base + static_cast<std::uint64_t>(budget.queue), 0);
    CHECK_FALSE(eye.over_queue(eve)); // full, and no more
    eye.read(eve, base + static_cast<std::uint64_t>(budget.queue) + 1, 0);
    CHECK(eye.over_queue(eve));
    CHECK_FALSE(eye.over_queue(ann));
}

TEST_CASE("what was received is no longer held against a connection", "[sentry][B1]") {
    guard eye{budget, true};
    account ann;
    eye.open(ann, 0);
    eye.wake();
    for (std::uint64_t n = 1; n != 1'000; ++n) {
        eye.read(ann, n * static_cast<std::uint64_t>(budget.queue) / 2, 0);
        eye.received(budget.queue / 2);
        eye.credit(ann, budget.queue / 2, true);
        REQUIRE_FALSE(eye.over_queue(ann));
    }
    CHECK(eye.may_rest());
}

TEST_CASE("once the queues were empty, what was held before is one unfinished message", "[sentry][B1]") {
    guard eye{budget, true};
    account ann, eve;
    eye.wake();
    eye.read(ann, 500'000, 0);
    eye.read(eve, 500'000, 0);
    guard::ask(ann);
    guard::ask(eve);
    eye.read(ann, 900'000, 0); // since then; it does not count
    eye.credit(ann, 500'000, true);
    eye.credit(eve, 100'000, true);
    CHECK_FALSE(eye.over_unfinished(ann));
    CHECK(eye.unfinished(eve) == 400'000);
    CHECK(eye.over_unfinished(eve));
}

TEST_CASE("commands are let go, and never saved up", "[sentry][B1]") {
    guard eye{budget, true};
    account ann;
    eye.wake();
    eye.read(ann, 200, 0);
    eye.read(ann, 200, 10);
    CHECK(ann.level == 0);
    eye.read(ann, 200, 1'000'000);
    CHECK(ann.level == 0);
    eye.read(ann, 1'000'200, 0);
    CHECK(ann.level == 1'000'000);
}

TEST_CASE("credit for what was not on the line does not add up", "[sentry][B1]") {
    guard loose{budget, false};
    account eve;
    loose.wake();
    for (int n = 0; n != 100'000; ++n) loose.credit(eve, 74, true);
    CHECK(eve.level >= -guard_budget::in_hand);
}

TEST_CASE("nothing is forgiven until all that is held is known", "[sentry][B1]") {
    guard eye{budget, true};
    account ann, eve;
    eye.open(ann, 0);
    eye.open(eve, 0);
    // Eve holds this much before the guard wakes, and is silent from then on.
    eye.read(eve, static_cast<std::uint64_t>(budget.suspicion) + 1, 0);
    REQUIRE(eye.must_wake());
    eye.wake();
    ann.consumed = 100'000;
    guard::start_over(ann);
    guard::start_over(eve);
    CHECK_FALSE(ann.known);
    CHECK_FALSE(eve.known);
    // One of ann's messages is received: whatever she sent before it has been received too.
    eye.read(ann, 100'100, 0);
    eye.received(100);
    eye.credit(ann, 100, true);
    CHECK(ann.known);
    // Whoever has said next to nothing holds next to nothing.
    account quiet;
    eye.open(quiet, 500);
    guard::start_over(quiet);
    CHECK(quiet.known);
    // What may have been anybody's says nothing of eve.
    eye.credit(eve, 100, false);
    CHECK_FALSE(eve.known);
    CHECK_FALSE(eye.may_rest());
    // Whoever comes while the guard is awake is known from its first byte.
    account late;
    eye.open(late, 0);
    CHECK(late.known);
}

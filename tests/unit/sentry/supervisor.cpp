// SPDX-License-Identifier: MIT
#include <ironhouse/sentry/supervisor.hpp>

#include <chrono>
#include <string>

#include "catch.hpp"

using ironhouse::detail::supervisor;
using namespace std::chrono_literals;

namespace {
const supervisor::time start = std::chrono::steady_clock::now();
const std::string server = "tcp://127.0.0.1:5555";
} // namespace

TEST_CASE("a connection that libzmq gave up is connected again after the grace period", "[sentry]") {
    supervisor keeper;
    keeper.watch(server);
    CHECK_FALSE(keeper.next().has_value());
    keeper.lost(server, start, 0);
    REQUIRE(keeper.next() == start + 200ms);
    CHECK(keeper.take_due(start + 199ms).empty());
    REQUIRE(keeper.take_due(start + 200ms).size() == 1);
    CHECK(keeper.take_due(start + 1h).empty());
}

TEST_CASE("a connection that libzmq retries by itself is left to it", "[sentry]") {
    supervisor keeper;
    keeper.watch(server);
    keeper.lost(server, start, 0);
    keeper.retried(server);
    CHECK(keeper.take_due(start + 1h).empty());
}

TEST_CASE("every failure in a row doubles the wait, up to ten seconds, and success forgets them", "[sentry]") {
    supervisor keeper;
    keeper.watch(server);
    auto now = start;
    for (const auto expected : {200ms, 400ms, 800ms, 1'600ms, 3'200ms, 6'400ms, 10'000ms, 10'000ms}) {
        keeper.lost(server, now, 0);
        REQUIRE(keeper.next() == now + expected);
        now += expected;
        REQUIRE(keeper.take_due(now).size() == 1);
    }
    keeper.established(server);
    keeper.lost(server, now, 0);
    CHECK(keeper.next() == now + 200ms);
}

TEST_CASE("jitter lengthens the wait by less than a quarter and never shortens it", "[sentry]") {
    CHECK(supervisor::delay(0, 0) == 200ms);
    CHECK(supervisor::delay(0, 255) < 250ms);
    CHECK(supervisor::delay(40, 255) < 12'500ms);
    CHECK(supervisor::delay(40, 0) == 10'000ms);
}

TEST_CASE("a second loss before the first was answered changes nothing", "[sentry]") {
    supervisor keeper;
    keeper.watch(server);
    keeper.lost(server, start, 0);
    keeper.lost(server, start + 150ms, 0);
    CHECK(keeper.next() == start + 200ms);
}

TEST_CASE("a host name is recognised by its port once libzmq has resolved it", "[sentry]") {
    supervisor keeper;
    keeper.watch("tcp://localhost:5555");
    keeper.watch("tcp://localhost:6666");
    keeper.lost("tcp://127.0.0.1:5555", start, 0);
    const auto due = keeper.take_due(start + 1s);
    REQUIRE(due.size() == 1);
    CHECK(due.front() == "tcp://localhost:5555");
}

TEST_CASE("an endpoint that is no longer supervised, or never was, is not connected", "[sentry]") {
    supervisor keeper;
    keeper.watch(server);
    keeper.watch(server);
    keeper.lost("ipc:///other", start, 0);
    keeper.lost("", start, 0);
    CHECK_FALSE(keeper.next().has_value());
    keeper.lost(server, start, 0);
    keeper.forget(server);
    CHECK(keeper.take_due(start + 1h).empty());
}

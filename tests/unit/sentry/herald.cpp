// SPDX-License-Identifier: MIT
#include <ironhouse/sentry/herald.hpp>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"

namespace ih = ironhouse;
using ih::reason;
using namespace std::chrono_literals;

namespace {

struct told {
    reason why;
    std::uint64_t count;
    std::string peer;
};

const ih::detail::herald::time start = std::chrono::steady_clock::now();

} // namespace

TEST_CASE("the first event of a kind comes at once, more of it once a second with a count", "[sentry]") {
    std::vector<told> heard;
    ih::detail::herald herald{[&](const ih::event& e) { heard.push_back({e.why, e.count, std::string{e.peer}}); }};
    for (int i = 0; i != 1'000; ++i)
        herald.tell({.why = reason::refused_unknown_key, .socket = 1, .peer = std::to_string(i)}, start);
    REQUIRE(heard.size() == 1);
    CHECK(heard[0].peer == "0");
    REQUIRE(herald.next() == start + 1s);
    herald.flush(start + 999ms);
    CHECK(heard.size() == 1);
    herald.flush(start + 1s);
    REQUIRE(heard.size() == 2);
    CHECK(heard[1].count == 999);
    CHECK(heard[1].peer == "999");
    CHECK_FALSE(herald.next().has_value());
    CHECK(herald.count(reason::refused_unknown_key) == 1'000);
}

TEST_CASE("events of other kinds and other sockets do not wait for each other", "[sentry]") {
    std::vector<told> heard;
    ih::detail::herald herald{[&](const ih::event& e) { heard.push_back({e.why, e.count, std::string{e.peer}}); }};
    herald.tell({.why = reason::connected, .socket = 1}, start);
    herald.tell({.why = reason::connected, .socket = 2}, start);
    herald.tell({.why = reason::disconnected, .socket = 1}, start);
    CHECK(heard.size() == 3);
    herald.tell({.why = reason::connected, .socket = 1}, start);
    herald.forget(1, start);
    CHECK(heard.size() == 4); // what waited is not lost with its socket
}

TEST_CASE("a callback that throws loses its event and nothing else", "[sentry]") {
    ih::detail::herald herald{[](const ih::event&) { throw std::runtime_error{"no"}; }};
    herald.tell({.why = reason::connected}, start);
    CHECK(herald.count(reason::callback_failed) == 1);
    CHECK(herald.count(reason::connected) == 1);
}

TEST_CASE("a decision can be counted before its listener hears of it, and is counted once", "[sentry]") {
    std::vector<told> heard;
    ih::detail::herald herald{[&](const ih::event& e) { heard.push_back({e.why, e.count, std::string{e.peer}}); }};
    const ih::event decided{.why = reason::client_admitted, .socket = 1, .peer = "ann"};
    herald.count_in(decided);
    CHECK(herald.count(reason::client_admitted) == 1);
    CHECK(heard.empty());
    herald.pass_on(decided, start);
    CHECK(herald.count(reason::client_admitted) == 1);
    REQUIRE(heard.size() == 1);
    CHECK(heard[0].peer == "ann");
}

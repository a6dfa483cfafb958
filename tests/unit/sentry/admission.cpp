// SPDX-License-Identifier: MIT
#include <ironhouse/sentry/admission.hpp>

#include <chrono>
#include <string>

#include "catch.hpp"

using ironhouse::per_second;
using ironhouse::detail::turnstile;
using ironhouse::detail::waiting_room;
using namespace std::chrono_literals;

namespace {
const turnstile::time start = std::chrono::steady_clock::now();
const per_second ten = per_second::from_config(10);
} // namespace

TEST_CASE("the defaults let one key in twice and keep descriptors back", "[sentry][T3.1][B4]") {
    const ironhouse::admission_limits defaults;
    CHECK(defaults.per_key.count() == 2);
    CHECK_FALSE(defaults.per_address);
    CHECK_FALSE(defaults.per_prefix);
    CHECK(defaults.descriptor_reserve == 64);
}

TEST_CASE("an address may send four seconds' worth of newcomers at once, then so many a second", "[sentry][T3.2]") {
    turnstile gate{ten};
    for (int n = 0; n != 40; ++n) REQUIRE(gate.pass("127.0.0.66", start));
    CHECK_FALSE(gate.pass("127.0.0.66", start));
    CHECK(gate.pass("127.0.0.9", start)); // another one is not held back
    int passed = 0;
    for (int n = 1; n <= 100; ++n) passed += gate.pass("127.0.0.66", start + n * 10ms) ? 1 : 0;
    CHECK(passed >= 9);
    CHECK(passed <= 11);
}

TEST_CASE("failures are forgiven at first, then bar the address for longer and longer", "[sentry][T3.2]") {
    turnstile gate{per_second::from_config(1'000)};
    for (unsigned n = 0; n != turnstile::forgiven; ++n) gate.failed("a", start);
    CHECK(gate.pass("a", start));
    gate.failed("a", start);
    CHECK_FALSE(gate.pass("a", start + 99ms));
    CHECK(gate.pass("a", start + 100ms));
    gate.failed("a", start + 100ms);
    CHECK_FALSE(gate.pass("a", start + 299ms));
    CHECK(gate.pass("a", start + 300ms));
    for (int n = 0; n != 100; ++n) gate.failed("a", start + 1s);
    CHECK_FALSE(gate.pass("a", start + 10'999ms));
    CHECK(gate.pass("a", start + 11s));
}

TEST_CASE("one success clears an address", "[sentry][T3.2]") {
    turnstile gate{per_second::from_config(1'000)};
    for (unsigned n = 0; n != turnstile::forgiven; ++n) gate.failed("a", start);
    gate.succeeded("a");
    gate.failed("a", start);
    CHECK(gate.pass("a", start));
}

TEST_CASE("who was cut off stays out for ten seconds, then for a minute; success clears nothing", "[sentry][B1]") {
    turnstile gate{per_second::from_config(1'000)};
    CHECK_FALSE(gate.away("eve", start));
    CHECK(gate.cut_off("eve", start) == start + 10s);
    CHECK(gate.away("eve", start + 9'999ms));
    CHECK_FALSE(gate.pass("eve", start + 9'999ms));
    CHECK_FALSE(gate.away("ann", start));
    CHECK_FALSE(gate.away("eve", start + 10s));
    CHECK(gate.pass("eve", start + 10s));
    gate.succeeded("eve"); // which is no reason to forget it
    CHECK(gate.cut_off("eve", start + 11s) == start + 71s);
    CHECK(gate.cut_off("eve", start + 80s) == start + 140s);
    // After ten minutes in which nothing happened it starts over.
    CHECK(gate.cut_off("eve", start + 140s + 601s) == start + 140s + 611s);
}

TEST_CASE("memory of addresses is bounded: the least recent one is forgotten", "[sentry][T3.2]") {
    turnstile gate{ten};
    for (std::size_t n = 0; n != turnstile::most_addresses + 500; ++n)
        REQUIRE(gate.pass("address " + std::to_string(n), start + std::chrono::microseconds{n}));
    CHECK(gate.addresses() == turnstile::most_addresses);
}

TEST_CASE("whoever has waited longest in the most crowded neighbourhood leaves first", "[sentry][T3.1][B4]") {
    waiting_room room;
    CHECK(room.to_leave(waiting_room::nobody) == waiting_room::nobody);
    room.come(1, 100); // an honest one, the oldest of all
    for (waiting_room::number n = 10; n != 20; ++n) room.come(n, 200);
    room.come(2, 300);
    CHECK(room.size() == 12);
    CHECK(room.to_leave(19) == 10);
    room.go(10);
    CHECK(room.to_leave(19) == 11);
    for (waiting_room::number n = 11; n != 19; ++n) room.go(n);
    // Now all are equal: the oldest.
    CHECK(room.to_leave(2) == 1);
    room.go(1);
    room.go(2);
    CHECK(room.to_leave(19) == waiting_room::nobody); // the newcomer itself never
    room.go(19);
    room.go(19);
    CHECK(room.size() == 0);
    // Places of neighbourhoods that have gone are used again.
    for (waiting_room::number n = 0; n != 1'000; ++n) {
        room.come(n, 1'000 + n);
        if (n >= 8) room.go(n - 8);
    }
    CHECK(room.size() == 8);
    CHECK(room.to_leave(999) == 992);
}

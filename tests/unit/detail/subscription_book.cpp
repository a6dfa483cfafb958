// SPDX-License-Identifier: MIT

/// \file
/// The book of an XPUB's subscriptions: the first to a topic and the end of the last, whoever they are. And the table in it.

#include "catch.hpp"

#include <ironhouse/detail/subscription_book.hpp>

#include <cstdint>
#include <map>
#include <random>
#include <string>

namespace {

using ironhouse::detail::subscription_book;
using ironhouse::detail::tally;

subscription_book::subscriber number(std::uint64_t serial) { return {serial, static_cast<int>(serial), serial}; }
const auto nobody = [](const auto&) { return false; };

} // namespace

TEST_CASE("a tally holds what a map does", "[unit][detail]") {
    std::mt19937_64 random{7};
    tally held;
    std::map<std::uint64_t, std::uint32_t> expected;
    for (int n = 0; n != 20'000; ++n) {
        // Names that fall together: few, and with the same low bits.
        const std::uint64_t name = (random() % 300) << (n % 2 == 0 ? 0 : 20);
        const auto to = static_cast<std::uint32_t>(random() % 3);
        held.set(name, to);
        if (to == 0)
            expected.erase(name);
        else
            expected[name] = to;
        if (n % 500 != 0) continue;
        REQUIRE(held.size() == expected.size());
        for (std::uint64_t each = 0; each != 300; ++each)
            for (const std::uint64_t one : {each, each << 20}) {
                const auto at = expected.find(one);
                REQUIRE(held.of(one) == (at == expected.end() ? 0 : at->second));
            }
    }
}

TEST_CASE("an empty tally holds nothing", "[unit][detail]") {
    tally held;
    CHECK(held.of(0) == 0);
    held.set(3, 0);
    CHECK(held.size() == 0);
}

TEST_CASE("the first subscription to a topic and the end of the last are told", "[unit][detail][T6.3]") {
    subscription_book book;
    CHECK(book.add(number(1), "a", true));
    CHECK_FALSE(book.add(number(1), "a", true)); // once more
    CHECK_FALSE(book.add(number(2), "a", true));
    CHECK(book.add(number(2), "b", true));
    CHECK(book.add(number(2), "", true));
    CHECK_FALSE(book.remove(1, "a"));
    CHECK_FALSE(book.remove(1, "a")); // not any more
    CHECK_FALSE(book.remove(3, "b")); // never did
    CHECK(book.remove(2, "a"));
    CHECK(book.remove(2, "b"));
    CHECK(book.remove(2, ""));
    CHECK(book.size() == 0);
}

TEST_CASE("a subscription without effect is nobody's first and nobody's last", "[unit][detail][T6.3]") {
    subscription_book book;
    CHECK_FALSE(book.add(number(1), "a", false));
    CHECK(book.add(number(2), "a", true));
    CHECK_FALSE(book.remove(1, "a"));
    CHECK(book.remove(2, "a"));
    CHECK(book.size() == 0);
}

TEST_CASE("what ended with its connection is taken from one that has gone", "[unit][detail][T6.3]") {
    subscription_book book;
    (void)book.add(number(1), "a", true);
    (void)book.add(number(2), "a", true);
    (void)book.add(number(3), "a", false);
    (void)book.add(number(2), "b", true);
    CHECK_FALSE(book.remove_of_gone("a", nobody));
    CHECK(book.size() == 3);

    int looks = 0;
    const auto are_gone = [&](const subscription_book::subscriber& each) {
        ++looks;
        return each.serial != 1;
    };
    // Two of them ended: one had it, and the other had not. The first one is still there.
    CHECK_FALSE(book.remove_of_gone("a", are_gone));
    CHECK_FALSE(book.remove_of_gone("a", are_gone));
    CHECK(book.remove_of_gone("b", are_gone));
    CHECK(looks == 3); // once each, and not for each topic
    CHECK(book.size() == 1);
    CHECK_FALSE(book.remove_of_gone("c", nobody));
    CHECK(book.remove(1, "a"));
}

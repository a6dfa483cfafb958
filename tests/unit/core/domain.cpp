// SPDX-License-Identifier: MIT

#include <ironhouse/core/domain.hpp>

#include "catch.hpp"

#include <string>
#include <type_traits>

namespace {

namespace ih = ironhouse;

static_assert(!std::is_default_constructible_v<ih::domain>);
static_assert(!std::is_convertible_v<std::string, ih::domain>);
static_assert(!std::is_convertible_v<const char*, ih::domain>);
static_assert(std::is_convertible_v<const char (&)[7], ih::domain>); // witness: literals of any length may try
static_assert(std::is_copy_constructible_v<ih::domain>);

struct policy {
    ih::domain domain;
};

} // namespace

TEST_CASE("a domain keeps the text it was given", "[domain][B2]") {
    constexpr ih::domain orders = "orders";
    CHECK(orders.text() == "orders");
    CHECK(ih::domain::from_config("orders") == orders);
    CHECK(!(ih::domain::from_config("order") == orders));
    const policy p{.domain = "a-domain.of_one:server"};
    CHECK(p.domain.text() == "a-domain.of_one:server");
}

TEST_CASE("a domain from configuration is never empty", "[domain][B2]") {
    CHECK_THROWS_AS(ih::domain::from_config(""), ih::error);
    CHECK_THROWS_AS(ih::domain::from_config(" "), ih::error);
}

TEST_CASE("a domain from configuration has at most 64 characters", "[domain]") {
    CHECK(ih::domain::from_config(std::string(64, 'x')).text().size() == 64);
    CHECK_THROWS_AS(ih::domain::from_config(std::string(65, 'x')), ih::error);
}

TEST_CASE("a domain from configuration has no character that libzmq, a log or the library reads otherwise",
          "[domain]") {
    const char wrong = GENERATE('/', '#', '"', '\'', '`', ' ', '\t', '\n', '\0', '\x7f', '\x80', '\xff');
    CAPTURE(static_cast<int>(wrong));
    CHECK_THROWS_AS(ih::domain::from_config(std::string{"orders"} + wrong), ih::error);
    CHECK_THROWS_AS(ih::domain::from_config(wrong + std::string{"orders"}), ih::error);
}

TEST_CASE("a refused domain is misuse", "[domain]") {
    try {
        (void)ih::domain::from_config("a b");
        FAIL("a domain with a space was accepted");
    } catch (const ih::error& e) {
        CHECK(e.why() == ih::error::misuse);
    }
}

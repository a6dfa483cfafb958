// SPDX-License-Identifier: MIT
#include <ironhouse/core/error.hpp>

#include <string>
#include <type_traits>

#include "catch.hpp"

namespace ih = ironhouse;

static_assert(std::is_nothrow_copy_constructible_v<ih::error>);
static_assert(std::is_base_of_v<std::runtime_error, ih::error>);

TEST_CASE("an error says who must act, what was done, what was wrong, and libzmq's number", "[core]") {
    const ih::error refused{ih::error::unavailable, "bind tcp://127.0.0.1:5555", "address already in use", 98};
    CHECK(refused.why() == ih::error::kind::unavailable);
    CHECK(std::string{refused.during()} == "bind tcp://127.0.0.1:5555");
    CHECK(std::string{refused.what()} == "bind tcp://127.0.0.1:5555: address already in use");
    CHECK(refused.zmq_code() == 98);
    const ih::error copy = refused;
    CHECK(std::string{copy.during()} == refused.during());
}

TEST_CASE("an error without a number has none", "[core]") {
    CHECK(ih::error{ih::error::misuse, "plan", "too little memory"}.zmq_code() == 0);
}

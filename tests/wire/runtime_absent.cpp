// SPDX-License-Identifier: MIT
// ctest: timeout 120

/// \file
/// The same program without <ironhouse/system/runtime.hpp>: it says so, nothing is registered in vain, and what is left of a
/// secret key is counted, so that there is something to compare with.

#include <ironhouse/detail/runtime_check.hpp>

#include "catch.hpp"
#include "support/key_copies.hpp"

#include <string>

#if defined(__SANITIZE_ADDRESS__)
#define IRONHOUSE_TEST_MEMORY_IS_SHADOWED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IRONHOUSE_TEST_MEMORY_IS_SHADOWED 1
#endif
#endif

using namespace ironhouse::detail;

TEST_CASE("a program without the runtime knows it", "[runtime]") {
    CHECK(!runtime_is_linked());
    CHECK(!runtime_in_effect());
    CHECK(std::string{why_runtime_is_not_in_effect()} ==
          "no source file of this program includes <ironhouse/system/runtime.hpp>");
}

// A sanitizer's shadow is too large to be searched.
#if !defined(IRONHOUSE_TEST_MEMORY_IS_SHADOWED)
TEST_CASE("without the runtime copies of a secret key are found, and counted", "[runtime]") {
    const auto census = wire::take_key_census();
    WARN(census.line() << "\n" << census.text);
    CHECK(census.before == 0);
    CHECK(census.connected > census.read);
    CHECK(census.ended >= 0);
}
#endif

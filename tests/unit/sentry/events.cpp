// SPDX-License-Identifier: MIT
#include <ironhouse/sentry/events.hpp>

#include <cstddef>
#include <functional>
#include <set>
#include <string_view>

#include "catch.hpp"

namespace ih = ironhouse;

TEST_CASE("every reason has a name of its own", "[sentry]") {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i != ih::reason_count; ++i) {
        const auto name = ih::name(static_cast<ih::reason>(i));
        CAPTURE(i);
        CHECK_FALSE(name.empty());
        CHECK(names.insert(name).second);
    }
    CHECK(ih::name(ih::reason::refused_unknown_key) == "refused_unknown_key");
    CHECK(ih::name(ih::reason::subscriber_behind) == "subscriber_behind");
    CHECK(ih::name(ih::reason::callback_failed) == "callback_failed");
}

TEST_CASE("anything that can be called with an event listens, and an empty function does not", "[sentry]") {
    CHECK_FALSE(ih::event_callback{});
    CHECK_FALSE(ih::event_callback{std::function<void(const ih::event&)>{}});
    int heard = 0;
    const ih::event_callback lambda{[&heard](const ih::event&) { ++heard; }};
    const ih::event_callback copy = lambda;
    const ih::event_callback plain{+[](const ih::event&) {}};
    REQUIRE((lambda && copy && plain));
    lambda({});
    copy({});
    plain({});
    CHECK(heard == 2);
}

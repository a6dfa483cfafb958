// SPDX-License-Identifier: MIT

/// \file
/// Routing ids that were given are told from those that somebody made up.

#include "catch.hpp"

#include <ironhouse/sentry/routing_id.hpp>

#include <cstring>
#include <set>
#include <string>

using namespace ironhouse::detail;

TEST_CASE("routing ids are all different, and none can be made up from another", "[sentry][B6]") {
    std::set<std::string> seen;
    unsigned char id[routing_id_size];
    for (int n = 0; n != 1'000; ++n) {
        draw_routing_id(id);
        CHECK(id[0] != 0);
        CHECK(is_our_routing_id(id, sizeof id));
        CHECK(seen.insert({reinterpret_cast<const char*>(id), sizeof id}).second);
    }
    for (std::size_t at = 0; at != sizeof id; ++at) {
        CAPTURE(at);
        unsigned char other[sizeof id];
        std::memcpy(other, id, sizeof id);
        other[at] ^= 2;
        CHECK_FALSE(is_our_routing_id(other, sizeof other));
    }
    CHECK_FALSE(is_our_routing_id(id, sizeof id - 1));
    CHECK_FALSE(is_our_routing_id(id, 0));
}

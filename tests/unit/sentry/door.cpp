// SPDX-License-Identifier: MIT
#include <ironhouse/sentry/door.hpp>

#include <utility>

#include <poll.h>

#include "catch.hpp"

using ironhouse::detail::enrolment;
using ironhouse::detail::terms;

namespace {
bool rings(const ironhouse::detail::wake& bell) {
    pollfd end{bell.fd(), POLLIN, 0};
    return ::poll(&end, 1, 0) == 1;
}
} // namespace

TEST_CASE("the domain libzmq is told names the socket, so that its newcomers are told from another's", "[sentry][B2]") {
    terms said;
    said.domain = "orders";
    CHECK(enrolment{7, std::move(said)}.zap_domain == "orders#7");
}

TEST_CASE("a socket that authenticates nobody has no domain", "[sentry]") {
    CHECK(enrolment{7, terms{}}.zap_domain.empty());
}

TEST_CASE("a bell rings from the first raise until it is lowered, however often it was raised", "[sentry]") {
    enrolment record{1, terms{}};
    CHECK_FALSE(rings(record.bell));
    for (int i = 0; i != 100; ++i) record.bell.raise();
    CHECK(rings(record.bell));
    record.bell.lower();
    CHECK_FALSE(rings(record.bell));
    record.bell.lower();
    record.bell.raise();
    CHECK(rings(record.bell));
}

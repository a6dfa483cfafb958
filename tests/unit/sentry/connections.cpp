// SPDX-License-Identifier: MIT
#include <ironhouse/sentry/connections.hpp>

#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "callers.hpp"
#include "catch.hpp"

using ironhouse::detail::connection_table;
using ironhouse::detail::row;
using ironhouse::detail::stage;

namespace {
constexpr auto none = connection_table::none;
} // namespace

TEST_CASE("a connection is its duplicate and its cookie, whoever has its number later", "[sentry][B4]") {
    const doorstep here;
    connection_table table;
    bool hung_up = true;
    auto first = here.visit();
    const int number = first.ours;
    const auto one = table.take_in(1, number, here.port(), false, hung_up);
    REQUIRE(one != none);
    CHECK_FALSE(hung_up);
    CHECK(table.at(one).from.text == "127.0.0.1");
    CHECK(table.at(one).cookie != 0);
    CHECK(table.find(1, number) == one);
    CHECK(table.find(2, number) == none); // another socket's events
    CHECK(connection_table::libzmq_has(table.at(one)));
    first.let_go();
    CHECK_FALSE(connection_table::libzmq_has(table.at(one)));
    // The lowest free number is given out next.
    auto second = here.visit();
    REQUIRE(::dup2(second.ours, number) == number);
    CHECK_FALSE(connection_table::libzmq_has(table.at(one)));
    const auto two = table.take_in(1, number, here.port(), false, hung_up);
    REQUIRE(two != none);
    CHECK(table.at(two).cookie != table.at(one).cookie);
    CHECK(table.find(1, number) == two);
    ::close(number);
    table.drop(one);
    table.drop(two);
    CHECK(table.empty());
}

TEST_CASE("a number that is another connection's by now is not taken in", "[sentry][B4]") {
    const doorstep here, there;
    connection_table table;
    bool hung_up = false;
    const auto visitor = here.visit();
    CHECK(table.take_in(1, visitor.ours, there.port(), false, hung_up) == none);
    CHECK(table.take_in(1, -1, here.port(), false, hung_up) == none);
    const int file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(table.take_in(1, file, here.port(), false, hung_up) == none);
    ::close(file);
    CHECK(table.empty());
    CHECK_FALSE(hung_up);
}

TEST_CASE("with no descriptor left a newcomer is hung up on all the same", "[sentry][B4]") {
    const doorstep here;
    connection_table table;
    const auto visitor = here.visit();
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    rlimit tight = before;
    tight.rlim_cur = 256;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
    std::vector<int> hoard;
    for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) hoard.push_back(fd);
    bool hung_up = false;
    const auto it = table.take_in(1, visitor.ours, here.port(), false, hung_up);
    for (const int fd : hoard) ::close(fd);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(it == none);
    CHECK(hung_up);
    CHECK(visitor.ended());
}

TEST_CASE("whoever has departed holds no descriptor, and is not found by its number", "[sentry][B4]") {
    const doorstep here;
    connection_table table;
    bool hung_up = false;
    const auto visitor = here.visit();
    const auto it = table.take_in(1, visitor.ours, here.port(), false, hung_up);
    REQUIRE(it != none);
    table.depart(it);
    CHECK(table.at(it).held == -1);
    CHECK(table.at(it).stage == stage::departed);
    CHECK(table.find(1, visitor.ours) == none);
    CHECK_FALSE(table.empty());
    table.drop(it);
    CHECK(table.empty());
}

#if defined(__linux__)
TEST_CASE("a quiet connection is woken for once, when it has something to say", "[sentry][T3.1]") {
    const doorstep here;
    connection_table table;
    bool hung_up = false;
    const auto visitor = here.visit();
    const auto it = table.take_in(1, visitor.ours, here.port(), false, hung_up);
    table.arm(it);
    row<connection_table::index> awake;
    table.awake(awake);
    CHECK(awake.empty());
    REQUIRE(::send(visitor.theirs, "x", 1, MSG_NOSIGNAL) == 1);
    table.awake(awake);
    REQUIRE(awake.size() == 1);
    CHECK(awake.front() == it);
    awake.clear();
    table.awake(awake);
    CHECK(awake.empty()); // once, until it is armed again
    table.arm(it);
    table.awake(awake);
    CHECK(awake.size() == 1);
}
#endif

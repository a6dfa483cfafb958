// SPDX-License-Identifier: MIT
#include <ironhouse/socket/poller.hpp>

#include <chrono>
#include <stop_token>
#include <thread>

#include "catch.hpp"
#include "support/ending.hpp"
#include "support/sockets.hpp"

namespace ih = ironhouse;
using namespace support;
using ih::poll_for;
using ih::poll_status;
using ih::receive_status;
using ih::send_status;

namespace {

using sink_type = ih::socket<ih::pull, receiving, ih::in_process>;
using source_type = ih::socket<ih::push, sending, ih::in_process>;
using two_way = ih::socket<ih::pair, both, ih::in_process>;

void put(source_type& source) {
    source_type::message m;
    REQUIRE(m.add("x"));
    REQUIRE(source.send(m, soon) == send_status::queued);
}

} // namespace

TEST_CASE("a poller tells which of its sockets has a message", "[poller]") {
    ih::context context;
    sink_type one{context, {}}, two{context, {}};
    one.bind("inproc://one");
    two.bind("inproc://two");
    source_type source{context, {}};
    source.connect("inproc://two");
    ih::poller p;
    const auto first = p.add(one);
    const auto second = p.add(two);
    CHECK(p.wait(0ms) == poll_status::timed_out);
    CHECK_FALSE(p.ready(first));
    put(source);
    REQUIRE(p.wait(soon) == poll_status::ready);
    CHECK_FALSE(p.ready(first));
    CHECK(p.ready(second));
    CHECK(p.can_receive_now(second));
    CHECK_FALSE(p.can_send_now(second));
    sink_type::message m;
    CHECK(two.try_receive(m) == receive_status::received);
    CHECK(p.wait(1ms) == poll_status::timed_out);
    CHECK_FALSE(p.ready(second));
}

TEST_CASE("a poller tells which of its sockets has room", "[poller]") {
    ih::context context;
    source_type alone{context, {}}, with_peer{context, {}};
    alone.bind("inproc://nobody-comes");
    with_peer.bind("inproc://somebody-comes");
    sink_type sink{context, {}};
    sink.connect("inproc://somebody-comes");
    ih::poller p;
    const auto first = p.add(alone);
    const auto second = p.add(with_peer);
    REQUIRE(p.wait(soon) == poll_status::ready);
    CHECK_FALSE(p.can_send_now(first));
    CHECK(p.can_send_now(second));
    CHECK_FALSE(p.can_receive_now(second));
}

TEST_CASE("a socket of both directions is waited for in either, or in both", "[poller]") {
    ih::context context;
    two_way left{context, {}}, right{context, {}};
    left.bind("inproc://both");
    right.connect("inproc://both");
    two_way::message m;
    REQUIRE(m.add("x"));
    REQUIRE(right.send(m, soon) == send_status::queued);
    ih::poller p;
    const auto in = p.add(left);
    const auto out = p.add(left, poll_for::sending);
    const auto any = p.add(left, poll_for::both);
    REQUIRE(p.wait(soon) == poll_status::ready);
    CHECK(p.can_receive_now(in));
    CHECK_FALSE(p.can_send_now(in));
    CHECK(p.can_send_now(out));
    CHECK_FALSE(p.can_receive_now(out));
    CHECK(p.can_receive_now(any));
    CHECK(p.can_send_now(any));
}

TEST_CASE("a socket waited for in nothing stays asleep, and still does what is asked of it", "[poller]") {
    ih::context context;
    sink_type sink{context, {}};
    sink.bind("inproc://sink");
    source_type source{context, {}};
    source.connect("inproc://sink");
    ih::poller p;
    const auto token = p.add(sink, poll_for::nothing);
    put(source);
    CHECK(p.wait(20ms) == poll_status::timed_out);
    CHECK_FALSE(p.ready(token));
    std::jthread later{[&] { context.shutdown(); }};
    CHECK(p.wait(60s) == poll_status::closing);
}

TEST_CASE("a poller's wait keeps its patience", "[poller]") {
    ih::context context;
    sink_type sink{context, {}};
    sink.bind("inproc://silence");
    ih::poller p;
    p.add(sink);
    for (const auto patience : {0ms, 5ms, 40ms}) {
        const auto begin = std::chrono::steady_clock::now();
        CHECK(p.wait(patience) == poll_status::timed_out);
        const auto took = std::chrono::steady_clock::now() - begin;
        CHECK(took >= patience - 1ms);
        CHECK(took < patience + 2s);
    }
}

TEST_CASE("a stop request ends a poller's wait, and shutdown does", "[poller]") {
    ih::context context;
    sink_type sink{context, {}};
    sink.bind("inproc://silence");
    ih::poller p;
    p.add(sink);
    std::stop_source stop;
    std::thread ender{[&] { stop.request_stop(); }};
    CHECK(p.wait(60s, stop.get_token()) == poll_status::interrupted);
    ender.join();
    CHECK(p.wait(60s, stop.get_token()) == poll_status::interrupted);
    CHECK(p.wait(1ms) == poll_status::timed_out);
    std::thread closer{[&] { context.shutdown(); }};
    CHECK(p.wait(60s) == poll_status::closing);
    closer.join();
    CHECK(p.wait(60s) == poll_status::closing);
}

TEST_CASE("a poller without sockets waits, and a foreign token is never ready", "[poller]") {
    ih::poller p;
    CHECK(p.wait(1ms) == poll_status::timed_out);
    CHECK_FALSE(p.ready(ih::poller::token{7}));
}

TEST_CASE("a poller used by a thread that does not own its sockets ends the process with one line", "[poller][T7.1]") {
    const ending end = in_child([] {
        ih::context context;
        sink_type sink{context, {}};
        ih::poller p;
        p.add(sink);
        std::thread other{[&] { (void)p.wait(1ms); }};
        other.join();
        return 0;
    });
    INFO(end.said);
    CHECK(end.fatal(used_by_another_thread));
}

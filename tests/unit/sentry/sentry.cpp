// SPDX-License-Identifier: MIT
#include <ironhouse/detail/fault.hpp>
#include <ironhouse/insecure.hpp>
#include <ironhouse/sentry/sentry.hpp>
#include <ironhouse/socket/context.hpp>
#include <ironhouse/socket/socket.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "support/sockets.hpp"

namespace ih = ironhouse;
using namespace support;
using ih::reason;
using ih::receive_status;
using ih::send_status;

namespace {

using sink_type = ih::socket<ih::pull, receiving, ih::curve_server>;
using source_type = ih::socket<ih::push, sending, ih::curve_client>;

bool delivers(source_type& source, sink_type& sink, const char* text) {
    source_type::message out;
    sink_type::message got;
    return out.add(text) && source.send(out, soon) == send_status::queued &&
           sink.receive(got, soon) == receive_status::received && got[0].text() == text;
}

} // namespace

TEST_CASE("a dead sentry refuses newcomers, keeps who is in, and opens no more servers", "[sentry][B2]") {
    listener heard;
    ih::context context{{.on_event = heard.ear()}};
    ih::context elsewhere;
    cast who;
    auto late_one = ih::certificate::generate("late");
    const auto late_key = late_one.public_part();
    const auto ring = ih::keyring::of({who.ann.public_part(), late_key});
    sink_type sink{context, {.domain = "orders", .clients = ring, .identity = std::move(who.server)}};
    sink.bind("tcp://127.0.0.1:*");
    source_type ann{elsewhere, who.as(who.ann)};
    ann.connect(address_of(sink));
    REQUIRE(delivers(ann, sink, "before"));

    ih::detail::kill_authenticator(context);
    REQUIRE(eventually([&] { return context.count(reason::sentry_failed) == 1; }));
    CHECK(eventually([&] { return heard.of(reason::sentry_failed).size() == 1; }));

    CHECK(delivers(ann, sink, "after"));
    source_type late{elsewhere, who.as(late_one)};
    late.connect(address_of(sink));
    source_type::message out;
    REQUIRE(out.add("let me in"));
    REQUIRE(late.send(out, soon) == send_status::queued);
    REQUIRE(eventually([&] { return context.count(reason::handshake_failed) != 0; }));
    sink_type::message m;
    CHECK(sink.try_receive(m) == receive_status::timed_out);
    CHECK(context.count(reason::client_admitted) == 1);

    cast others;
    try {
        sink_type second{context, {.domain = "other", .clients = others.ring, .identity = std::move(others.server)}};
        FAIL("a server opened without an authenticator");
    } catch (const ih::error& refused) {
        CHECK(refused.why() == ih::error::unavailable);
    }
}

TEST_CASE("a socket destroyed by another thread is closed by its context", "[sentry][T7.1]") {
    ih::context context;
    auto sink = std::make_unique<ih::socket<ih::pull, receiving, ih::in_process>>(context, ih::in_process{});
    sink->bind("inproc://orphan");
    std::thread{[gone = std::move(sink)]() mutable { gone.reset(); }}.join();
    // The name is free again once it is closed.
    ih::socket<ih::pull, receiving, ih::in_process> next{context, {}};
    CHECK(eventually([&] {
        try {
            next.bind("inproc://orphan");
            return true;
        } catch (const ih::error&) {
            return false;
        }
    }));
}

TEST_CASE("many sockets come and go, on many threads, and every context ends", "[sentry]") {
    for (int round = 0; round != 5; ++round) {
        ih::context context;
        std::vector<std::jthread> threads;
        for (int t = 0; t != 4; ++t)
            threads.emplace_back([&context] {
                for (int i = 0; i != 20; ++i) {
                    cast who;
                    ih::socket<ih::pull, receiving, ih::insecure::plaintext> s{context,
                                                                               {"opened and closed, nothing more"}};
                    s.bind("tcp://127.0.0.1:*");
                }
            });
    }
    SUCCEED();
}

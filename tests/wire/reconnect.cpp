// SPDX-License-Identifier: MIT
// ctest: timeout 180

/// \file
/// A connecting socket always comes back: after one bad answer libzmq gives a connection up for good, and the sentry has
/// its owner connect again, with growing pauses, until the right server is there.

#include "catch.hpp"

#include "support/house.hpp"

#include <ironhouse/socket/poller.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>

namespace {

using namespace house;
using ih::receive_status;
using ih::send_status;

/// What a client may meet where its server should be.
struct answer {
    std::string name;
    std::function<void(wire::connection, const people&, const std::string& type)> give;
};

std::vector<answer> bad_answers() {
    const auto as_server = [](const std::function<void(wire::curve_server_script&, const people&)>& change,
                              const std::function<void(wire::curve_server&)>& then = {}) {
        return [change, then](wire::connection c, const people& who, const std::string& type) {
            wire::curve_server_script script{.identity = who.server.keys, .socket_type = type};
            if (change) change(script, who);
            wire::curve_server server{std::move(c), script};
            (void)server.handshake(soon);
            if (then) then(server);
            (void)server.tcp().closed_by_peer(soon);
        };
    };
    return {
        {"an HTTP answer",
         [](wire::connection c, const people&, const std::string&) {
             (void)c.send_all(wire::http_answer, soon);
             (void)c.closed_by_peer(soon);
         }},
        {"another mechanism",
         [](wire::connection c, const people&, const std::string&) {
             (void)c.send_all(wire::greeting{.mechanism = "NULL", .as_server = true}.encode(), soon);
             (void)c.closed_by_peer(soon);
         }},
        {"its key refused", as_server([](auto& script, const people&) { script.error_for_initiate = "400"; })},
        {"an error at once", as_server([](auto& script, const people&) { script.error_for_hello = "500"; })},
        {"a WELCOME that does not open",
         as_server([](auto& script, const people&) { script.welcome = wire::with_bit_flipped(100); })},
        {"a frame that is too long",
         as_server({}, [](wire::curve_server& server) { (void)server.announce(600ULL << 20U, soon); })},
        {"a box that does not open", as_server({},
                                               [](wire::curve_server& server) {
                                                   (void)server.send_altered("evil", wire::with_bit_flipped(20), soon);
                                               })},
        {"a frame in clear",
         as_server({}, [](wire::curve_server& server) { (void)server.send_in_clear("evil", 0, soon); })},
    };
}

/// Gives one bad answer, then stands in as the right server, while `wait` is what the owner does meanwhile.
void answer_badly(wire::listener& at, const people& who, const std::string& type, const answer& bad) {
    auto met = at.accept(soon);
    REQUIRE(met);
    bad.give(std::move(*met), who, type);
}

} // namespace

TEST_CASE("PUSH comes back after every bad answer, and its messages arrive", "[wire][T6.1]") {
    const people who;
    for (const answer& bad : bad_answers()) {
        INFO(bad.name);
        ih::context context;
        wire::listener at;
        client_of<ih::push> ann{context, who.as(who.ann)};
        ann.connect(endpoint_at(at.port()));
        answer_badly(at, who, "PULL", bad);
        // Its owner tries to send: each try does what the sentry asked for.
        decltype(ann)::message m;
        const auto waits = [&] {
            if (m.empty()) REQUIRE(m.add("order"));
            (void)ann.send(m, 5ms);
        };
        REQUIRE(comes_back(at, waits));
        auto server = welcome(at, who, "PULL");
        REQUIRE(say(ann, "the last order"));
        for (std::string heard; heard != "the last order";) {
            const auto got = server.receive_message(soon);
            REQUIRE(got);
            heard = wire::to_text(got->front());
        }
        CHECK(counted(context, ih::reason::reconnected)); // said on its way through the sentry
        CHECK(context.count(ih::reason::reconnect_asked) == 1);
    }
}

TEST_CASE("SUB comes back after every bad answer while it waits, and with its subscriptions", "[wire][T6.1]") {
    const people who;
    for (const answer& bad : bad_answers()) {
        INFO(bad.name);
        ih::context context;
        wire::listener at;
        client_of<ih::sub> ann{context, who.as(who.ann), {.linger = 0ms}};
        ann.subscribe("news");
        ann.connect(endpoint_at(at.port()));
        answer_badly(at, who, "PUB", bad);
        REQUIRE(comes_back(at, [&] { CHECK(hear(ann, 50ms).empty()); }));
        auto server = welcome(at, who, "PUB");
        const auto subscription = server.receive(soon);
        REQUIRE(subscription);
        CHECK(wire::contains(subscription->body, "news"));
        REQUIRE(server.send("news at last", false, soon));
        CHECK(hear(ann) == "news at last");
    }
}

TEST_CASE("DEALER comes back after every bad answer, and talks both ways", "[wire][T6.1]") {
    const people who;
    for (const answer& bad : bad_answers()) {
        INFO(bad.name);
        ih::context context;
        wire::listener at;
        client_of<ih::dealer> ann{context, who.as(who.ann)};
        ann.connect(endpoint_at(at.port()));
        answer_badly(at, who, "ROUTER", bad);
        REQUIRE(comes_back(at, [&] { CHECK(hear(ann, 50ms).empty()); }));
        auto server = welcome(at, who, "ROUTER");
        REQUIRE(say(ann, "question"));
        const auto got = server.receive_message(soon);
        REQUIRE(got);
        CHECK(wire::to_text(got->front()) == "question");
        REQUIRE(server.send("answer", false, soon));
        CHECK(hear(ann) == "answer");
    }
}

TEST_CASE("REQ comes back after every bad answer, and may ask again", "[wire][T6.1]") {
    const people who;
    for (const answer& bad : bad_answers()) {
        INFO(bad.name);
        ih::context context;
        wire::listener at;
        client_of<ih::req> ann{context, who.as(who.ann)};
        ann.connect(endpoint_at(at.port()));
        REQUIRE(say(ann, "lost question"));
        answer_badly(at, who, "REP", bad);
        REQUIRE(comes_back(at, [&] { CHECK(hear(ann, 50ms).empty()); }));
        auto server = welcome(at, who, "REP");
        REQUIRE(say(ann, "question"));
        std::vector<wire::bytes> request;
        do {
            auto got = server.receive_message(soon);
            REQUIRE(got);
            request = std::move(*got);
        } while (wire::to_text(request.back()) != "question");
        request.back() = wire::to_bytes("answer");
        for (std::size_t i = 0; i != request.size(); ++i)
            REQUIRE(server.send(request[i], i + 1 != request.size(), soon));
        CHECK(hear(ann) == "answer");
    }
}

TEST_CASE("an owner that waits in one long receive, send or poll is connected again while it waits", "[wire]") {
    const people who;
    const answer bad = bad_answers().front();
    SECTION("receive") {
        ih::context context;
        wire::listener at;
        client_of<ih::dealer> ann{context, who.as(who.ann)};
        ann.connect(endpoint_at(at.port()));
        std::thread other{[&] {
            auto met = at.accept(soon);
            if (met) bad.give(std::move(*met), who, "ROUTER");
            auto again = at.accept(soon);
            if (!again) return;
            wire::curve_server server{std::move(*again), {.identity = who.server.keys}};
            if (server.handshake(soon).accepted()) (void)server.send("at last", false, soon);
            (void)server.tcp().closed_by_peer(soon);
        }};
        CHECK(hear(ann, soon) == "at last");
        ann.close();
        other.join();
    }
    SECTION("poll") {
        ih::context context;
        wire::listener at;
        client_of<ih::dealer> ann{context, who.as(who.ann)};
        ann.connect(endpoint_at(at.port()));
        std::thread other{[&] {
            auto met = at.accept(soon);
            if (met) bad.give(std::move(*met), who, "ROUTER");
            auto again = at.accept(soon);
            if (!again) return;
            wire::curve_server server{std::move(*again), {.identity = who.server.keys}};
            if (server.handshake(soon).accepted()) (void)server.send("at last", false, soon);
            (void)server.tcp().closed_by_peer(soon);
        }};
        ih::poller poller;
        const auto token = poller.add(ann);
        CHECK(poller.wait(soon) == ih::poll_status::ready);
        CHECK(poller.can_receive_now(token));
        CHECK(hear(ann, 0ms) == "at last");
        ann.close();
        other.join();
    }
    SECTION("send") {
        constexpr ih::outbound out{.peers = 1_peers, .queue = 2_messages, .frames = 1_frame, .frame = 64_B};
        ih::context context;
        wire::listener at;
        ih::socket<ih::push, out, ih::curve_client> ann{context, who.as(who.ann)};
        ann.connect(endpoint_at(at.port()));
        answer_badly(at, who, "PULL", bad);
        // What libzmq gave up it no longer queues for: the queue is full, or there is nobody at all.
        decltype(ann)::message m;
        while (true) {
            if (m.empty()) REQUIRE(m.add("order"));
            if (ann.try_send(m) != send_status::queued) break;
        }
        std::thread other{[&] {
            auto again = at.accept(soon);
            if (!again) return;
            wire::curve_server server{std::move(*again), {.identity = who.server.keys, .socket_type = "PULL"}};
            if (server.handshake(soon).accepted()) (void)server.receive(soon);
            (void)server.tcp().closed_by_peer(soon);
        }};
        CHECK(ann.send(m, soon) == send_status::queued);
        ann.close();
        other.join();
    }
}

TEST_CASE("an idle owner is told through event_fd, and service() connects again", "[wire]") {
    const people who;
    ih::context context;
    wire::listener at;
    client_of<ih::push> ann{context, who.as(who.ann)};
    ann.connect(endpoint_at(at.port()));
    answer_badly(at, who, "PULL", bad_answers().front());
    pollfd bell{ann.event_fd(), POLLIN, 0};
    REQUIRE(::poll(&bell, 1, 20'000) == 1);
    // Until the owner comes, nothing happens to its socket.
    CHECK_FALSE(at.accept(300ms));
    CHECK(context.count(ih::reason::reconnected) == 0);
    CHECK(ann.service());
    (void)welcome(at, who, "PULL");
    CHECK(counted(context, ih::reason::reconnected));
    bell.revents = 0;
    CHECK(::poll(&bell, 1, 0) == 0); // and the bell is silent again
}

TEST_CASE("the pause grows while the answers stay bad, and is short again after a good one", "[wire]") {
    const people who;
    ih::context context;
    wire::listener at;
    client_of<ih::dealer> ann{context, who.as(who.ann)};
    ann.connect(endpoint_at(at.port()));
    const auto next_pause = [&](const answer& bad) {
        answer_badly(at, who, "ROUTER", bad);
        const auto begin = std::chrono::steady_clock::now();
        REQUIRE(comes_back(at, [&] { (void)hear(ann, 20ms); }));
        return std::chrono::steady_clock::now() - begin;
    };
    const answer http = bad_answers().front();
    const auto first = next_pause(http);
    const auto second = next_pause(http);
    const auto third = next_pause(http);
    const auto fourth = next_pause(http);
    // 200, 400, 800, 1600 ms and up to a quarter more; what they may be late by is the machine's affair.
    CHECK(first >= 150ms);
    CHECK(second >= 350ms);
    CHECK(third >= 750ms);
    CHECK(fourth >= 1'550ms);
    const answer good_then_bad = bad_answers().back();
    CHECK(next_pause(good_then_bad) < fourth);
}

TEST_CASE("nothing connects again after disconnect() or close()", "[wire]") {
    const people who;
    ih::context context;
    wire::listener at;
    const answer http = bad_answers().front();
    {
        client_of<ih::dealer> ann{context, who.as(who.ann)};
        ann.connect(endpoint_at(at.port()));
        answer_badly(at, who, "ROUTER", http);
        ann.disconnect(endpoint_at(at.port()));
        CHECK(hear(ann, 1'000ms).empty());
        CHECK_FALSE(at.accept(0ms));
        // asked for already, and not done yet
        ann.connect(endpoint_at(at.port()));
        answer_badly(at, who, "ROUTER", http);
        REQUIRE(wire::eventually([&] { return context.count(ih::reason::reconnect_asked) != 0; }, soon));
        ann.disconnect(endpoint_at(at.port()));
        CHECK(hear(ann, 600ms).empty());
        CHECK_FALSE(at.accept(0ms));
        ann.connect(endpoint_at(at.port()));
        answer_badly(at, who, "ROUTER", http);
    }
    CHECK_FALSE(at.accept(600ms));
    CHECK(context.count(ih::reason::reconnected) == 0);
}

TEST_CASE("a server that restarts is found again, as libzmq does by itself", "[wire]") {
    people who;
    ih::context context;
    client_of<ih::push> ann{context, who.as(who.ann)};
    std::uint16_t port = 0;
    for (int life = 0; life != 3; ++life) {
        ih::context at_the_server;
        server_of<ih::pull> server{at_the_server, who.serving()};
        if (port == 0) {
            server.bind("tcp://127.0.0.1:*");
            port = house::port_of(server);
            ann.connect(endpoint_at(port));
        } else {
            const auto again = ih::endpoint<ih::curve_server>::parse("tcp://127.0.0.1:" + std::to_string(port));
            REQUIRE(wire::eventually(
                [&] {
                    try {
                        server.bind(again);
                        return true;
                    } catch (const ih::error&) {
                        return false; // the one before is still letting go of it
                    }
                },
                soon));
        }
        const std::string text = "in life " + std::to_string(life);
        REQUIRE(wire::eventually(
            [&] {
                client_of<ih::push>::message m;
                REQUIRE(m.add(text));
                (void)ann.send(m, 50ms);
                return hear(server, 50ms) == text;
            },
            soon));
    }
}

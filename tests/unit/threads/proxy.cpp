// SPDX-License-Identifier: MIT
#include <ironhouse/threads/proxy.hpp>

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include <ironhouse/security/in_process.hpp>

#include "catch.hpp"
#include "support/sockets.hpp"

namespace ih = ironhouse;
using namespace support;
using ih::proxy_side;
using ih::proxy_status;
using ih::receive_status;
using ih::send_status;

namespace {

// Beside a router, a frame more for the client's address, and room for it.
inline constexpr ih::inbound wider_in{.peers = 16_peers, .queue = 100_messages, .frames = 5_frames, .frame = 1_KiB};
inline constexpr ih::outbound wider_out{.peers = 16_peers, .queue = 100_messages, .frames = 5_frames, .frame = 1_KiB};
inline constexpr ih::duplex wider{.in = wider_in, .out = wider_out};
inline constexpr ih::inbound narrow_in{.peers = 1_peers, .queue = 2_messages, .frames = 4_frames, .frame = 1_KiB};
inline constexpr ih::outbound narrow_out{.peers = 1_peers, .queue = 2_messages, .frames = 4_frames, .frame = 1_KiB};
inline constexpr ih::duplex narrow{.in = narrow_in, .out = narrow_out};

template <class Pattern, auto Limits> using local = ih::socket<Pattern, Limits, ih::in_process>;

template <class Socket> send_status say(Socket& from, std::string_view text) {
    typename Socket::message m;
    REQUIRE(m.add(text));
    return from.send(m, soon);
}
template <class Socket> std::string hear(Socket& at, std::chrono::milliseconds patience = soon) {
    typename Socket::message m;
    if (at.receive(m, patience) != receive_status::received) return "nothing";
    return std::string{m[m.size() - 1].text()};
}
template <class Proxy> void settle(Proxy& proxy) {
    while (proxy.forward(20ms) == proxy_status::forwarded) {}
}

} // namespace

TEST_CASE("a proxy carries requests to a REP and its answers back to who asked", "[proxy][M1.6]") {
    ih::context context;
    local<ih::router, both> front{context, {}};
    local<ih::dealer, wider> back{context, {}};
    local<ih::rep, wider> service{context, {}};
    local<ih::req, both> ann{context, {}};
    local<ih::dealer, both> bob{context, {}};
    front.bind("inproc://front");
    service.bind("inproc://service");
    back.connect("inproc://service");
    ann.connect("inproc://front");
    bob.connect("inproc://front");
    ih::proxy proxy{front, back};

    REQUIRE(say(ann, "from ann") == send_status::queued);
    decltype(bob)::message asked;
    REQUIRE(asked.add(""));
    REQUIRE(asked.add("from bob"));
    REQUIRE(bob.send(asked, soon) == send_status::queued);
    settle(proxy);
    for (int i = 0; i != 2; ++i) {
        const std::string request = hear(service);
        REQUIRE(say(service, "answer " + request) == send_status::queued);
        settle(proxy);
    }
    CHECK(hear(ann) == "answer from ann");
    CHECK(hear(bob) == "answer from bob");
    CHECK(proxy.counts().to_back == 2);
    CHECK(proxy.counts().to_front == 2);
}

TEST_CASE("a service that is full makes the front wait; what is held goes on once there is room", "[proxy][T1.1]") {
    ih::context context;
    local<ih::pull, receiving> front{context, {}};
    local<ih::push, narrow_out> back{context, {}};
    local<ih::pull, narrow_in> service{context, {}};
    local<ih::push, sending> client{context, {}};
    front.bind("inproc://front");
    service.bind("inproc://service");
    back.connect("inproc://service");
    client.connect("inproc://front");
    ih::proxy proxy{front, back};
    for (int i = 1; i <= 20; ++i) REQUIRE(say(client, std::to_string(i)) == send_status::queued);
    settle(proxy);
    CHECK(proxy.holding(proxy_side::front));
    CHECK(proxy.counts().to_back == 4); // an inproc pipe holds both ends' queues together
    CHECK(proxy.forward(50ms) == proxy_status::timed_out);

    // Paused, it takes nothing more; what it holds goes on all the same.
    proxy.pause(proxy_side::front);
    for (int i = 1; i <= 4; ++i) CHECK(hear(service) == std::to_string(i));
    settle(proxy);
    CHECK_FALSE(proxy.holding(proxy_side::front));
    CHECK(hear(service) == "5");
    CHECK(hear(service, 50ms) == "nothing");
    proxy.resume(proxy_side::front);
    for (int i = 6; i <= 20; ++i) {
        settle(proxy);
        CHECK(hear(service) == std::to_string(i));
    }
}

TEST_CASE("answers to who does not read are dropped, and do not keep the others waiting", "[proxy]") {
    ih::context context;
    local<ih::router, narrow> front{context, {}};
    local<ih::dealer, wider> back{context, {}};
    local<ih::router, wider> service{context, {}};
    local<ih::dealer, narrow> deaf{context, {}};
    local<ih::dealer, narrow> ann{context, {}};
    front.bind("inproc://front");
    service.bind("inproc://service");
    back.connect("inproc://service");
    deaf.connect("inproc://front");
    ann.connect("inproc://front");
    ih::proxy proxy{front, back};
    const auto ask = [&](auto& who, int answers) {
        REQUIRE(say(who, "?") == send_status::queued);
        settle(proxy);
        decltype(service)::message request;
        REQUIRE(service.receive(request, soon) == receive_status::received);
        REQUIRE(request.size() == 2); // the client's address, and what it sent
        for (int i = 0; i != answers; ++i) {
            decltype(service)::message answer;
            answer.to(request);
            REQUIRE(answer.add(request[0].bytes()));
            REQUIRE(answer.add(std::to_string(i)));
            REQUIRE(service.send(answer, soon) == send_status::queued);
        }
    };
    ask(deaf, 20);
    const auto began = std::chrono::steady_clock::now();
    settle(proxy);
    CHECK(proxy.counts().slow == 16);
    CHECK(proxy.counts().to_front == 4);
    CHECK(std::chrono::steady_clock::now() - began < 500ms); // one moment for all of them
    ask(ann, 1);
    settle(proxy);
    CHECK(hear(ann) == "0");
    CHECK_FALSE(proxy.holding(proxy_side::back));
}

TEST_CASE("answers to who has left, or to nobody, are dropped and counted", "[proxy]") {
    ih::context context;
    local<ih::router, both> front{context, {}};
    local<ih::dealer, wider> back{context, {}};
    local<ih::dealer, wider> service{context, {}};
    front.bind("inproc://front");
    service.bind("inproc://service");
    back.connect("inproc://service");
    ih::proxy proxy{front, back};
    decltype(service)::message m;
    for (const char* const address : {"somebody", ""}) {
        REQUIRE(m.add(address));
        REQUIRE(m.add("answer"));
        REQUIRE(service.send(m, soon) == send_status::queued);
    }
    REQUIRE(say(service, "an address alone") == send_status::queued);
    settle(proxy);
    CHECK(proxy.counts().gone == 3);
    CHECK(proxy.counts().to_front == 0);
}

TEST_CASE("of what subscribers send, subscriptions alone are forwarded", "[proxy]") {
    ih::context context;
    local<ih::xpub, both> front{context, {}};
    local<ih::xsub, both> back{context, {}};
    local<ih::xpub, both> service{context, {}};
    local<ih::xsub, both> client{context, {}};
    front.bind("inproc://front");
    service.bind("inproc://service");
    back.connect("inproc://service");
    client.connect("inproc://front");
    ih::proxy proxy{front, back};
    REQUIRE(say(client, "no subscription") == send_status::queued);
    client.subscribe("oil");
    settle(proxy);
    CHECK(proxy.counts().unforwarded == 1);
    CHECK(hear(service) == std::string{"\1oil"});
    REQUIRE(say(service, "gas") == send_status::queued);
    REQUIRE(say(service, "oil 1") == send_status::queued);
    settle(proxy);
    CHECK(hear(client) == "oil 1");
}

TEST_CASE("what the other side's limits have no place for is dropped and counted", "[proxy][T4.1]") {
    ih::context context;
    constexpr ih::outbound small{.peers = 1_peers, .queue = 2_messages, .frames = 1_frames, .frame = 8_B};
    local<ih::pull, receiving> front{context, {}};
    local<ih::push, small> back{context, {}};
    local<ih::pull, receiving> service{context, {}};
    local<ih::push, sending> client{context, {}};
    front.bind("inproc://front");
    service.bind("inproc://service");
    back.connect("inproc://service");
    client.connect("inproc://front");
    ih::proxy proxy{front, back};
    REQUIRE(say(client, "more than eight") == send_status::queued);
    REQUIRE(say(client, "eight") == send_status::queued);
    settle(proxy);
    CHECK(proxy.counts().unforwarded == 1);
    CHECK(hear(service) == "eight");
}

TEST_CASE("a stop ends the wait, and so does the end of the context", "[proxy]") {
    ih::context context;
    local<ih::pull, receiving> front{context, {}};
    local<ih::push, sending> back{context, {}};
    front.bind("inproc://front");
    back.bind("inproc://back");
    ih::proxy proxy{front, back};
    CHECK(proxy.forward(0ms) == proxy_status::timed_out);
    std::stop_source stop;
    std::jthread later{[&stop] { stop.request_stop(); }};
    CHECK(proxy.forward(60s, stop.get_token()) == proxy_status::interrupted);
    CHECK(proxy.forward(60s, stop.get_token()) == proxy_status::interrupted);
    context.shutdown();
    CHECK(proxy.forward(60s) == proxy_status::closing);
}

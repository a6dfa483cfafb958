// SPDX-License-Identifier: MIT
//
// Every pattern talks over CURVE with its hardened defaults.

#include <ironhouse/core/pattern.hpp>
#include <ironhouse/socket/context.hpp>
#include <ironhouse/socket/socket.hpp>

#include <array>
#include <string>
#include <type_traits>
#include <utility>

#include "catch.hpp"
#include "support/sockets.hpp"

namespace ih = ironhouse;
using namespace support;
using ih::receive_status;
using ih::send_status;

static_assert(ih::can_send<ih::push> && !ih::can_send<ih::pull> && !ih::can_send<ih::sub>);
static_assert(ih::can_receive<ih::pull> && !ih::can_receive<ih::push> && !ih::can_receive<ih::pub>);
static_assert(ih::can_subscribe<ih::sub> && ih::can_subscribe<ih::xsub> && !ih::can_subscribe<ih::xpub>);
static_assert(std::is_same_v<ih::router::limits, ih::duplex> && std::is_same_v<ih::pub::limits, ih::outbound>);
static_assert(!ih::messaging_pattern<int>);

namespace {

constexpr auto limits_of(ih::inbound*) { return receiving; }
constexpr auto limits_of(ih::outbound*) { return sending; }
constexpr auto limits_of(ih::duplex*) { return both; }
template <class Pattern> inline constexpr auto limits = limits_of(static_cast<typename Pattern::limits*>(nullptr));

template <class Pattern> using server_of = ih::socket<Pattern, limits<Pattern>, ih::curve_server>;
template <class Pattern> using client_of = ih::socket<Pattern, limits<Pattern>, ih::curve_client>;

// A bound server and a connected client, both open.
template <class Server, class Client> struct couple {
    ih::context context;
    cast who;
    server_of<Server> server{context, who.serving()};
    client_of<Client> client{context, (server.bind("tcp://127.0.0.1:*"), who.as(who.ann))};

    couple() { client.connect(address_of(server)); }
    [[nodiscard]] bool connected() {
        return eventually([&] { return context.count(ih::reason::connected) == 2; });
    }
};

template <class Socket> void say(Socket& to, const char* text) {
    typename Socket::message m;
    REQUIRE(m.add(text));
    REQUIRE(to.send(m, soon) == send_status::queued);
}
template <class Socket> std::string hear(Socket& from, typename Socket::message& m) {
    if (from.receive(m, soon) != receive_status::received) return "(nothing)";
    return std::string{m[0].text()};
}
template <class Socket> std::string hear(Socket& from) {
    typename Socket::message m;
    return hear(from, m);
}

} // namespace

TEST_CASE("push and pull talk in either binding direction", "[core][pattern]") {
    couple<ih::pull, ih::push> one;
    say(one.client, "up");
    CHECK(hear(one.server) == "up");
    couple<ih::push, ih::pull> other;
    REQUIRE(other.connected());
    say(other.server, "down");
    CHECK(hear(other.client) == "down");
}

TEST_CASE("a subscriber hears the topics it asked for and no others", "[core][pattern]") {
    couple<ih::pub, ih::sub> feed;
    feed.client.subscribe("weather");
    REQUIRE(feed.connected());
    decltype(feed.client)::message m;
    // Subscriptions travel: publish until the first one is heard.
    REQUIRE(eventually([&] {
        say(feed.server, "sport 1");
        say(feed.server, "weather 1");
        return feed.client.try_receive(m) == receive_status::received;
    }));
    do CHECK(m[0].text() == "weather 1");
    while (feed.client.receive(m, 50ms) == receive_status::received);
    CHECK_THROWS_AS(feed.client.subscribe(std::string(246, 'x')), ih::error);
    feed.client.unsubscribe("weather");
}

TEST_CASE("an xpub sees subscriptions, and an xsub makes them", "[core][pattern]") {
    couple<ih::xpub, ih::xsub> feed;
    feed.client.subscribe("a");
    CHECK(hear(feed.server) == std::string{"\1a"});
    say(feed.server, "a story");
    CHECK(hear(feed.client) == "a story");
    feed.client.unsubscribe("a");
    CHECK(hear(feed.server) == std::string{'\0', 'a'});
}

TEST_CASE("a request is answered, and may be asked again when no answer came", "[core][pattern]") {
    couple<ih::rep, ih::req> talk;
    say(talk.client, "first");
    CHECK(hear(talk.server) == "first");
    say(talk.client, "second"); // before the answer: the first one is given up
    say(talk.server, "answer to the first");
    CHECK(hear(talk.server) == "second");
    say(talk.server, "answer to the second");
    CHECK(hear(talk.client) == "answer to the second"); // the late answer is not taken for this one
    decltype(talk.client)::message m;
    CHECK_THROWS_AS(talk.client.receive(m, 0ms), ih::error);
    REQUIRE(m.add("out of turn"));
    CHECK_THROWS_AS(talk.server.send(m, 0ms), ih::error);
    CHECK(m.size() == 1);
}

TEST_CASE("a REP answers a request that breaks the limits with an empty message, and serves on",
          "[core][pattern][T4.1]") {
    ih::context context;
    constexpr ih::duplex narrow{.in = {.peers = 4_peers, .queue = 10_messages, .frames = 1_frame, .frame = 16_B},
                                .out = {.peers = 4_peers, .queue = 10_messages, .frames = 1_frame, .frame = 16_B}};
    ih::socket<ih::rep, narrow, ih::in_process> server{context, {}};
    server.bind("inproc://narrow");
    ih::socket<ih::req, both, ih::in_process> client{context, {}};
    client.connect("inproc://narrow");
    decltype(client)::message m;
    REQUIRE(m.add("one"));
    REQUIRE(m.add("two"));
    REQUIRE(client.send(m, soon) == send_status::queued);
    decltype(server)::message asked;
    CHECK(server.receive(asked, 30ms) == receive_status::timed_out);
    CHECK(server.dropped() == 1);
    REQUIRE(client.receive(m, soon) == receive_status::received);
    CHECK(m[0].size() == 0);
    m.clear();
    REQUIRE(m.add("fine"));
    REQUIRE(client.send(m, soon) == send_status::queued);
    CHECK(hear(server) == "fine");
}

TEST_CASE("a REQ that got an answer over its limits times out and may ask again", "[core][pattern][T4.1]") {
    ih::context context;
    constexpr ih::duplex narrow{.in = {.peers = 4_peers, .queue = 10_messages, .frames = 1_frame, .frame = 16_B},
                                .out = {.peers = 4_peers, .queue = 10_messages, .frames = 1_frame, .frame = 16_B}};
    ih::socket<ih::rep, both, ih::in_process> server{context, {}};
    server.bind("inproc://talkative");
    ih::socket<ih::req, narrow, ih::in_process> client{context, {}};
    client.connect("inproc://talkative");
    say(client, "question");
    CHECK(hear(server) == "question");
    say(server, "an answer that is longer than sixteen bytes");
    decltype(client)::message m;
    CHECK(client.receive(m, 200ms) == receive_status::timed_out);
    CHECK(client.dropped() == 1);
    say(client, "again");
    CHECK(hear(server) == "again");
    say(server, "short");
    CHECK(hear(client) == "short");
}

TEST_CASE("a router answers by routing id and reports an id it does not know", "[core][pattern]") {
    couple<ih::router, ih::dealer> talk;
    say(talk.client, "question");
    decltype(talk.server)::message request, reply;
    CHECK(hear(talk.server, request) == "question");
    CHECK(request.size() == 1); // the routing id is no frame
    CHECK(request.routing_id().size() == 16);
    CHECK(request.sender() == "ann");
    reply.to(request);
    REQUIRE(reply.add("head"));
    REQUIRE(reply.add("body"));
    REQUIRE(talk.server.send(reply, soon) == send_status::queued);
    CHECK(reply.routing_id().empty());
    decltype(talk.client)::message answer;
    CHECK(hear(talk.client, answer) == "head");
    CHECK(answer.size() == 2);

    const std::array nobody{std::byte{9}, std::byte{9}};
    REQUIRE(reply.to(nobody));
    REQUIRE(reply.add("lost"));
    CHECK(talk.server.send(reply, soon) == send_status::unroutable);
    CHECK(reply.size() == 1);
    decltype(talk.server)::message unaddressed;
    REQUIRE(unaddressed.add("to whom?"));
    CHECK(talk.server.send(unaddressed, soon) == send_status::unroutable);
}

TEST_CASE("a router that waits for a full peer ends at its patience, and goes on once there is room",
          "[core][pattern]") {
    ih::context context;
    ih::socket<ih::router, both, ih::in_process> server{context, {}};
    server.bind("inproc://full");
    ih::socket<ih::dealer, both, ih::in_process> client{context, {}};
    client.connect("inproc://full");
    say(client, "here I am");
    decltype(server)::message request, reply;
    CHECK(hear(server, request) == "here I am");
    int queued = 0;
    for (;; ++queued) {
        reply.to(request);
        REQUIRE(reply.add("x"));
        if (server.try_send(reply) != send_status::queued) break;
        REQUIRE(queued < 10'000);
    }
    CHECK(server.send(reply, 50ms) == send_status::full);
    CHECK(reply.size() == 1);
    CHECK_FALSE(reply.routing_id().empty());
    for (int i = 0; i != queued; ++i) CHECK(hear(client) == "x");
    CHECK(server.send(reply, soon) == send_status::queued);
}

TEST_CASE("two dealers and two pairs talk both ways", "[core][pattern]") {
    couple<ih::dealer, ih::dealer> dealers;
    REQUIRE(dealers.connected());
    say(dealers.client, "ping");
    CHECK(hear(dealers.server) == "ping");
    say(dealers.server, "pong");
    CHECK(hear(dealers.client) == "pong");
    couple<ih::pair, ih::pair> pairs;
    REQUIRE(pairs.connected());
    say(pairs.client, "ping");
    CHECK(hear(pairs.server) == "ping");
    say(pairs.server, "pong");
    CHECK(hear(pairs.client) == "pong");
}

TEST_CASE("a publisher never waits for the subscriber that does not read, nor makes others lose, and says so",
          "[core][pattern][T2.3]") {
    ih::context context;
    ih::socket<ih::pub, sending, ih::in_process> feed{context, {}};
    feed.bind("inproc://feed");
    ih::socket<ih::sub, receiving, ih::in_process> slow{context, {}};
    slow.connect("inproc://feed");
    slow.subscribe("");
    ih::socket<ih::sub, receiving, ih::in_process> quick{context, {}};
    quick.connect("inproc://feed");
    quick.subscribe("");
    decltype(quick)::message m;
    // Both are subscribed once both have heard something.
    REQUIRE(eventually([&] {
        say(feed, "warm up");
        return quick.try_receive(m) == receive_status::received;
    }));
    REQUIRE(slow.receive(m, soon) == receive_status::received);
    while (quick.try_receive(m) == receive_status::received) {}
    int heard = 0;
    for (int i = 0; i != 1'000; ++i) {
        say(feed, "news");
        REQUIRE(quick.receive(m, soon) == receive_status::received);
        ++heard;
    }
    CHECK(heard == 1'000);
    CHECK(feed.fell_behind() == 1);
    CHECK(eventually([&] { return context.count(ih::reason::subscriber_behind) == 1; }));
    int late = 0;
    while (slow.try_receive(m) == receive_status::received) ++late;
    CHECK(late <= 210); // both ends' queues and no more
    CHECK(eventually([&] {
        say(feed, "room again");
        return slow.try_receive(m) == receive_status::received && m[0].text() == "room again";
    }));
}

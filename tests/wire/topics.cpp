// SPDX-License-Identifier: MIT
// ctest: timeout 180

/// \file
/// What a key may subscribe to is what its certificate says. Each subscription that is refused has one beside it that is not,
/// and nobody gets what another one asked for, whatever peers do to the queues that libzmq keeps subscriptions in.

#include "catch.hpp"

#include "support/house.hpp"
#include "support/scratch.hpp"

#include <ironhouse/insecure.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace {

using namespace house;

constexpr ih::socket_options enforced{.topic_rules = ih::topic_rules::enforced};
constexpr int rounds = 10;

/// Ann may hear of orders and prices in Europe, Eve of news, Ben of everything.
std::vector<ih::keyring::entry> readers(const people& who) {
    return {{.name = "ann", .key = who.ann.key(), .topics = {"orders", "prices.eu"}},
            {.name = "eve", .key = who.eve.key(), .connections = 8_peers, .topics = {"news"}},
            {.name = "ben", .key = who.ben.key()}};
}

/// Waits until libzmq has taken in what this peer sent: its thread answers a PING when it comes to it.
void taken_in(wire::curve_client& whose) {
    constexpr std::uint8_t no_timeout[2] = {0, 0};
    REQUIRE(whose.send_command("PING", wire::view{no_timeout, sizeof no_timeout}));
    REQUIRE(wire::eventually(
        [&] {
            const auto got = whose.receive(wire::deadline{1s});
            return got && wire::contains(got->body, wire::view{"PONG"});
        },
        soon));
}

/// How many descriptors of this process are connected to that port.
int ends_at(std::uint16_t port) {
    int many = 0;
    for (int fd = 0; fd != 256; ++fd) {
        sockaddr_in peer{};
        socklen_t size = sizeof peer;
        if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == port)
            ++many;
    }
    return many;
}

template <class Pattern, auto Limits = limits_of<Pattern>()> struct newsroom {
    using publisher = ih::socket<Pattern, Limits, ih::curve_server>;
    people who;
    ih::keyring ring = ih::keyring::of(readers(who));
    ear events;
    ih::context context{{.on_event = events.listening()}};
    publisher at;
    std::uint16_t port = 0;

    explicit newsroom(const ih::socket_options& chosen = enforced)
        : at{context, {.domain = "newsroom", .clients = ring, .identity = who.server.papers()}, chosen} {
        at.bind(ih::endpoint<ih::curve_server>::parse("tcp://127.0.0.1:*"));
        port = house::port_of(at);
    }
    /// A subscriber by hand; null when it was not let in.
    [[nodiscard]] std::unique_ptr<wire::curve_client> enter(const person& as, const char* type = "SUB") {
        auto peer = std::make_unique<wire::curve_client>(wire::connection::to(port), who.script(as, type));
        return peer->handshake(5s).accepted() ? std::move(peer) : nullptr;
    }
    /// What the owner is told while it sends `what`; a `pub` is told nothing.
    std::vector<std::string> publish(const std::vector<std::string>& what) {
        std::vector<std::string> told;
        if constexpr (ih::can_receive<Pattern>) {
            typename publisher::message m;
            for (unsigned nothing = 0; nothing != 2;) {
                if (at.receive(m, 0ms) == ih::receive_status::received) {
                    told.emplace_back(m[0].text());
                    nothing = 0;
                } else {
                    ++nothing; // some were refused, perhaps
                }
            }
        }
        for (const std::string& each : what) {
            typename publisher::message m;
            REQUIRE(m.add(each));
            REQUIRE(at.send(m, soon) == ih::send_status::queued);
        }
        return told;
    }
    /// Publishes all of it until that subscriber has had one of each of `wanted`; what it got beside them.
    [[nodiscard]] std::vector<std::string> hears(wire::curve_client& whose, const std::vector<std::string>& wanted,
                                                 const std::vector<std::string>& what) {
        std::vector<std::string> missing = wanted, others;
        const bool all = wire::eventually(
            [&] {
                publish(what);
                for (std::optional<wire::frame> got; (got = whose.receive(wire::deadline{5ms}));) {
                    const std::string text = wire::to_text(got->body);
                    if (std::find(wanted.begin(), wanted.end(), text) == wanted.end()) others.push_back(text);
                    std::erase(missing, text);
                }
                return missing.empty();
            },
            soon);
        if (!all) others.emplace_back("(not all that it may hear)");
        return others;
    }
};

template <class Holds> void with_each_publisher(const Holds& holds) {
    SECTION("pub") {
        newsroom<ih::pub> at;
        holds(at);
    }
    SECTION("xpub") {
        newsroom<ih::xpub> at;
        holds(at);
    }
}

const std::vector<std::string> everything{"orders.1", "prices.eu.1", "prices.us.1", "news.1"};
using nothing = std::vector<std::string>;

template <class Pattern> void each_hears_its_topics() {
    newsroom<Pattern> at;
    const auto ann = at.enter(at.who.ann), eve = at.enter(at.who.eve), ben = at.enter(at.who.ben);
    REQUIRE((ann && eve && ben));
    // All of them ask for everything, and then for all that there is.
    for (wire::curve_client* const each : {ann.get(), eve.get(), ben.get()})
        for (const char* const topic : {"", "prices", "orders.1", "prices.eu", "prices.us", "news"})
            REQUIRE(each->subscribe(wire::view{topic}));
    CHECK(at.hears(*ann, {"orders.1", "prices.eu.1"}, everything) == nothing{});
    CHECK(at.hears(*eve, {"news.1"}, everything) == nothing{});
    CHECK(at.hears(*ben, everything, everything) == nothing{});
    // Ann was refused four of six, and Eve five.
    CHECK(counted(at.context, ih::reason::subscription_refused, 4 + 5));
    CHECK(at.context.count(ih::reason::subscription_refused) == 4 + 5);
    // What is taken back is heard no more. "end" comes after it on the same connection.
    for (const char* const topic : {"", "prices", "orders.1", "prices.eu", "prices.us"})
        REQUIRE(ben->cancel(wire::view{topic}));
    REQUIRE(ben->subscribe(wire::view{"end"}));
    std::vector<std::string> all = everything;
    all.emplace_back("end");
    (void)at.hears(*ben, {"end"}, all); // what was on its way
    CHECK(at.hears(*ben, {"end", "news.1"}, all) == nothing{});
    REQUIRE(ann->cancel(wire::view{"orders.1"}));
    (void)at.hears(*ann, {"prices.eu.1"}, all);
    CHECK(at.hears(*ann, {"prices.eu.1"}, all) == nothing{});
}

} // namespace

TEST_CASE("a subscriber hears what its certificate names, and nothing else", "[wire][T6.3][M1.4]") {
    SECTION("pub") { each_hears_its_topics<ih::pub>(); }
    SECTION("xpub") { each_hears_its_topics<ih::xpub>(); }
}

TEST_CASE("our own subscribers are held to their topics like others", "[wire][T6.3]") {
    newsroom<ih::pub> at;
    client_of<ih::sub> ann{at.context, at.who.as(at.who.ann)};
    ann.connect(endpoint_at(at.port));
    ann.subscribe("");
    ann.subscribe("orders");
    std::string heard;
    REQUIRE(wire::eventually(
        [&] {
            at.publish({"news.1", "orders.1"});
            return !(heard = hear(ann, 5ms)).empty();
        },
        soon));
    CHECK(heard == "orders.1");
    for (int n = 0; n != 5; ++n) {
        at.publish({"news.1", "orders.1"});
        CHECK(hear(ann) == "orders.1");
    }
}

TEST_CASE("a publisher that does not hold subscribers to topics lets nobody in who has some", "[wire][T6.3]") {
    newsroom<ih::pub> at{ih::socket_options{}};
    CHECK_FALSE(at.enter(at.who.ann));
    CHECK(counted(at.context, ih::reason::refused_topics));
    CHECK(at.events.of(ih::reason::refused_topics).front().peer == "ann");
    CHECK(at.enter(at.who.ben));

    // Where nobody subscribes, topics mean nothing.
    newsroom<ih::pull> sink{ih::socket_options{}};
    CHECK(sink.enter(sink.who.ann, "PUSH"));
}

TEST_CASE("topics are refused where they could not be kept to", "[wire][T6.3]") {
    const people who;
    ih::context context;
    const auto complaint = [](auto&& does) -> std::string {
        try {
            does();
        } catch (const ih::error& refused) {
            CHECK(refused.why() == ih::error::misuse);
            return refused.what();
        }
        return "(none)";
    };
    CHECK(complaint([&] {
              server_of<ih::pull>{context, who.serving(), enforced};
          }).find("topic_rules are for") != std::string::npos);
    CHECK(complaint([&] {
              server_of<ih::pub>{context,
                                 {.domain = "d",
                                  .clients = ih::insecure::any_client{"a test of what it says"},
                                  .identity = who.server.papers()},
                                 enforced};
          }).find("goes by a keyring") != std::string::npos);
    const support::scratch folder;
    server_of<ih::pub> at{context, who.serving(), enforced};
    CHECK(complaint([&] { at.bind(ih::endpoint<ih::curve_server>::parse("ipc://" + folder / "s")); }).find("use tcp") !=
          std::string::npos);
    at.bind(ih::endpoint<ih::curve_server>::parse("tcp://127.0.0.1:*"));
}

TEST_CASE("an owner is told of the first subscriber of a topic and of the last one's end", "[wire][T6.3]") {
    newsroom<ih::xpub> at;
    at.ring.replace({{.name = "ann", .key = at.who.ann.key(), .topics = {"orders"}},
                     {.name = "eve", .key = at.who.eve.key(), .connections = 8_peers, .topics = {"news"}},
                     {.name = "ben", .key = at.who.ben.key()}});
    auto ann = at.enter(at.who.ann), eve = at.enter(at.who.eve), ben = at.enter(at.who.ben);
    REQUIRE((ann && eve && ben));
    const auto told = [&](const std::vector<std::string>& expected) {
        std::vector<std::string> all;
        (void)wire::eventually(
            [&] {
                for (std::string& each : at.publish({})) all.push_back(std::move(each));
                return all.size() >= expected.size();
            },
            soon);
        return all;
    };
    const auto refused = [&](std::uint64_t times) {
        return wire::eventually(
            [&] {
                CHECK(at.publish({}) == nothing{});
                return at.context.count(ih::reason::subscription_refused) >= times;
            },
            soon);
    };
    REQUIRE(ann->subscribe(wire::view{"orders"}));
    CHECK(told({"\1orders"}) == std::vector<std::string>{"\1orders"});
    REQUIRE(eve->subscribe(wire::view{"orders"})); // refused
    REQUIRE(refused(1));
    REQUIRE(ben->subscribe(wire::view{"orders"})); // not the first
    REQUIRE(ben->subscribe(wire::view{"prices"}));
    CHECK(told({"\1prices"}) == std::vector<std::string>{"\1prices"});
    // Eve never had it, so that her end is nobody's end of it. Ann's is, after Ben's.
    REQUIRE(eve->cancel(wire::view{"orders"}));
    REQUIRE(eve->subscribe(wire::view{"orders"}));
    REQUIRE(refused(2));
    eve.reset();
    REQUIRE(counted(at.context, ih::reason::disconnected, 1));
    ben.reset();
    CHECK(told({std::string{"\0prices", 7}}) == std::vector<std::string>{std::string{"\0prices", 7}});
    CHECK(at.hears(*ann, {"orders.1"}, everything) == nothing{});
    REQUIRE(ann->subscribe(wire::view{"orders"})); // once more is not another
    REQUIRE(ann->cancel(wire::view{"orders"}));
    CHECK(told({std::string{"\0orders", 7}}) == std::vector<std::string>{std::string{"\0orders", 7}});
}

constexpr ih::duplex narrow{.in = {.peers = 16_peers, .queue = 100_messages, .frames = 4_frames, .frame = 64_B},
                            .out = sending};

// libzmq lets frames of a handshake's size pass, whatever the limit.
TEST_CASE("a topic longer than an xpub's frames has no effect, and is counted", "[wire][T6.3][B7]") {
    newsroom<ih::xpub, narrow> at;
    const auto ben = at.enter(at.who.ben);
    REQUIRE(ben);
    const std::string longest(63, 'x'), too_long(64, 'y'); // a byte says what it is
    REQUIRE(ben->subscribe(wire::view{too_long}));
    REQUIRE(ben->subscribe(wire::view{longest}));
    CHECK(at.hears(*ben, {longest}, {too_long, longest}) == nothing{});
    CHECK(counted(at.context, ih::reason::message_frame_too_large));
    CHECK(at.context.count(ih::reason::message_frame_too_large) == 1);
}

// libzmq keeps what subscribers send in one queue, and the connections that subscriptions came by in another; what is no
// subscription shifts the one against the other.
TEST_CASE("nobody gets what another one asked for, whatever a third one sends", "[wire][T6.3][B7]") {
    const auto holds = []<class Pattern>(newsroom<Pattern>& at) {
        auto ann = at.enter(at.who.ann);
        REQUIRE(ann);
        REQUIRE(ann->subscribe(wire::view{"orders"}));
        CHECK(at.hears(*ann, {"orders.1"}, everything) == nothing{});
        const auto mouth = at.enter(at.who.eve, "XSUB"), ear = at.enter(at.who.eve);
        REQUIRE((mouth && ear));
        REQUIRE(ear->subscribe(wire::view{"news.1"}));
        CHECK(at.hears(*ear, {"news.1"}, everything) == nothing{});
        // All three before the publisher looks: Eve's ear asks right after Ann.
        REQUIRE(mouth->send(wire::view{"hello"}));
        taken_in(*mouth);
        REQUIRE(ann->subscribe(wire::view{"prices.eu"}));
        taken_in(*ann);
        REQUIRE(ear->subscribe(wire::view{"news"}));
        taken_in(*ear);
        const auto hears_what_is_not_for = [&](wire::curve_client& whose, const std::vector<std::string>& topics) {
            const auto got = whose.receive(wire::deadline{5ms});
            const std::string text = got ? wire::to_text(got->body) : topics.front();
            return std::none_of(topics.begin(), topics.end(), [&](const auto& each) { return text.starts_with(each); });
        };
        CHECK(wire::never(
            [&] {
                at.publish(everything);
                return hears_what_is_not_for(*ear, {"news"}) || hears_what_is_not_for(*ann, {"orders", "prices.eu"});
            },
            300ms));
        CHECK(counted(at.context, ih::reason::subscriber_spoke));
        // Whoever asked for something together with that has to come again. Eve must not for a while.
        REQUIRE(counted(at.context, ih::reason::subscription_unclear)); // Ann, and mostly Eve too
        CHECK(at.events.of(ih::reason::subscription_unclear).front().peer != "ben");
        ann = at.enter(at.who.ann);
        REQUIRE(ann);
        for (const char* const topic : {"orders", "prices.eu"}) REQUIRE(ann->subscribe(wire::view{topic}));
        CHECK(at.hears(*ann, {"orders.1", "prices.eu.1"}, everything) == nothing{});
        CHECK_FALSE(at.enter(at.who.eve));
        CHECK(at.context.count(ih::reason::refused_after_cut) >= 1);
    };
    with_each_publisher(holds);
}

// What stands for its connection in libzmq's queue is freed by then.
TEST_CASE("a subscriber that has gone before it was heard leaves nothing behind", "[wire][T6.3]") {
    const auto holds = []<class Pattern>(newsroom<Pattern>& at) {
        const auto ann = at.enter(at.who.ann);
        REQUIRE(ann);
        REQUIRE(ann->subscribe(wire::view{"orders"}));
        CHECK(at.hears(*ann, {"orders.1"}, everything) == nothing{});
        for (int n = 0; n != rounds; ++n) {
            auto eve = at.enter(at.who.eve);
            REQUIRE(eve);
            REQUIRE(eve->subscribe(wire::view{"news"}));
            REQUIRE(eve->subscribe(wire::view{"news.1"}));
            taken_in(*eve);
            eve.reset();
            REQUIRE(counted(at.context, ih::reason::disconnected, static_cast<std::uint64_t>(n) + 1));
            CHECK(at.hears(*ann, {"orders.1"}, everything) == nothing{});
        }
    };
    with_each_publisher(holds);
}

// Here the sentry is late: that the connection has ended is to be seen from its descriptor alone.
TEST_CASE("a subscription has no effect once its connection has ended, whether that was said or not", "[wire][T6.3]") {
    const people who;
    std::mutex lock;
    std::condition_variable changed;
    bool holding = false, released = false;
    ih::context context{{.on_event = [&](const ih::event& e) {
        if (e.why != ih::reason::client_admitted || e.peer != "eve") return;
        std::unique_lock held{lock};
        holding = true;
        changed.notify_all();
        changed.wait_for(held, soon, [&] { return released; });
    }}};
    server_of<ih::xpub> at{
        context,
        {.domain = "newsroom", .clients = ih::keyring::of(readers(who)), .identity = who.server.papers()},
        enforced};
    at.bind(ih::endpoint<ih::curve_server>::parse("tcp://127.0.0.1:*"));
    const std::uint16_t port = port_of(at);
    auto eve = std::make_unique<wire::curve_client>(wire::connection::to(port), who.script(who.eve, "SUB"));
    REQUIRE(eve->handshake(5s).accepted());
    {
        std::unique_lock held{lock};
        REQUIRE(changed.wait_for(held, soon, [&] { return holding; }));
    }
    REQUIRE(eve->subscribe(wire::view{"news"}));
    taken_in(*eve);
    server_of<ih::xpub>::message m;
    const auto sends = [&] {
        m.clear();
        REQUIRE(m.add("orders.1"));
        REQUIRE(at.send(m, 0ms) == ih::send_status::queued); // and libzmq does what there is to do
    };
    sends();
    const std::uint16_t hers = eve->tcp().local_port();
    REQUIRE(ends_at(hers) == 2); // libzmq's descriptor and the sentry's
    eve.reset();
    REQUIRE(wire::eventually(
        [&] {
            sends();
            return ends_at(hers) == 1;
        },
        soon));
    // Its pipe is taken apart in a few steps, one for each time that libzmq looks.
    CHECK(wire::never(
        [&] {
            sends();
            return false;
        },
        50ms));
    CHECK(at.receive(m, 0ms) == ih::receive_status::timed_out); // or the owner would be told of a first subscription
    CHECK(at.receive(m, 0ms) == ih::receive_status::timed_out);
    sends();
    {
        const std::lock_guard held{lock};
        released = true;
        changed.notify_all();
    }
}

TEST_CASE("who may hear something else from now on comes again", "[wire][T6.3][M1.4]") {
    newsroom<ih::pub> at;
    auto ann = at.enter(at.who.ann), ben = at.enter(at.who.ben);
    REQUIRE((ann && ben));
    REQUIRE(ann->subscribe(wire::view{"orders"}));
    REQUIRE(ben->subscribe(wire::view{"orders"}));
    CHECK(at.hears(*ann, {"orders.1"}, everything) == nothing{});
    CHECK(at.hears(*ben, {"orders.1"}, everything) == nothing{});
    at.ring.replace(
        {{.name = "ann", .key = at.who.ann.key(), .topics = {"news"}}, {.name = "ben", .key = at.who.ben.key()}});
    CHECK(counted(at.context, ih::reason::revoked));
    CHECK(at.context.count(ih::reason::revoked) == 1);
    CHECK(at.hears(*ben, {"orders.1"}, everything) == nothing{});
    ann = at.enter(at.who.ann);
    REQUIRE(ann);
    for (const char* const topic : {"orders", "news"}) REQUIRE(ann->subscribe(wire::view{topic}));
    CHECK(at.hears(*ann, {"news.1"}, everything) == nothing{});
}

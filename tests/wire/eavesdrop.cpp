// SPDX-License-Identifier: MIT
// ctest: timeout 120

/// \file
/// Whoever sits on the line: it reads nothing, cannot pass for either end, and what it changes is never handed over.

#include "catch.hpp"

#include "support/house.hpp"
#include "support/mitm.hpp"
#include "support/relay.hpp"

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <zmq.h>

namespace {

using namespace house;
using ih::receive_status;
using ih::send_status;

/// Words that occur nowhere by chance.
constexpr const char* secret = "the-plaintext-nobody-may-read";
constexpr const char* topic = "topic-of-the-conspirators";
constexpr const char* route = "routing-id-of-ann-0123456789";

/// Whether any eight bytes in a row of a word went over the line.
bool anything_of(const wire::relay& line, const std::string& word) {
    for (std::size_t at = 0; at + 8 <= word.size(); ++at)
        if (line.contains(word.substr(at, 8))) return true;
    return false;
}

/// The line was really listened to: the greeting is in clear, and so is nothing else.
void nothing_was_read(const wire::relay& line) {
    REQUIRE(line.recorded_everything());
    CHECK(line.contains("CURVE")); // the record is a record
    CHECK(line.contains("MESSAGE"));
    CHECK(line.count(wire::direction::to_server) > 500);
    for (const char* const word : {secret, topic, route, "Socket-Type", "Identity"}) {
        INFO(word);
        CHECK_FALSE(anything_of(line, word));
    }
}

} // namespace

// --- listening --------------------------------------------------------------------------------------------------------

TEST_CASE("a line between PUSH and PULL carries no plaintext", "[wire][T5.1][M1.5]") {
    const people who;
    ih::context context;
    server_of<ih::pull> sink{context, who.serving()};
    sink.bind("tcp://127.0.0.1:*");
    const wire::relay line{house::port_of(sink)};
    client_of<ih::push> ann{context, who.as(who.ann)};
    ann.connect(endpoint_at(line.port()));
    for (const std::size_t padding : {0U, 1U, 200U, 900U}) {
        const std::string text = std::string(padding, '.') + secret;
        REQUIRE(say(ann, text));
        CHECK(hear(sink) == text);
    }
    nothing_was_read(line);
    CHECK_FALSE(line.contains(wire::view{who.ann.keys.secret_key}));
    CHECK_FALSE(line.contains(wire::view{who.ann.keys.public_key})); // not even who it is
    CHECK_FALSE(line.contains(wire::view{who.server.keys.secret_key}));
}

TEST_CASE("a line between PUB and SUB carries neither news nor topics", "[wire][T5.1][M1.5]") {
    const people who;
    ih::context context;
    server_of<ih::xpub> publisher{context, who.serving()};
    publisher.bind("tcp://127.0.0.1:*");
    const wire::relay line{house::port_of(publisher)};
    client_of<ih::sub> ann{context, who.as(who.ann)};
    ann.subscribe(topic);
    ann.connect(endpoint_at(line.port()));
    REQUIRE(hear(publisher) == std::string{"\1"} + topic);
    decltype(publisher)::message m;
    REQUIRE(m.add(topic));
    REQUIRE(m.add(secret));
    REQUIRE(publisher.send(m, soon) == send_status::queued);
    CHECK(hear(ann) == secret);
    ann.unsubscribe(topic);
    REQUIRE(hear(publisher) == std::string("\0", 1) + topic);
    nothing_was_read(line);
}

TEST_CASE("a line between DEALER and ROUTER carries neither requests, replies nor routing ids", "[wire][T5.1][M1.5]") {
    const people who;
    ih::context context;
    server_of<ih::router> router{context, who.serving()};
    router.bind("tcp://127.0.0.1:*");
    const wire::relay line{house::port_of(router)};
    client_of<ih::dealer> ann{context, who.as(who.ann)};
    const std::string id = route;
    REQUIRE(zmq_setsockopt(ann.native_handle(), ZMQ_ROUTING_ID, id.data(), id.size()) == 0);
    ann.connect(endpoint_at(line.port()));
    REQUIRE(say(ann, secret));
    decltype(router)::message m;
    REQUIRE(router.receive(m, soon) == receive_status::received);
    CHECK(m[0].text() == secret);
    decltype(router)::message reply;
    REQUIRE(reply.add(secret));
    reply.to(m);
    REQUIRE(router.send(reply, soon) == send_status::queued);
    CHECK(hear(ann) == secret);
    nothing_was_read(line);
}

TEST_CASE("the same words never look the same on the line", "[wire][T5.1]") {
    const people who;
    ih::context context;
    server_of<ih::pull> sink{context, who.serving()};
    sink.bind("tcp://127.0.0.1:*");
    const wire::relay line{house::port_of(sink)};
    for (int session = 0; session != 2; ++session) {
        client_of<ih::push> ann{context, who.as(who.ann)};
        ann.connect(endpoint_at(line.port()));
        for (int i = 0; i != 20; ++i) {
            REQUIRE(say(ann, secret));
            CHECK(hear(sink) == secret);
        }
    }
    // Every box, by its nonce-free part: each begins "\7MESSAGE" and 8 bytes of counter.
    std::set<std::string> boxes;
    std::size_t seen = 0;
    for (std::size_t c = 0; c != line.connections(); ++c) {
        const wire::bytes all = line.recorded(wire::direction::to_server, c);
        const std::string text = wire::to_text(all);
        for (std::size_t at = text.find("\7MESSAGE"); at != std::string::npos; at = text.find("\7MESSAGE", at + 1)) {
            if (at + 16 + 46 > text.size()) break;
            boxes.insert(text.substr(at + 16, 46)); // authenticator, flags, text
            ++seen;
        }
    }
    CHECK(seen == 40);
    CHECK(boxes.size() == seen);
}

// --- standing in the middle -------------------------------------------------------------------------------------------

TEST_CASE("a go-between with keys of its own passes for neither end, and reads nothing", "[wire][T6.1][M1.2]") {
    const people who;
    ih::context context;
    server_of<ih::router> router{context, who.serving()};
    router.bind("tcp://127.0.0.1:*");
    const wire::mitm mallory{
        house::port_of(router),
        {.towards_client = who.mallory.keys, .towards_server = who.mallory.keys, .server = who.server.keys.public_key}};
    client_of<ih::dealer> ann{context, who.as(who.ann), {.linger = 0ms}};
    ann.connect(endpoint_at(mallory.port()));
    REQUIRE(say(ann, secret));
    REQUIRE(wire::eventually([&] { return !mallory.sightings().empty(); }, soon));
    const auto seen = mallory.sightings().front();
    CHECK(seen.with_client.kept_out());
    CHECK(seen.with_server.kept_out());
    CHECK(mallory.read_frames().empty());
    CHECK(context.count(ih::reason::client_admitted) == 0);
    CHECK(counted(context, ih::reason::refused_unknown_key));
    CHECK(hear(router, 0ms).empty());
    CHECK(hear(ann, 0ms).empty());

    // The direct way is open all the while.
    client_of<ih::dealer> ben{context, who.as(who.ben)};
    ben.connect(endpoint_at(house::port_of(router)));
    std::vector<std::string> surfaced;
    CHECK(converse<ih::router>(router, ben, "past the go-between", surfaced) == "");
    CHECK(surfaced.empty());
}

TEST_CASE("a go-between with a key of the ring is still not the server to a client", "[wire][T6.1]") {
    const people who;
    ih::context context;
    server_of<ih::router> router{context, who.serving()};
    router.bind("tcp://127.0.0.1:*");
    const wire::mitm eve{
        house::port_of(router),
        {.towards_client = who.eve.keys, .towards_server = who.eve.keys, .server = who.server.keys.public_key}};
    client_of<ih::dealer> ann{context, who.as(who.ann), {.linger = 0ms}};
    ann.connect(endpoint_at(eve.port()));
    REQUIRE(say(ann, secret));
    REQUIRE(wire::eventually([&] { return !eve.sightings().empty(); }, soon));
    CHECK(eve.sightings().front().with_client.kept_out());
    CHECK(eve.sightings().front().with_server.accepted()); // as itself, which it may
    CHECK(eve.read_frames().empty());
    CHECK(hear(router, 50ms).empty());
}

// --- changing what passes ---------------------------------------------------------------------------------------------

TEST_CASE("a flipped bit costs the connection, is never handed over, and the sender is back by itself",
          "[wire][T5.1][T6.1]") {
    const people who;
    ih::context context;
    server_of<ih::pull> sink{context, who.serving()};
    sink.bind("tcp://127.0.0.1:*");
    wire::relay line{house::port_of(sink)};
    client_of<ih::push> ann{context, who.as(who.ann)};
    ann.connect(endpoint_at(line.port()));
    // Every message names itself, so that anything else that surfaces is altered data.
    std::uint64_t said = 0;
    const auto talks = [&] {
        std::set<std::string> open;
        return wire::eventually(
            [&] {
                const std::string text = "order " + std::to_string(++said) + std::string(200, '.');
                client_of<ih::push>::message m;
                REQUIRE(m.add(text));
                if (ann.send(m, 20ms) == send_status::queued) open.insert(text);
                bool any = false;
                for (std::string got; !(got = hear(sink, 20ms)).empty();) {
                    REQUIRE(open.count(got) == 1);
                    any = true;
                }
                return any;
            },
            soon);
    };
    REQUIRE(talks());
    // Frame header, name, nonce, authenticator, flags, text: the stream goes on where the last message ended.
    for (const std::uint64_t ahead : {0U, 1U, 2U, 3U, 9U, 17U, 25U, 34U, 100U, 240U}) {
        CAPTURE(ahead);
        const std::size_t flips = line.flipped();
        line.flip_bit(wire::direction::to_server, ahead, static_cast<unsigned>(ahead));
        REQUIRE(wire::eventually([&] { return (void)talks(), line.flipped() == flips + 1; }, soon));
        REQUIRE(talks());
        REQUIRE(talks());
    }
    CHECK(line.flipped() == 10);
}

TEST_CASE("a bit flipped on the way to a subscriber is never handed over, and it hears again", "[wire][T5.1][T6.1]") {
    const people who;
    ih::context context;
    server_of<ih::pub> publisher{context, who.serving()};
    publisher.bind("tcp://127.0.0.1:*");
    wire::relay line{house::port_of(publisher)};
    client_of<ih::sub> ann{context, who.as(who.ann), {.linger = 0ms}};
    ann.subscribe("news");
    ann.connect(endpoint_at(line.port()));
    std::uint64_t said = 0;
    std::set<std::string> open;
    const auto talks = [&] {
        return wire::eventually(
            [&] {
                const std::string text = "news " + std::to_string(++said) + std::string(200, '.');
                REQUIRE(say(publisher, text));
                open.insert(text);
                const std::string got = hear(ann, 50ms);
                if (got.empty()) return false;
                REQUIRE(open.count(got) == 1);
                return true;
            },
            soon);
    };
    REQUIRE(talks());
    for (const std::uint64_t ahead : {0U, 1U, 5U, 15U, 30U, 120U}) {
        CAPTURE(ahead);
        const std::size_t flips = line.flipped();
        line.flip_bit(wire::direction::to_client, ahead, static_cast<unsigned>(ahead));
        REQUIRE(wire::eventually([&] { return (void)talks(), line.flipped() == flips + 1; }, soon));
        REQUIRE(talks());
    }
}

TEST_CASE("bits flipped anywhere in the handshake keep the client out, and the next attempt succeeds", "[wire][T6.1]") {
    const people who;
    ih::context context;
    server_of<ih::pull> sink{context, who.serving()};
    sink.bind("tcp://127.0.0.1:*");
    for (const auto d : {wire::direction::to_server, wire::direction::to_client}) {
        // mechanism's name; HELLO or WELCOME: header, name, keys, boxes; INITIATE or READY
        for (const std::uint64_t ahead : {13U, 64U, 70U, 150U, 200U, 260U, 280U}) {
            CAPTURE(static_cast<int>(d), ahead);
            wire::relay line{house::port_of(sink)};
            line.flip_bit(d, ahead);
            client_of<ih::push> ann{context, who.as(who.ann), {.linger = 0ms}};
            ann.connect(endpoint_at(line.port()));
            REQUIRE(wire::eventually(
                [&] {
                    client_of<ih::push>::message m;
                    REQUIRE(m.add(secret));
                    (void)ann.send(m, 20ms);
                    const std::string got = hear(sink, 20ms);
                    REQUIRE((got.empty() || got == secret));
                    return !got.empty() && line.flipped() == 1;
                },
                soon));
            ann.close();
            while (!hear(sink, 20ms).empty()) {}
        }
    }
}

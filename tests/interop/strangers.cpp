// SPDX-License-Identifier: MIT
// ctest: timeout 180

/// \file
/// Foreign peers that must not get in, and foreign authenticators that must not let us in; beside each, one that may.

#include <chrono>
#include <string>
#include <vector>

#include "catch.hpp"
#include "foreign.hpp"
#include "support/sockets.hpp"

namespace ih = ironhouse;
using namespace support;
using interop::frames;
using interop::keys;
using interop::kind;
using interop::peer;

namespace {

using sink_type = ih::socket<ih::pull, receiving, ih::curve_server>;
using source_type = ih::socket<ih::push, sending, ih::curve_client>;

/// A server of ours that knows ann alone.
struct house {
    keys at;
    ih::context context;
    sink_type sink;
    // Not a default member initialiser: there Clang 14 runs a literal's checks at run time, and does not link.
    house()
        : sink{context,
               {.domain = "interop",
                .clients = at.who.ring,
                .identity = ih::certificate::load(at.folder / "server.key_secret")}} {
        sink.bind("tcp://127.0.0.1:*");
    }

    [[nodiscard]] peer pusher(kind foreign, const std::string& own, const std::string& server_key) {
        std::vector<std::string> arguments{"--connect", sink.last_endpoint()};
        if (!own.empty()) arguments.insert(arguments.end(), {"--own", own});
        if (!server_key.empty()) arguments.insert(arguments.end(), {"--server-key", server_key});
        return peer{foreign, "push", arguments};
    }
    [[nodiscard]] std::string next_text() {
        sink_type::message m;
        return sink.receive(m, soon) == ih::receive_status::received
                   ? std::string{m.sender()} + ": " + std::string{m[0].text()}
                   : "nothing came";
    }
};

} // namespace

TEST_CASE("a foreign client with a key that is not in the ring stays outside", "[interop][T6.1][B2]") {
    const auto foreign = GENERATE(kind::pyzmq, kind::czmq);
    house here;
    here.at.who.mallory.save(here.at.folder / "mallory.key_secret");
    here.at.who.mallory.save_public(here.at.folder / "mallory.key");
    auto stranger = here.pusher(foreign, here.at.file(foreign, "mallory"), here.at.who.server_key.z85());
    auto honest = here.pusher(foreign, here.at.file(foreign, "ann"), here.at.who.server_key.z85());
    stranger.send({"let me in"});
    CHECK(eventually([&] { return here.context.count(ih::reason::refused_unknown_key) > 0; }));
    honest.send({"it is me"});
    CHECK(here.next_text() == "ann: it is me");
    CHECK(here.context.count(ih::reason::client_admitted) == 1);
}

TEST_CASE("a foreign client that trusts another server key does not connect", "[interop][T6.1]") {
    const auto foreign = GENERATE(kind::pyzmq, kind::czmq);
    house here;
    auto misled = here.pusher(foreign, here.at.file(foreign, "ann"), here.at.who.mallory.public_key().z85());
    auto honest = here.pusher(foreign, here.at.file(foreign, "ann"), here.at.who.server_key.z85());
    misled.send({"for somebody else"});
    honest.send({"for you"});
    CHECK(here.next_text() == "ann: for you");
    CHECK(eventually([&] { return here.context.count(ih::reason::handshake_failed) > 0; }));
    CHECK(here.context.count(ih::reason::client_admitted) == 1);
}

TEST_CASE("a foreign client without keys does not get in", "[interop][T5.1]") {
    const auto foreign = GENERATE(kind::pyzmq, kind::czmq);
    house here;
    auto plain = here.pusher(foreign, "", "");
    auto honest = here.pusher(foreign, here.at.file(foreign, "ann"), here.at.who.server_key.z85());
    plain.send({"in plain text"});
    honest.send({"sealed"});
    CHECK(here.next_text() == "ann: sealed");
    CHECK(eventually([&] { return here.context.count(ih::reason::handshake_failed) > 0; }));
}

TEST_CASE("a foreign client that breaks the limits loses its message, and another goes on", "[interop][T4.1]") {
    const auto foreign = GENERATE(kind::pyzmq, kind::czmq);
    house here;
    auto rude = here.pusher(foreign, here.at.file(foreign, "ann"), here.at.who.server_key.z85());
    auto honest = here.pusher(foreign, here.at.file(foreign, "ann"), here.at.who.server_key.z85());
    rude.send({"1", "2", "3", "4", "5"});     // one frame too many: dropped whole
    rude.send({std::string(64 * 1024, 'x')}); // 64 times the limit: libzmq hangs up
    honest.send({"within the limits"});
    CHECK(here.next_text() == "ann: within the limits");
    CHECK(eventually([&] {
        sink_type::message m;
        (void)here.sink.try_receive(m);
        return here.context.count(ih::reason::message_too_many_frames) == 1 &&
               here.context.count(ih::reason::disconnected) > 0;
    }));
}

TEST_CASE("a foreign authenticator that does not know our key keeps us out, and one that does lets us in",
          "[interop][M1.6]") {
    const auto foreign = GENERATE(kind::pyzmq, kind::czmq);
    const keys at;
    peer theirs{
        foreign, "pull", {"--bind", "tcp://127.0.0.1:*", "--own", at.file(foreign, "server"), "--clients", at.clients}};
    const auto there = ih::connect_endpoint<ih::curve_client::protects>::parse(theirs.endpoint());
    ih::context context;
    auto stranger = ih::certificate::generate("stranger");
    const auto say = [&](source_type& source, const std::string& text) {
        source_type::message m;
        REQUIRE(m.add(text));
        REQUIRE(source.send(m, soon) == ih::send_status::queued);
    };
    source_type unknown{context, {.identity = std::move(stranger), .server = at.who.server_key}};
    unknown.connect(there);
    say(unknown, "let me in");
    CHECK(eventually([&] { return context.count(ih::reason::handshake_failed) > 0; }));
    source_type ann{context,
                    {.identity = ih::certificate::load(at.folder / "ann.key_secret"), .server = at.who.server_key}};
    ann.connect(there);
    say(ann, "it is me");
    CHECK(theirs.receive() == frames{"it is me"});
    CHECK_FALSE(theirs.receive(200ms));
}

TEST_CASE("a client of ours does not talk to a foreign server with another key", "[interop][T6.1]") {
    const auto foreign = GENERATE(kind::pyzmq, kind::czmq);
    const keys at;
    peer theirs{
        foreign, "pull", {"--bind", "tcp://127.0.0.1:*", "--own", at.file(foreign, "server"), "--clients", at.clients}};
    ih::context context;
    source_type misled{
        context,
        {.identity = ih::certificate::load(at.folder / "ann.key_secret"), .server = at.who.mallory.public_key()}};
    misled.connect(ih::connect_endpoint<ih::curve_client::protects>::parse(theirs.endpoint()));
    source_type::message m;
    REQUIRE(m.add("for somebody else"));
    REQUIRE(misled.send(m, soon) == ih::send_status::queued);
    CHECK(eventually([&] { return context.count(ih::reason::handshake_failed) > 0; }));
    CHECK_FALSE(theirs.receive(200ms));
}

TEST_CASE("a client of ours finds a foreign server again after it was started anew", "[interop][T3.4]") {
    const auto foreign = GENERATE(kind::pyzmq, kind::czmq);
    const keys at;
    ih::context context;
    source_type source{context,
                       {.identity = ih::certificate::load(at.folder / "ann.key_secret"), .server = at.who.server_key}};
    std::string endpoint = "tcp://127.0.0.1:*";
    for (const char* const text : {"first life", "second life"}) {
        peer theirs{
            foreign, "pull", {"--bind", endpoint, "--own", at.file(foreign, "server"), "--clients", at.clients}};
        if (endpoint.ends_with('*')) {
            endpoint = theirs.endpoint();
            source.connect(ih::connect_endpoint<ih::curve_client::protects>::parse(endpoint));
        }
        source_type::message m;
        REQUIRE(m.add(text));
        REQUIRE(source.send(m, soon) == ih::send_status::queued);
        std::optional<frames> got;
        const auto until = std::chrono::steady_clock::now() + 20s;
        while (!got && std::chrono::steady_clock::now() < until) {
            source.service(); // an owner that is idle lets the library connect again
            got = theirs.receive(50ms);
        }
        CHECK(got == frames{text});
    }
}

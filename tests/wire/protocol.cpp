// SPDX-License-Identifier: MIT
// ctest: timeout 180

/// \file
/// Peers that break ZMTP and CurveZMQ, before and after they are let in. After each of them an honest peer is served, over
/// the connection it had, and nothing the offender sent was handed to the program.

#include "catch.hpp"

#include "support/house.hpp"
#include "support/process.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

namespace {

using namespace house;

/// Where an offender stands: what it knows of the server.
struct stage {
    const people& who;
    std::uint16_t port;
    std::string type; // of the offender's socket

    [[nodiscard]] wire::connection dial() const { return wire::connection::to(port, "127.0.0.66"); }
    [[nodiscard]] wire::curve_client visitor(wire::curve_client_script script) const {
        return {dial(), std::move(script)};
    }
    [[nodiscard]] wire::curve_client_script script() const { return who.script(who.eve, type); }
    /// Eve, past her handshake.
    [[nodiscard]] wire::curve_client inside() const {
        auto eve = visitor(script());
        const auto met = eve.handshake(soon);
        CAPTURE(met.reason);
        REQUIRE(met.accepted());
        return eve;
    }
};

struct offence {
    std::string name;
    std::function<void(const stage&)> commit;
    std::vector<std::string> allowed = {}; // what it says by the rules before it breaks them
};

/// Bytes that begin like no protocol in particular.
wire::bytes noise(std::uint8_t first, std::size_t size) {
    wire::bytes b(size);
    for (std::size_t i = 0; i < size; ++i) b[i] = static_cast<std::uint8_t>(i * 167 + i / 256 + 13);
    b[0] = first;
    return b;
}

/// Raw bytes for which the server must hang up.
offence raw(std::string name, wire::bytes what) {
    return {std::move(name), [what = std::move(what)](const stage& s) {
                auto c = s.dial();
                (void)c.send_all(what, soon);
                c.finish_sending();
                CHECK(c.closed_by_peer(soon));
            }};
}

/// A handshake that strays, for which the server must hang up at once.
offence strays(std::string name, const std::function<void(const stage&, wire::curve_client_script&)>& how) {
    return {std::move(name), [how](const stage& s) {
                auto script = s.script();
                how(s, script);
                auto eve = s.visitor(script);
                const auto met = eve.handshake(soon);
                CAPTURE(met.reason);
                CHECK(met.kept_out());
                // Whoever is told "400" may stay until its handshake's time is up; everybody else is cut off at once.
                if (met.result != wire::verdict::refused) CHECK(eve.tcp().closed_by_peer(soon));
            }};
}

/// Something after the handshake, for which the server must hang up at once.
offence betrays(std::string name, const std::function<void(wire::curve_client&)>& how) {
    return {std::move(name), [how](const stage& s) {
                auto eve = s.inside();
                how(eve);
                CHECK(eve.tcp().closed_by_peer(soon));
            }};
}

std::vector<offence> offences_at_the_door() {
    std::vector<offence> all;
    all.push_back(raw("an HTTP request", wire::to_bytes(wire::http_request)));
    all.push_back(raw("noise", noise('x', 70'000)));
    all.push_back(raw("noise that begins as a greeting", noise(0xFF, 70'000)));
    all.push_back(raw("zeros", wire::bytes(5'000, 0)));
    all.push_back(raw("half a greeting", wire::view{wire::greeting{.mechanism = "CURVE"}.encode()}.part(0, 40).copy()));
    {
        auto old = wire::greeting_of_zmtp1("eve");
        wire::append(old, wire::bytes{5, 0, 'e', 'v', 'i', 'l'});
        all.push_back(raw("ZMTP 1 and a message", old));
        all.push_back(raw("ZMTP 1 without a name", wire::greeting_of_zmtp1()));
    }
    for (const int type : {1, 3, 5, 6, 8, 10}) {
        auto old = wire::greeting_of_zmtp2(static_cast<std::uint8_t>(type), "eve");
        wire::append(old, wire::encode_frame("evil"));
        all.push_back(raw("ZMTP 2 as type " + std::to_string(type), old));
    }
    all.push_back({"the NULL mechanism", [](const stage& s) {
                       wire::zmtp_peer eve{s.dial()};
                       CHECK(eve.null_handshake(wire::basic_properties(s.type), soon).kept_out());
                       (void)eve.send_frame("evil", 0, soon);
                       CHECK(eve.tcp().closed_by_peer(soon));
                   }});
    all.push_back({"the PLAIN mechanism", [](const stage& s) {
                       wire::zmtp_peer eve{s.dial()};
                       CHECK(eve.plain_handshake("ann", "secret", wire::basic_properties(s.type), soon).kept_out());
                       CHECK(eve.tcp().closed_by_peer(soon));
                   }});
    for (const char* const name : {"", "GSSAPI", "CURVEX", "curve", "CURV", "CURVE CURVE CURVE CU"}) {
        all.push_back(strays(std::string{"the mechanism \""} + name + '"',
                             [name](const stage&, auto& script) { script.banner.mechanism = name; }));
    }
    all.push_back({"a server towards a server", [](const stage& s) {
                       wire::curve_server eve{s.dial(), {.identity = s.who.eve.keys, .socket_type = s.type}};
                       CHECK(eve.handshake(std::chrono::milliseconds{50}).kept_out());
                       (void)eve.send_ready(soon);
                       CHECK(eve.tcp().closed_by_peer(soon));
                   }});

    all.push_back(strays("a key the server does not know",
                         [](const stage& s, auto& script) { script.identity = s.who.mallory.keys; }));
    all.push_back(strays("another's public key",
                         [](const stage& s, auto& script) { script.claims = s.who.ann.keys.public_key; }));
    all.push_back(strays("an unknown key with the as-server flag", [](const stage& s, auto& script) {
        script.identity = s.who.mallory.keys;
        script.banner.as_server = true;
    }));
    all.push_back(strays("the wrong server's key",
                         [](const stage& s, auto& script) { script.server = s.who.mallory.keys.public_key; }));
    all.push_back(strays("a null server key", [](const stage&, auto& script) { script.server = {}; }));
    for (const std::size_t size : {0U, 1U, 6U, 199U, 201U, 500U})
        all.push_back(strays("a HELLO of " + std::to_string(size) + " bytes",
                             [size](const stage&, auto& script) { script.hello = wire::resized_to(size); }));
    for (const std::size_t at : {0U, 1U, 6U, 80U, 112U, 199U})
        all.push_back(strays("a HELLO changed at " + std::to_string(at),
                             [at](const stage&, auto& script) { script.hello = wire::with_bit_flipped(at); }));
    for (const std::size_t size : {0U, 1U, 9U, 256U, 257U, 520U})
        all.push_back(strays("an INITIATE of " + std::to_string(size) + " bytes",
                             [size](const stage&, auto& script) { script.initiate = wire::resized_to(size); }));
    for (const std::size_t at : {0U, 3U, 9U, 30U, 104U, 112U, 113U, 200U, 256U})
        all.push_back(strays("an INITIATE changed at " + std::to_string(at),
                             [at](const stage&, auto& script) { script.initiate = wire::with_bit_flipped(at); }));
    all.push_back(strays("a vouch for another session",
                         [](const stage&, auto& script) { script.vouch = wire::with_bit_flipped(0); }));
    all.push_back(strays("a vouch that does not open",
                         [](const stage&, auto& script) { script.sealed_vouch = wire::with_bit_flipped(20); }));
    all.push_back(
        strays("metadata cut off", [](const stage&, auto& script) { script.metadata = wire::resized_to(5); }));
    all.push_back(strays("metadata that claims to be longer than it is",
                         [](const stage&, auto& script) { script.metadata = wire::with_bit_flipped(13, 6); }));
    all.push_back(strays("a socket type that does not belong here",
                         [](const stage&, auto& script) { script.socket_type = "PONY"; }));
    all.push_back({"INITIATE before HELLO", [](const stage& s) {
                       auto eve = s.visitor(s.script());
                       REQUIRE(eve.greet(soon));
                       (void)eve.send_initiate(soon);
                       CHECK(eve.tcp().closed_by_peer(soon));
                   }});
    all.push_back({"HELLO twice", [](const stage& s) {
                       auto eve = s.visitor(s.script());
                       REQUIRE(eve.greet(soon));
                       REQUIRE(eve.send_hello(soon));
                       (void)eve.send_hello(soon);
                       CHECK(eve.tcp().closed_by_peer(soon));
                   }});
    all.push_back({"a message instead of HELLO", [](const stage& s) {
                       auto eve = s.visitor(s.script());
                       REQUIRE(eve.greet(soon));
                       (void)eve.zmtp().send_frame("evil", 0, soon);
                       CHECK(eve.tcp().closed_by_peer(soon));
                   }});
    all.push_back({"an endless HELLO", [](const stage& s) {
                       auto eve = s.visitor(s.script());
                       REQUIRE(eve.greet(soon));
                       (void)eve.zmtp().announce(600ULL << 20U, wire::command_flag, soon);
                       CHECK(eve.tcp().closed_by_peer(soon));
                   }});
    return all;
}

std::vector<offence> offences_inside() {
    std::vector<offence> all;
    // name's length, name, nonce, authenticator, text
    for (const std::size_t at : {0U, 1U, 8U, 15U, 16U, 31U, 32U, 36U})
        all.push_back(betrays("a box changed at " + std::to_string(at), [at](wire::curve_client& eve) {
            (void)eve.send_altered("evil", wire::with_bit_flipped(at), soon);
        }));
    for (const std::size_t size : {0U, 1U, 8U, 16U, 32U, 36U})
        all.push_back(betrays("a box cut to " + std::to_string(size), [size](wire::curve_client& eve) {
            (void)eve.send_altered("evil", wire::resized_to(size), soon);
        }));
    all.push_back(betrays("a nonce used before", [](wire::curve_client& eve) {
        eve.set_next_nonce(eve.next_nonce() - 1);
        (void)eve.send("evil", false, soon);
    }));
    all.push_back(betrays("a nonce of zero", [](wire::curve_client& eve) {
        eve.set_next_nonce(0);
        (void)eve.send("evil", false, soon);
    }));
    all.push_back(
        betrays("a message in clear", [](wire::curve_client& eve) { (void)eve.send_in_clear("evil", 0, soon); }));
    all.push_back(betrays("a command in clear", [](wire::curve_client& eve) {
        (void)eve.send_in_clear(wire::command_body("SUBSCRIBE", "evil"), wire::command_flag, soon);
    }));
    all.push_back(betrays("a handshake in the middle", [](wire::curve_client& eve) { (void)eve.send_hello(soon); }));
    all.push_back(
        betrays("600 MiB announced", [](wire::curve_client& eve) { (void)eve.announce(600ULL << 20U, soon); }));
    all.push_back(betrays("an announcement of 2^63 bytes", [](wire::curve_client& eve) {
        (void)eve.zmtp().announce(~std::uint64_t{0} >> 1U, 0, soon);
    }));
    all.push_back(betrays("an announcement of 2^64 - 1 bytes",
                          [](wire::curve_client& eve) { (void)eve.zmtp().announce(~std::uint64_t{0}, 0, soon); }));
    all.push_back(betrays("one byte above the frame limit", [](wire::curve_client& eve) {
        (void)eve.send(wire::bytes(frame_limit + 1, 'e'), false, soon);
    }));
    all.push_back(betrays("a large second frame", [](wire::curve_client& eve) {
        (void)eve.send("evil", true, soon);
        (void)eve.send(wire::bytes(frame_limit + 1, 'e'), false, soon);
    }));
    all.push_back({"half a message, then an end", [](const stage& s) {
                       auto eve = s.inside();
                       CHECK(eve.send("evil", true, soon));
                       CHECK(eve.send("evil", true, soon));
                   }});
    all.push_back({"half a frame, then a reset", [](const stage& s) {
                       auto eve = s.inside();
                       CHECK(eve.announce(500, soon));
                       eve.tcp().reset();
                   }});
    all.push_back({"commands nobody knows", [](const stage& s) {
                       auto eve = s.inside();
                       for (const char* const name : {"EVIL", "READY", "ERROR", "HELLO", "INITIATE", "MESSAGE"})
                           CHECK(eve.send_command(name, "evil", soon));
                       // its connection still answers, so all of them were read
                       CHECK(eve.send_command("PING", wire::bytes{0, 0, 'o', 'k'}, soon));
                       const auto pong = eve.receive(soon);
                       REQUIRE(pong);
                       CHECK(pong->is("PONG"));
                   }});
    return all;
}

template <class Pattern> void endures(const std::vector<offence>& offences) {
    people who;
    ih::context context;
    server_of<Pattern> server{context, who.serving()};
    server.bind("tcp://127.0.0.1:*");
    const std::uint16_t port = house::port_of(server);
    const stage here{who, port, opposite<Pattern>::type};

    ih::context elsewhere;
    using client_type = client_of<typename opposite<Pattern>::pattern>;
    client_type ann{elsewhere, who.as(who.ann)};
    ann.connect(endpoint_at(port, "127.0.0.9"));
    int said = 0;
    std::vector<std::string> surfaced;
    REQUIRE(converse<Pattern>(server, ann, "ann 0", surfaced) == "");
    REQUIRE(surfaced.empty());

    const std::uint64_t before = wire::resident_bytes(::getpid());
    for (const offence& each : offences) {
        INFO(each.name);
        each.commit(here);
        REQUIRE(converse<Pattern>(server, ann, "ann " + std::to_string(++said), surfaced) == "");
        REQUIRE(surfaced == each.allowed);
        surfaced.clear();
    }
    CHECK(wire::resident_bytes(::getpid()) < before + (128U << 20U));

    client_type ben{elsewhere, who.as(who.ben)};
    ben.connect(endpoint_at(port, "127.0.0.10"));
    CHECK(converse<Pattern>(server, ben, "a newcomer", surfaced) == "");
    CHECK(context.count(ih::reason::sentry_failed) == 0);
}

/// PAIR has one peer at a time, and libzmq leaves whoever comes while it lets go of the last one connected and mute: the
/// honest one comes after each offender, and again if it was too early.
void a_pair_endures(const std::vector<offence>& offences) {
    people who;
    // The honest one comes back so often that libzmq has not let go of all of its connections.
    ih::context context{{.admission = {.per_key = 16_peers}}};
    server_of<ih::pair> server{context, who.serving()};
    server.bind("tcp://127.0.0.1:*");
    const stage here{who, house::port_of(server), "PAIR"};
    ih::context elsewhere;
    for (const offence& each : offences) {
        INFO(each.name);
        each.commit(here);
        const std::string text = "ann after " + each.name;
        REQUIRE(wire::eventually(
            [&] {
                client_of<ih::pair> ann{elsewhere, who.as(who.ann), {.linger = 0ms}};
                ann.connect(endpoint_at(here.port, "127.0.0.9"));
                REQUIRE(say(ann, text));
                const std::string heard = hear(server, 200ms);
                if (heard.empty()) return false;
                CHECK(heard == text);
                CHECK(say(server, text + " back"));
                CHECK(hear(ann) == text + " back");
                return true;
            },
            soon));
        CHECK(hear(server, 0ms).empty());
    }
}

/// How a message of so many frames reaches the program of each pattern: REQ's empty frame in front is no frame of ours.
template <class Pattern> void drops_messages_of_too_many_frames(const std::vector<std::size_t>& counts) {
    people who;
    ih::context context;
    server_of<Pattern> server{context, who.serving()};
    server.bind("tcp://127.0.0.1:*");
    const stage here{who, house::port_of(server), opposite<Pattern>::type};
    ih::context elsewhere;
    client_of<typename opposite<Pattern>::pattern> ann{elsewhere, who.as(who.ann)};
    ann.connect(endpoint_at(here.port, "127.0.0.9"));
    std::vector<std::string> surfaced;
    REQUIRE(converse<Pattern>(server, ann, "ann 0", surfaced) == "");

    auto eve = here.inside();
    std::uint64_t dropped = 0;
    for (const std::size_t frames : counts) {
        CAPTURE(frames);
        if (std::is_same_v<Pattern, ih::rep>) REQUIRE(eve.send("", true, soon));
        for (std::size_t i = 1; i <= frames; ++i) REQUIRE(eve.send("evil", i != frames, soon));
        // Until it has been dropped, or handed over: the order among peers is nobody's promise.
        typename server_of<Pattern>::message m;
        if (frames <= frames_limit) {
            REQUIRE(server.receive(m, soon) == ih::receive_status::received);
            CHECK(m.size() == frames);
            if constexpr (std::is_same_v<Pattern, ih::rep>) {
                REQUIRE(server.send(m, soon) == ih::send_status::queued);
                REQUIRE(eve.receive_message(soon));
            }
        } else {
            ++dropped;
            REQUIRE(wire::eventually(
                [&] {
                    CHECK(server.try_receive(m) == ih::receive_status::timed_out);
                    return server.dropped() == dropped;
                },
                soon));
            // A request that broke a rule is answered with nothing.
            if (std::is_same_v<Pattern, ih::rep>) REQUIRE(eve.receive_message(soon));
        }
        REQUIRE(converse<Pattern>(server, ann, "ann after " + std::to_string(frames), surfaced) == "");
    }
    CHECK(surfaced.empty());
    CHECK(server.dropped() == dropped);
    CHECK(counted(context, ih::reason::message_too_many_frames, dropped));
}

} // namespace

// --- at the door ------------------------------------------------------------------------------------------------------

TEST_CASE("PULL hangs up on whoever strays from the handshake, and serves the others", "[wire][T6.1][T5.1]") {
    endures<ih::pull>(offences_at_the_door());
}
TEST_CASE("ROUTER hangs up on whoever strays from the handshake, and serves the others", "[wire][T6.1][T5.1]") {
    endures<ih::router>(offences_at_the_door());
}
TEST_CASE("REP hangs up on whoever strays from the handshake, and serves the others", "[wire][T6.1][T5.1]") {
    endures<ih::rep>(offences_at_the_door());
}
TEST_CASE("XPUB hangs up on whoever strays from the handshake, and serves the others", "[wire][T6.1][T5.1]") {
    endures<ih::xpub>(offences_at_the_door());
}
TEST_CASE("PAIR hangs up on whoever strays from the handshake, and serves the next", "[wire][T6.1][T5.1]") {
    a_pair_endures(offences_at_the_door());
}

// --- inside -----------------------------------------------------------------------------------------------------------

TEST_CASE("PULL hangs up on an accepted peer that breaks the protocol, and serves the others", "[wire][T4.1][T6.1]") {
    endures<ih::pull>(offences_inside());
}
TEST_CASE("ROUTER hangs up on an accepted peer that breaks the protocol, and serves the others", "[wire][T4.1][T6.1]") {
    endures<ih::router>(offences_inside());
}
TEST_CASE("REP hangs up on an accepted peer that breaks the protocol, and serves the others", "[wire][T4.1][T6.1]") {
    endures<ih::rep>(offences_inside());
}
TEST_CASE("DEALER hangs up on an accepted peer that breaks the protocol, and serves the others", "[wire][T4.1][T6.1]") {
    endures<ih::dealer>(offences_inside());
}
TEST_CASE("XPUB hangs up on an accepted peer that breaks the protocol, and serves the others", "[wire][T4.1][T6.1]") {
    endures<ih::xpub>(offences_inside());
}
TEST_CASE("PAIR hangs up on an accepted peer that breaks the protocol, and serves the next", "[wire][T4.1][T6.1]") {
    a_pair_endures(offences_inside());
}

// --- rules of ours ----------------------------------------------------------------------------------------------------

TEST_CASE("PULL drops a message of too many frames whole, counts it, and the wait goes on", "[wire][T4.1][T4.2]") {
    drops_messages_of_too_many_frames<ih::pull>({4, 5, 1, 64, 65, 1000});
}
TEST_CASE("ROUTER drops a message of too many frames whole, counts it, and the wait goes on", "[wire][T4.1][T4.2]") {
    drops_messages_of_too_many_frames<ih::router>({4, 5, 1, 64, 65, 1000});
}
TEST_CASE("REP drops a request of too many frames whole, counts it, and the wait goes on", "[wire][T4.1][T4.2]") {
    drops_messages_of_too_many_frames<ih::rep>({4, 5, 1, 64, 65, 1000});
}
TEST_CASE("DEALER drops a message of too many frames whole, counts it, and the wait goes on", "[wire][T4.1][T4.2]") {
    drops_messages_of_too_many_frames<ih::dealer>({4, 5, 1, 64, 65, 1000});
}
TEST_CASE("XPUB drops a message of too many frames whole, counts it, and the wait goes on", "[wire][T4.1][T4.2]") {
    drops_messages_of_too_many_frames<ih::xpub>({4, 5, 64, 65, 1000});
}

TEST_CASE("a frame of exactly the limit arrives, and one byte more never does", "[wire][T4.1]") {
    people who;
    ih::context context;
    server_of<ih::pull> server{context, who.serving()};
    server.bind("tcp://127.0.0.1:*");
    const stage here{who, house::port_of(server), "PUSH"};
    auto eve = here.inside();
    REQUIRE(eve.send(wire::bytes(frame_limit, 'e'), false, soon));
    CHECK(hear(server) == std::string(frame_limit, 'e'));
    REQUIRE(eve.send(wire::bytes(frame_limit + 1, 'e'), false, soon));
    CHECK(eve.tcp().closed_by_peer(soon));
    CHECK(hear(server, 0ms).empty());
}

TEST_CASE("libzmq lets in up to 514 bytes where the limit is less, and they are dropped and counted", "[wire][T4.1]") {
    constexpr ih::inbound narrow{.peers = 4_peers, .queue = 100_messages, .frames = 2_frames, .frame = 64_B};
    people who;
    ih::context context;
    ih::socket<ih::pull, narrow, ih::curve_server> server{context, who.serving()};
    server.bind("tcp://127.0.0.1:*");
    const stage here{who, house::port_of(server), "PUSH"};
    auto eve = here.inside();
    for (const std::size_t size : {65U, 100U, 514U}) REQUIRE(eve.send(wire::bytes(size, 'e'), false, soon));
    REQUIRE(eve.send(wire::bytes(64, 'e'), false, soon));
    CHECK(hear(server) == std::string(64, 'e'));
    CHECK(server.dropped() == 3);
    CHECK(counted(context, ih::reason::message_frame_too_large, 3));
    REQUIRE(eve.send(wire::bytes(515, 'e'), false, soon));
    CHECK(eve.tcp().closed_by_peer(soon));
}

TEST_CASE("announcing 600 MiB a hundred times adds no memory", "[wire][T4.1]") {
    people who;
    ih::context context;
    server_of<ih::pull> server{context, who.serving()};
    server.bind("tcp://127.0.0.1:*");
    const stage here{who, house::port_of(server), "PUSH"};
    (void)here.inside(); // what the first connection costs is not what is asked here
    const std::uint64_t before = wire::resident_bytes(::getpid());
    for (int i = 0; i != 100; ++i) {
        auto eve = here.inside();
        (void)eve.announce(600ULL << 20U, soon);
        (void)eve.tcp().send_all(wire::bytes(60'000, 'e'), soon);
        CHECK(eve.tcp().closed_by_peer(soon));
    }
    CHECK(wire::resident_bytes(::getpid()) < before + (32U << 20U));
}

TEST_CASE("whoever falls silent before it is let in is cut off within seconds, wherever it stopped", "[wire][T3.4]") {
    people who;
    ih::context context;
    server_of<ih::pull> server{context, who.serving()};
    server.bind("tcp://127.0.0.1:*");
    const stage here{who, house::port_of(server), "PUSH"};
    ih::context elsewhere;
    client_of<ih::push> ann{elsewhere, who.as(who.ann)};
    ann.connect(endpoint_at(here.port, "127.0.0.9"));
    std::vector<std::string> surfaced;
    REQUIRE(converse<ih::pull>(server, ann, "before", surfaced) == "");

    std::vector<std::pair<std::string, wire::curve_client>> silent;
    const auto begin = std::chrono::steady_clock::now();
    const auto add = [&](const char* name, const std::function<void(wire::curve_client&)>& until_then) {
        auto script = here.script();
        if (std::string{name} == "after it was refused") script.identity = who.mallory.keys;
        silent.emplace_back(name, here.visitor(script));
        until_then(silent.back().second);
    };
    add("at once", [](auto&) {});
    add("after one byte", [](auto& c) { REQUIRE(c.tcp().send_all(wire::bytes{0xFF}, soon)); });
    add("after eleven bytes", [](auto& c) {
        REQUIRE(c.tcp().send_all(wire::view{wire::greeting{.mechanism = "CURVE"}.encode()}.part(0, 11), soon));
    });
    add("after its greeting", [](auto& c) { REQUIRE(c.greet(soon)); });
    add("in the middle of HELLO", [](auto& c) {
        REQUIRE(c.greet(soon));
        REQUIRE(c.tcp().send_all(wire::frame_header(200, wire::command_flag), soon));
    });
    add("after HELLO", [](auto& c) {
        REQUIRE(c.greet(soon));
        REQUIRE(c.send_hello(soon));
        REQUIRE(c.await_welcome(soon).accepted());
    });
    add("after it was refused", [](auto& c) { REQUIRE(c.handshake(soon).result == wire::verdict::refused); });
    // Nothing of it keeps the honest one from working.
    REQUIRE(converse<ih::pull>(server, ann, "meanwhile", surfaced) == "");
    for (auto& [name, peer] : silent) {
        INFO(name);
        CHECK(peer.tcp().closed_by_peer(soon));
    }
    CHECK(std::chrono::steady_clock::now() - begin < 10s); // 5 s, and a busy machine
    CHECK(converse<ih::pull>(server, ann, "after", surfaced) == "");
    CHECK(surfaced.empty());
    CHECK(counted(context, ih::reason::handshake_failed, silent.size()));
}

TEST_CASE("failed handshakes are counted as such, and not as connections that ended", "[wire][T3.4]") {
    people who;
    ih::context context;
    server_of<ih::pull> server{context, who.serving()};
    server.bind("tcp://127.0.0.1:*");
    const stage here{who, house::port_of(server), "PUSH"};
    auto ann = here.inside();
    REQUIRE(counted(context, ih::reason::connected));
    constexpr std::uint64_t many = 20;
    for (std::uint64_t i = 0; i != many; ++i) {
        auto script = here.script();
        if (i % 2 == 0) script.server = who.mallory.keys.public_key;
        if (i % 2 == 1) script.initiate = wire::with_bit_flipped(200);
        CHECK(here.visitor(script).handshake(soon).kept_out());
    }
    CHECK(counted(context, ih::reason::handshake_failed, many));
    CHECK(context.count(ih::reason::disconnected) == 0);
    REQUIRE(ann.send("order", false, soon));
    CHECK(hear(server) == "order");
    ann.tcp().reset();
    CHECK(counted(context, ih::reason::disconnected));
    CHECK(context.count(ih::reason::handshake_failed) == many);
    CHECK(context.count(ih::reason::connected) == 1);
}

TEST_CASE("no descriptor stays behind when accepted peers break the protocol and leave", "[wire][B4]") {
    people who;
    ih::context context;
    server_of<ih::pull> server{context, who.serving()};
    server.bind("tcp://127.0.0.1:*");
    const stage here{who, house::port_of(server), "PUSH"};
    (void)here.inside();
    REQUIRE(counted(context, ih::reason::disconnected));
    const std::size_t before = wire::open_descriptors(::getpid());
    for (int i = 0; i != 200; ++i) {
        auto eve = here.inside();
        (void)eve.send_altered("evil", wire::with_bit_flipped(20), soon);
    }
    CHECK(wire::eventually([&] { return wire::open_descriptors(::getpid()) <= before; }, soon));
    CHECK(hear(server, 0ms).empty());
}

// --- a client is guarded against its server too -----------------------------------------------------------------------

namespace {

/// What a server that holds the right key does to a subscriber.
struct betrayal {
    std::string name;
    std::function<void(wire::curve_server_script&)> script;
    std::function<void(wire::curve_server&)> inside;
};

} // namespace

TEST_CASE("a subscriber outlives every server that breaks the protocol, and still hears the others",
          "[wire][T4.1][T6.1]") {
    people who;
    ih::context context;
    server_of<ih::xpub> honest{context, who.serving()};
    honest.bind("tcp://127.0.0.1:*");
    const std::uint16_t port = house::port_of(honest);

    const auto nothing = [](auto&) {};
    std::vector<betrayal> all;
    for (const std::size_t size : {0U, 8U, 167U, 169U, 500U})
        all.push_back({"WELCOME of " + std::to_string(size) + " bytes",
                       [size](auto& s) { s.welcome = wire::resized_to(size); }, nothing});
    for (const std::size_t at : {0U, 4U, 20U, 100U, 167U})
        all.push_back({"WELCOME changed at " + std::to_string(at),
                       [at](auto& s) { s.welcome = wire::with_bit_flipped(at); }, nothing});
    for (const std::size_t size : {0U, 6U, 13U, 29U, 500U})
        all.push_back({"READY of " + std::to_string(size) + " bytes",
                       [size](auto& s) { s.ready = wire::resized_to(size); }, nothing});
    for (const std::size_t at : {0U, 3U, 10U, 20U, 40U})
        all.push_back({"READY changed at " + std::to_string(at),
                       [at](auto& s) { s.ready = wire::with_bit_flipped(at); }, nothing});
    for (const char* const reason : {"", "4", "400", "500", "999", "a reason of more than three letters"}) {
        all.push_back(
            {std::string{"ERROR for HELLO: "} + reason, [reason](auto& s) { s.error_for_hello = reason; }, nothing});
        all.push_back({std::string{"ERROR for INITIATE: "} + reason,
                       [reason](auto& s) { s.error_for_initiate = reason; }, nothing});
    }
    all.push_back({"metadata cut off", [](auto& s) { s.metadata = wire::resized_to(7); }, nothing});
    all.push_back({"a socket type that publishes nothing", [](auto& s) { s.socket_type = "REP"; }, nothing});
    all.push_back({"the key of somebody else", [&](auto& s) { s.identity = who.mallory.keys; }, nothing});
    for (const char* const name : {"NULL", "PLAIN", "GSSAPI", ""})
        all.push_back({std::string{"the mechanism "} + name, [name](auto& s) { s.banner.mechanism = name; }, nothing});
    for (const std::size_t at : {0U, 8U, 15U, 31U, 36U})
        all.push_back({"a box changed at " + std::to_string(at), nothing, [at](auto& c) {
                           (void)c.send_altered("evil", wire::with_bit_flipped(at), soon);
                           CHECK(c.tcp().closed_by_peer(soon));
                       }});
    all.push_back({"a publication in clear", nothing, [](auto& c) {
                       (void)c.send_in_clear("evil", 0, soon);
                       CHECK(c.tcp().closed_by_peer(soon));
                   }});
    all.push_back({"a nonce used before", nothing, [](auto& c) {
                       c.set_next_nonce(1);
                       (void)c.send("evil", false, soon);
                       CHECK(c.tcp().closed_by_peer(soon));
                   }});
    all.push_back({"600 MiB announced", nothing, [](auto& c) {
                       (void)c.announce(600ULL << 20U, soon);
                       CHECK(c.tcp().closed_by_peer(soon));
                   }});
    all.push_back({"one byte above the limit", nothing, [](auto& c) {
                       (void)c.send(wire::bytes(frame_limit + 1, 'e'), false, soon);
                       CHECK(c.tcp().closed_by_peer(soon));
                   }});
    all.push_back({"half a message", nothing, [](auto& c) { (void)c.send("evil", true, soon); }});
    all.push_back({"too many frames", nothing, [](auto& c) {
                       for (std::size_t i = 0; i <= frames_limit; ++i)
                           CHECK(c.send("news evil", i != frames_limit, soon));
                   }});

    int said = 0;
    for (const betrayal& each : all) {
        INFO(each.name);
        wire::listener false_friend;
        client_of<ih::sub> ann{context, who.as(who.ann)};
        ann.subscribe("news");
        ann.connect(endpoint_at(port, "127.0.0.9"));
        ann.connect(endpoint_at(false_friend.port()));
        auto met = false_friend.accept(soon);
        REQUIRE(met);
        wire::curve_server_script script{.identity = who.server.keys, .socket_type = "PUB"};
        each.script(script);
        wire::curve_server bad{std::move(*met), script};
        const auto came = bad.handshake(soon);
        each.inside(bad);
        CAPTURE(came.reason);

        // "\1news" is the subscription of this socket; after it, what is said reaches it.
        REQUIRE(hear(honest) == "\1news");
        const std::string text = "news " + std::to_string(++said);
        REQUIRE(say(honest, text));
        CHECK(hear(ann) == text);
        CHECK(hear(ann, 0ms).empty());
        if (each.name == "too many frames") {
            CHECK(wire::eventually([&] { return hear(ann, 0ms).empty() && ann.dropped() == 1; }, soon));
        }
        ann.close();
        REQUIRE(hear(honest) == std::string("\0news", 5));
    }
}

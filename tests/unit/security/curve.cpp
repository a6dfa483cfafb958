// SPDX-License-Identifier: MIT
#include <ironhouse/security/curve.hpp>

#include <ironhouse/insecure.hpp>

#include <cstring>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "catch.hpp"
#include "support/sockets.hpp"

namespace ih = ironhouse;
using namespace support;
using ih::receive_status;
using ih::send_status;

namespace {

constexpr ih::transports protects = ih::curve_server::protects;
static_assert(protects.tcp && protects.ipc && !protects.inproc && protects.curve_spelling && !protects.gssapi_spelling);
static_assert(std::is_same_v<ih::endpoint<ih::curve_server>, ih::endpoint<ih::curve_client>>);
static_assert(!std::is_copy_constructible_v<ih::curve_server> && !std::is_copy_constructible_v<ih::curve_client>);

using sink_type = ih::socket<ih::pull, receiving, ih::curve_server>;
using source_type = ih::socket<ih::push, sending, ih::curve_client>;

} // namespace

TEST_CASE("a server's policy carries all three fields to where they are used", "[curve][M1.3]") {
    cast who;
    const auto fingerprint = who.server.fingerprint();
    const auto ring = who.ring;
    const auto worn = who.serving().armour();
    CHECK(worn.mechanism == ih::detail::mechanism::curve);
    CHECK(worn.side == ih::detail::side::server);
    REQUIRE(worn.domain.has_value());
    CHECK(worn.domain->text() == "orders");
    REQUIRE(worn.clients != nullptr);
    CHECK(worn.clients->same_as(ring));
    REQUIRE(worn.identity.has_value());
    CHECK(worn.identity->public_key().fingerprint() == fingerprint);
    CHECK(worn.waiver == nullptr);
    CHECK_FALSE(worn.server.has_value());
}

TEST_CASE("a server may ask for a role, which is spelled as in certificates", "[curve][M1.4]") {
    cast who;
    CHECK(who.serving().armour().role.empty());
    ih::curve_server asks{.domain = "orders", .clients = who.ring, .identity = std::move(who.server), .role = "trader"};
    CHECK(std::move(asks).armour().role == "trader");
    CHECK(ih::required_role::from_config("orders.write").text() == "orders.write");
    for (const char* const text : {"", "two words", "a,b", "012345678901234567890123456789012"}) {
        CAPTURE(text);
        CHECK_THROWS_AS(ih::required_role::from_config(text), ih::error);
    }
    CHECK_THROWS_AS(ih::required_role{"two words"}, ih::error);
    CHECK_THROWS_AS(ih::required_role{""}, ih::error);
    // Nobody knows the roles of keys that nobody wrote down.
    ih::curve_server open{.domain = "orders",
                          .clients = ih::insecure::any_client{"a test of roles"},
                          .identity = ih::certificate::generate("server"),
                          .role = "trader"};
    CHECK_THROWS_AS(std::move(open).armour(), ih::error);
}

TEST_CASE("a client's policy carries both fields to where they are used", "[curve][M1.3]") {
    cast who;
    const auto fingerprint = who.ann.fingerprint();
    const auto worn = who.as(who.ann).armour();
    CHECK(worn.mechanism == ih::detail::mechanism::curve);
    CHECK(worn.side == ih::detail::side::client);
    REQUIRE(worn.identity.has_value());
    CHECK(worn.identity->public_key().fingerprint() == fingerprint);
    REQUIRE(worn.server.has_value());
    CHECK(*worn.server == who.server_key);
    CHECK_FALSE(worn.domain.has_value());
    CHECK(worn.clients == nullptr);
}

TEST_CASE("letting anybody in is told apart from a ring that lets nobody in", "[curve][T6.1]") {
    const auto open = ih::curve_server{.domain = "open",
                                       .clients = ih::insecure::any_client{"a public feed, read by anybody"},
                                       .identity = ih::certificate::generate("server")}
                          .armour();
    CHECK(open.clients == nullptr);
    REQUIRE(open.waiver != nullptr);
    CHECK(std::strcmp(open.waiver, "a public feed, read by anybody") == 0);
}

TEST_CASE("a client that trusts another server's key never talks to this one", "[curve][T6.1]") {
    ih::context context;
    cast who;
    sink_type sink{context, who.serving()};
    sink.bind("tcp://127.0.0.1:*");
    const auto other = ih::certificate::generate("somebody else");
    source_type source{context, {.identity = std::move(who.ann), .server = other.public_key()}};
    source.connect(address_of(sink));
    source_type::message m;
    REQUIRE(m.add("for somebody else"));
    REQUIRE(source.send(m, soon) == send_status::queued);
    CHECK(eventually([&] { return context.count(ih::reason::handshake_failed) != 0; }));
    sink_type::message got;
    CHECK(sink.try_receive(got) == receive_status::timed_out);
    CHECK(context.count(ih::reason::client_admitted) == 0);
}

TEST_CASE("a sender may be the server and a receiver the client", "[curve]") {
    ih::context context;
    cast who;
    ih::socket<ih::push, sending, ih::curve_server> source{context, who.serving()};
    source.bind("tcp://127.0.0.1:*");
    ih::socket<ih::pull, receiving, ih::curve_client> sink{context, who.as(who.ann)};
    sink.connect(address_of(source));
    decltype(source)::message m;
    REQUIRE(m.add("downstream"));
    send_status status = send_status::no_peer;
    CHECK(eventually([&] {
        status = source.send(m, 10ms);
        return status == send_status::queued;
    }));
    decltype(sink)::message got;
    REQUIRE(sink.receive(got, soon) == receive_status::received);
    CHECK(got[0].text() == "downstream");
    CHECK(got.sender().empty()); // a client authenticates its server by key, not by name
}

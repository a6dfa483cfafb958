// SPDX-License-Identifier: MIT
// ctest: timeout 120

/// \file
/// What a key may do is what its entry says: where it may come from, how often, to which sockets and in which role. Each
/// refused visit has a control beside it that is let in.

#include "catch.hpp"

#include "support/house.hpp"
#include "support/scratch.hpp"

#include <ironhouse/keys/address_range.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace house;

constexpr const char* near = "127.0.0.9";
constexpr const char* far = "127.0.9.66";

ih::address_range range(std::string_view text) { return ih::address_range::parse(text); }

/// A server of the domain "orders" that lets in one person, on terms.
struct office {
    person server{"server"}, ann{"ann"};
    ear events;
    ih::context context{{.on_event = events.listening()}};
    server_of<ih::pull> sink;
    std::uint16_t port = 0;

    explicit office(const ih::certificate_terms& terms, ih::required_role role = {},
                    const char* where = "tcp://127.0.0.1:*")
        : sink{context,
               {.domain = "orders",
                .clients = ih::keyring::of({ih::public_certificate::of("ann", ann.key(), terms)}),
                .identity = server.papers(),
                .role = std::move(role)}} {
        sink.bind(ih::endpoint<ih::curve_server>::parse(where));
        if (std::string_view{where}.starts_with("tcp")) port = house::port_of(sink);
    }
    [[nodiscard]] std::unique_ptr<wire::curve_client> meet(std::optional<wire::connection> line) {
        if (!line) return nullptr;
        auto peer = std::make_unique<wire::curve_client>(
            std::move(*line),
            wire::curve_client_script{.identity = ann.keys, .server = server.keys.public_key, .socket_type = "PUSH"});
        last = peer->handshake(5s);
        return last.accepted() ? std::move(peer) : nullptr;
    }
    /// Whoever is hung up on without an answer comes again, as libzmq's clients do.
    [[nodiscard]] std::unique_ptr<wire::curve_client> visit(const char* from = near) {
        for (int n = 0; n != 3; ++n) {
            auto peer = meet(wire::connection::attempt(port, from, 2s));
            if (peer || last.result == wire::verdict::refused) return peer;
        }
        return nullptr;
    }
    /// It was told no, for good, and the log says why.
    void refused_for(ih::reason why) {
        CHECK(last.result == wire::verdict::refused);
        CHECK(last.reason == "400");
        REQUIRE(wire::eventually([&] { return !events.of(why).empty(); }, soon));
        CHECK(events.of(why).front().peer == "ann");
        CHECK(events.of(why).front().domain == "orders");
        CHECK(context.count(why) == 1);
        CHECK(context.count(ih::reason::client_admitted) == 0);
    }
    decltype(std::declval<wire::curve_client&>().handshake(5s)) last{};
};

} // namespace

TEST_CASE("a key comes in from its addresses, and from no other", "[wire][M1.4][T6.1]") {
    const ih::certificate_terms terms{.from = {range("10.0.0.0/8"), range("127.0.0.0/27")}};
    office at{terms};
    CHECK(at.visit(far) == nullptr);
    at.refused_for(ih::reason::refused_address);
    CHECK(at.events.of(ih::reason::refused_address).front().address == far);
    CHECK(at.visit(near));
}

TEST_CASE("an IPv4 client of an IPv6 socket is held to its IPv4 ranges", "[wire][M1.4]") {
    office at{{.from = {range("::/0"), range("127.0.0.0/27")}}, {}, "tcp://[::]:*"};
    CHECK(at.visit(far) == nullptr);
    at.refused_for(ih::reason::refused_address);
    CHECK(at.visit(near));
}

TEST_CASE("over ipc nobody has an address, so that whoever needs one is refused", "[wire][M1.4]") {
    const support::scratch folder;
    static constexpr ih::inbound one{.peers = 1_peers, .queue = 10_messages, .frames = 4_frames, .frame = 256_B};
    const person server{"server"}, ann{"ann"};
    const auto comes_in = [&](const ih::certificate_terms& terms, const char* name, ih::reason why) {
        ih::context context;
        ih::socket<ih::pull, one, ih::curve_server> sink{
            context,
            {.domain = "orders",
             .clients = ih::keyring::of({ih::public_certificate::of("ann", ann.key(), terms)}),
             .identity = server.papers()}};
        sink.bind(ih::endpoint<ih::curve_server>::parse("ipc://" + folder / name));
        auto line = wire::connection::attempt_path(folder / name, 2s);
        REQUIRE(line);
        wire::curve_client peer{
            std::move(*line),
            wire::curve_client_script{.identity = ann.keys, .server = server.keys.public_key, .socket_type = "PUSH"}};
        const bool accepted = peer.handshake(5s).accepted();
        CHECK(context.count(why) == 1);
        return accepted;
    };
    const ih::certificate_terms anywhere{.from = {range("0.0.0.0/0"), range("::/0")}};
    CHECK_FALSE(comes_in(anywhere, "a", ih::reason::refused_address));
    CHECK(comes_in({}, "b", ih::reason::client_admitted));
}

TEST_CASE("a socket that asks for a role lets in who has it", "[wire][M1.4][T6.1]") {
    office at{{.roles = {"clerk", "trade"}}, "trader"};
    CHECK(at.visit() == nullptr);
    at.refused_for(ih::reason::refused_role);

    office good{{.roles = {"clerk", "trader"}}, "trader"};
    CHECK(good.visit());
    office free{{.roles = {"clerk"}}};
    CHECK(free.visit());
}

TEST_CASE("a key comes in at the domains it names, and at no other", "[wire][M1.4][T6.1]") {
    office at{{.domains = {"prices", "order"}}};
    CHECK(at.visit() == nullptr);
    at.refused_for(ih::reason::refused_domain);

    office good{{.domains = {"prices", "orders"}}};
    CHECK(good.visit());
}

TEST_CASE("a key comes in at sockets of the patterns it names, and at no other", "[wire][M1.4][T6.1]") {
    office at{{.patterns = {"push", "router"}}};
    CHECK(at.visit() == nullptr);
    at.refused_for(ih::reason::refused_pattern);

    office good{{.patterns = {"router", "pull"}}};
    CHECK(good.visit());
}

TEST_CASE("a key has as many connections as its entry says, whether more or fewer than others have", "[wire][M1.4]") {
    const auto many = GENERATE(1, 4);
    office at{{.connections = ih::peers::from_config(many)}};
    std::vector<std::unique_ptr<wire::curve_client>> all;
    for (int n = 0; n != many; ++n) {
        all.push_back(at.visit());
        REQUIRE(all.back());
    }
    CHECK(at.visit() == nullptr);
    CHECK(at.context.count(ih::reason::refused_per_key) >= 1); // it came again
    CHECK(at.context.count(ih::reason::client_admitted) == static_cast<std::uint64_t>(many));
}

TEST_CASE("what a file in the keyring's folder says is what counts", "[wire][M1.4][M1.2]") {
    const support::scratch folder;
    const person server{"server"}, ann{"ann"};
    ih::public_certificate::of("ann", ann.key(), {.from = {range("127.0.0.0/27")}}).save(folder / "ann.key");
    ih::context context;
    server_of<ih::pull> sink{
        context,
        {.domain = "orders", .clients = ih::keyring::from_directory(folder.path()), .identity = server.papers()}};
    sink.bind("tcp://127.0.0.1:*");
    const auto comes_in = [&](const char* from) {
        wire::curve_client peer{
            wire::connection::to(house::port_of(sink), from),
            wire::curve_client_script{.identity = ann.keys, .server = server.keys.public_key, .socket_type = "PUSH"}};
        return peer.handshake(5s).accepted();
    };
    CHECK_FALSE(comes_in(far));
    CHECK(context.count(ih::reason::refused_address) == 1);
    CHECK(comes_in(near));
}

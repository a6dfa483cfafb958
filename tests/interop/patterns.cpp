// SPDX-License-Identifier: MIT
// ctest: timeout 180

/// \file
/// Every pattern that pyzmq and CZMQ share with us, over CURVE, each side once as server and once as client.
/// `ctest -L interop -V` prints the table.

#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <type_traits>
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

enum class role : std::uint8_t { server, client };

/// What a pair of sockets does. Whoever answers sends back every frame it got, envelope included.
enum class flow : std::uint8_t {
    out,    ///< Ours sends.
    in,     ///< Theirs sends.
    ask,    ///< Ours sends, theirs answers.
    answer, ///< Theirs sends, ours answers.
};

template <class Pattern> constexpr auto limits_of() {
    if constexpr (std::same_as<typename Pattern::limits, ih::inbound>)
        return receiving;
    else if constexpr (std::same_as<typename Pattern::limits, ih::outbound>)
        return sending;
    else
        return both;
}
template <class Pattern, class Security> using ours = ih::socket<Pattern, limits_of<Pattern>(), Security>;

const frames payload{"", std::string{"\0\xFF zero and more", 16}, std::string(1024, 'x')};

[[nodiscard]] frames behind(const frames& lead, const frames& rest) {
    frames all = lead;
    all.insert(all.end(), rest.begin(), rest.end());
    return all;
}
[[nodiscard]] bool ends_with(const frames& all, const frames& tail) {
    return all.size() >= tail.size() && std::equal(tail.rbegin(), tail.rend(), all.rbegin());
}

template <class Socket> [[nodiscard]] bool sent(Socket& from, const frames& what) {
    typename Socket::message m;
    interop::fill(m, what);
    return from.send(m, soon) == ih::send_status::queued;
}

/// Who leads, and what stands before the payload where a pattern's envelope is written by hand.
struct leads {
    frames our = {};
    frames their = {};
};

template <class Pattern, class Socket>
void talk(Socket& socket, peer& theirs, flow way, const leads& lead, const char* name_of_sender) {
    static constexpr bool publishes = std::same_as<Pattern, ih::pub> || std::same_as<Pattern, ih::xpub>;
    static constexpr bool subscribes = std::same_as<Pattern, ih::sub> || std::same_as<Pattern, ih::xsub>;
    const auto until = std::chrono::steady_clock::now() + soon;
    typename Socket::message got;

    if constexpr (ih::can_send<Pattern>) {
        if (way == flow::out || way == flow::ask) {
            const frames whole = behind(lead.our, payload);
            std::optional<frames> arrived;
            if constexpr (publishes) { // until the subscription has arrived, nobody is meant
                while (!arrived && std::chrono::steady_clock::now() < until) {
                    REQUIRE(sent(socket, whole));
                    arrived = theirs.receive(50ms);
                }
            } else {
                REQUIRE(sent(socket, whole));
                arrived = theirs.receive();
            }
            REQUIRE(arrived);
            CHECK(ends_with(*arrived, payload));
            if constexpr (ih::can_receive<Pattern>) {
                if (way == flow::ask) {
                    theirs.send(*arrived);
                    REQUIRE(socket.receive(got, soon) == ih::receive_status::received);
                    CHECK(ends_with(interop::taken(got), payload));
                }
            }
        }
    }
    if constexpr (ih::can_receive<Pattern>) {
        if (way == flow::in || way == flow::answer) {
            const frames whole = behind(lead.their, payload);
            if constexpr (subscribes) {
                auto status = ih::receive_status::timed_out;
                while (status == ih::receive_status::timed_out && std::chrono::steady_clock::now() < until) {
                    theirs.send(whole);
                    status = socket.receive(got, 50ms);
                }
                REQUIRE(status == ih::receive_status::received);
            } else {
                theirs.send(whole);
                REQUIRE(socket.receive(got, soon) == ih::receive_status::received);
            }
            const frames arrived = interop::taken(got);
            CHECK(ends_with(arrived, payload));
            if (name_of_sender != nullptr) CHECK(got.sender() == name_of_sender);
            if constexpr (ih::can_send<Pattern>) {
                if (way == flow::answer) {
                    typename Socket::message reply;
                    interop::fill(reply, arrived);
                    if constexpr (std::same_as<Pattern, ih::router>) reply.to(got);
                    REQUIRE(socket.send(reply, soon) == ih::send_status::queued);
                    const auto back = theirs.receive();
                    REQUIRE(back);
                    CHECK(ends_with(*back, payload));
                }
            }
        }
    }
}

template <class Pattern>
void check(kind foreign, role ours_is, const std::string& their_type, flow way, const leads& lead = {},
           const ih::socket_options& options = {}) {
    INFO(Pattern::traits.name << " with " << their_type);
    const keys at;
    ih::context context;
    const auto prepare = [&](auto& socket, peer& theirs) {
        if constexpr (ih::can_subscribe<Pattern>) socket.subscribe("");
        if (their_type == "sub") theirs.subscribe("");
        if (their_type == "xsub") theirs.send({"\x01"});
        // A bound subscriber meets newcomers, and tells them its topics, only while somebody uses it.
        if constexpr (std::same_as<Pattern, ih::xpub>) {
            typename std::remove_reference_t<decltype(socket)>::message subscription;
            REQUIRE(eventually([&] {
                if (ours_is == role::client) CHECK_FALSE(theirs.receive(5ms));
                return socket.receive(subscription, 20ms) == ih::receive_status::received;
            }));
            CHECK(subscription[0].text() == "\x01");
        }
    };
    if (ours_is == role::server) {
        ours<Pattern, ih::curve_server> socket{context,
                                               {.domain = "interop",
                                                .clients = at.who.ring,
                                                .identity = ih::certificate::load(at.folder / "server.key_secret")},
                                               limits_of<Pattern>(),
                                               options};
        socket.bind("tcp://127.0.0.1:*");
        peer theirs{foreign,
                    their_type,
                    {"--connect", socket.last_endpoint(), "--own", at.file(foreign, "ann"), "--server-key",
                     at.who.server_key.z85()}};
        prepare(socket, theirs);
        talk<Pattern>(socket, theirs, way, lead, "ann");
    } else {
        peer theirs{foreign,
                    their_type,
                    {"--bind", "tcp://127.0.0.1:*", "--own", at.file(foreign, "server"), "--clients", at.clients}};
        ours<Pattern, ih::curve_client> socket{
            context,
            {.identity = ih::certificate::load(at.folder / "ann.key_secret"), .server = at.who.server_key},
            limits_of<Pattern>(),
            options};
        socket.connect(ih::connect_endpoint<ih::curve_client::protects>::parse(theirs.endpoint()));
        prepare(socket, theirs);
        talk<Pattern>(socket, theirs, way, lead, nullptr);
    }
    static constexpr const char* arrows[] = {"sends to", "receives from", "asks", "answers"};
    std::printf("%-6s as %-6s  %-6s %-13s %s\n", interop::name(foreign), ours_is == role::server ? "client" : "server",
                Pattern::traits.name, arrows[static_cast<int>(way)], their_type.c_str());
    std::fflush(stdout);
}

void check_all(kind foreign, role ours_is) {
    check<ih::push>(foreign, ours_is, "pull", flow::out);
    check<ih::pull>(foreign, ours_is, "push", flow::in);
    check<ih::pub>(foreign, ours_is, "sub", flow::out);
    check<ih::pub>(foreign, ours_is, "xsub", flow::out);
    check<ih::sub>(foreign, ours_is, "pub", flow::in);
    check<ih::sub>(foreign, ours_is, "xpub", flow::in);
    check<ih::xpub>(foreign, ours_is, "sub", flow::out);
    check<ih::xpub>(foreign, ours_is, "xsub", flow::out);
    check<ih::xsub>(foreign, ours_is, "pub", flow::in);
    check<ih::xsub>(foreign, ours_is, "xpub", flow::in);
    check<ih::req>(foreign, ours_is, "rep", flow::ask);
    check<ih::req>(foreign, ours_is, "router", flow::ask);
    // A REQ of libzmq 4.3.4 that is a CURVE server hangs up on the first answer where its authenticator gives user ids,
    // as both of theirs do; ours gives a REQ none.
    if (ours_is == role::server) check<ih::rep>(foreign, ours_is, "req", flow::answer);
    check<ih::rep>(foreign, ours_is, "dealer", flow::answer, {.their = {""}});
    check<ih::dealer>(foreign, ours_is, "rep", flow::ask, {.our = {""}});
    check<ih::dealer>(foreign, ours_is, "router", flow::ask);
    check<ih::dealer>(foreign, ours_is, "dealer", flow::ask);
    if (ours_is == role::server) check<ih::router>(foreign, ours_is, "req", flow::answer);
    check<ih::router>(foreign, ours_is, "dealer", flow::answer);
    check<ih::pair>(foreign, ours_is, "pair", flow::ask);
    check<ih::pair>(foreign, ours_is, "pair", flow::answer);
}

} // namespace

TEST_CASE("a pyzmq client talks to an Ironhouse server in every pattern", "[interop][M1.6]") {
    check_all(kind::pyzmq, role::server);
}

TEST_CASE("an Ironhouse client talks to a pyzmq server in every pattern", "[interop][M1.6]") {
    check_all(kind::pyzmq, role::client);
}

TEST_CASE("a CZMQ client talks to an Ironhouse server in every pattern", "[interop][M1.6]") {
    check_all(kind::czmq, role::server);
}

TEST_CASE("an Ironhouse client talks to a CZMQ server in every pattern", "[interop][M1.6]") {
    check_all(kind::czmq, role::client);
}

TEST_CASE("a foreign router that does not echo the request's number is asked without one", "[interop][M1.6]") {
    const keys at;
    ih::context context;
    const auto foreign = GENERATE(kind::pyzmq, kind::czmq);
    peer theirs{foreign,
                "router",
                {"--bind", "tcp://127.0.0.1:*", "--own", at.file(foreign, "server"), "--clients", at.clients}};
    const auto answered = [&](ih::correlation numbered) {
        ours<ih::req, ih::curve_client> asks{
            context,
            {.identity = ih::certificate::load(at.folder / "ann.key_secret"), .server = at.who.server_key},
            both,
            {.correlation = numbered}};
        asks.connect(ih::connect_endpoint<ih::curve_client::protects>::parse(theirs.endpoint()));
        REQUIRE(sent(asks, {"how many?"}));
        const auto request = theirs.receive();
        REQUIRE(request);
        theirs.send({request->front(), "", "two"}); // by hand: address, delimiter, answer
        typename decltype(asks)::message answer;
        return asks.receive(answer, numbered == ih::correlation::none ? 10s : 300ms) == ih::receive_status::received;
    };
    CHECK(answered(ih::correlation::none));
    CHECK_FALSE(answered(ih::correlation::numbered)); // that it is needed, not only harmless
}

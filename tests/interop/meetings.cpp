// SPDX-License-Identifier: MIT
// ctest: timeout 120

/// \file
/// Where and as whom foreign peers are met: IPv6, ipc, routing ids of their own choice, servers without CURVE, and what
/// becomes of a client that was cut.

#include <ironhouse/insecure.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

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

template <class Pattern> using serving = ih::socket<Pattern, both, ih::curve_server>;
template <class Pattern> using asking = ih::socket<Pattern, both, ih::curve_client>;

[[nodiscard]] ih::curve_server door(const keys& at) {
    return {.domain = "interop",
            .clients = at.who.ring,
            .identity = ih::certificate::load(at.folder / "server.key_secret")};
}
[[nodiscard]] ih::curve_client ann(const keys& at) {
    return {.identity = ih::certificate::load(at.folder / "ann.key_secret"), .server = at.who.server_key};
}
[[nodiscard]] std::vector<std::string> joining(const keys& at, kind foreign, const std::string& endpoint) {
    return {"--connect", endpoint, "--own", at.file(foreign, "ann"), "--server-key", at.who.server_key.z85()};
}
[[nodiscard]] std::vector<std::string> opening(const keys& at, kind foreign, const std::string& endpoint) {
    return {"--bind", endpoint, "--own", at.file(foreign, "server"), "--clients", at.clients};
}

template <class Socket> void say(Socket& from, const frames& what) {
    typename Socket::message m;
    interop::fill(m, what);
    REQUIRE(from.send(m, soon) == ih::send_status::queued);
}
template <class Socket> [[nodiscard]] frames heard(Socket& by) {
    typename Socket::message m;
    if (by.receive(m, soon) != ih::receive_status::received) return {"nothing came"};
    return interop::taken(m);
}

/// A pair at this address, ours the server and then theirs.
void meet(kind foreign, const std::string& endpoint) {
    const keys at;
    {
        ih::context context;
        serving<ih::pair> here{
            context, door(at),
            ih::socket_options{.ipc_guard = ih::insecure::unguarded_ipc{"the peer is this test's own process"}}};
        here.bind(ih::endpoint<ih::curve_server>::parse(endpoint));
        peer theirs{foreign, "pair", joining(at, foreign, here.last_endpoint())};
        theirs.send({"hello"});
        CHECK(heard(here) == frames{"hello"});
        say(here, {"good day"});
        CHECK(theirs.receive() == frames{"good day"});
    }
    ih::context context;
    peer theirs{foreign, "pair", opening(at, foreign, endpoint)};
    asking<ih::pair> here{context, ann(at)};
    here.connect(ih::connect_endpoint<ih::curve_client::protects>::parse(theirs.endpoint()));
    say(here, {"hello"});
    CHECK(theirs.receive() == frames{"hello"});
    theirs.send({"good day"});
    CHECK(heard(here) == frames{"good day"});
}

[[nodiscard]] bool has_ipv6() {
    const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in6 loopback{};
    loopback.sin6_family = AF_INET6;
    loopback.sin6_addr = in6addr_loopback;
    const bool can = fd >= 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&loopback), sizeof loopback) == 0;
    if (fd >= 0) ::close(fd);
    return can;
}

} // namespace

TEST_CASE("foreign peers are met over IPv6", "[interop][M1.6]") {
    const auto foreign = GENERATE(kind::pyzmq, kind::czmq);
    if (!has_ipv6()) {
        WARN("no IPv6 on this machine");
        return;
    }
    meet(foreign, "tcp://[::1]:*");
}

TEST_CASE("foreign peers are met over ipc", "[interop][M1.6]") {
    const auto foreign = GENERATE(kind::pyzmq, kind::czmq);
    const interop::scratch folder;
    meet(foreign, "ipc://" + (folder / "door"));
}

TEST_CASE("payload of every length up to the limit passes unchanged", "[interop][M1.6]") {
    const auto foreign = GENERATE(kind::pyzmq, kind::czmq);
    const keys at;
    ih::context context;
    serving<ih::pair> here{context, door(at)};
    here.bind("tcp://127.0.0.1:*");
    peer theirs{foreign, "pair", joining(at, foreign, here.last_endpoint())};
    std::string every_byte;
    for (int value = 0; value != 256; ++value) every_byte += static_cast<char>(value);
    // Around the lengths at which libzmq stores or frames a message in another way.
    std::vector<std::string> payloads{every_byte, std::string(1, '\0')};
    for (const std::size_t length : {0U, 1U, 29U, 33U, 34U, 222U, 223U, 254U, 255U, 256U, 1023U, 1024U})
        payloads.emplace_back(length, 'x');
    for (const std::string& payload : payloads) {
        theirs.send({payload});
        CHECK(heard(here) == frames{payload});
        say(here, {payload});
        CHECK(theirs.receive() == frames{payload});
    }
    const frames most(4, std::string(1024, 'y')); // as many frames as the limits allow, each as large
    theirs.send(most);
    CHECK(heard(here) == most);
    say(here, most);
    CHECK(theirs.receive() == most);
}

TEST_CASE("foreign dealers that chose the same routing id are told apart, and each is answered",
          "[interop][M1.6][B6]") {
    const auto foreign = GENERATE(kind::pyzmq, kind::czmq);
    const keys at;
    ih::context context;
    serving<ih::router> desk{context, door(at)};
    desk.bind("tcp://127.0.0.1:*");
    auto arguments = joining(at, foreign, desk.last_endpoint());
    arguments.insert(arguments.end(), {"--identity", "desk-7"});
    const auto ask = [&](peer& who, const char* text) {
        who.send({text});
        serving<ih::router>::message request;
        REQUIRE(desk.receive(request, soon) == ih::receive_status::received);
        CHECK(request.routing_id().size() == 16); // given by this end
        CHECK(request.sender() == "ann");
        CHECK(request[0].text() == text);
        serving<ih::router>::message reply;
        reply.to(request);
        REQUIRE(reply.add(text));
        REQUIRE(desk.send(reply, soon) == ih::send_status::queued);
        CHECK(who.receive() == frames{text});
    };
    peer first{foreign, "dealer", arguments};
    ask(first, "am I 7?");
    peer second{foreign, "dealer", arguments};
    ask(second, "am I 7 now?");
    ask(first, "still 7?");
    serving<ih::router>::message word;
    REQUIRE(word.add("by name"));
    REQUIRE(desk.address(word, "ann"));
    REQUIRE(desk.send(word, soon) == ih::send_status::queued);
    CHECK(second.receive() == frames{"by name"}); // the latest one
}

TEST_CASE("a client of ours says nothing to a foreign server without CURVE", "[interop][T5.1]") {
    const auto foreign = GENERATE(kind::pyzmq, kind::czmq);
    const keys at;
    peer theirs{foreign, "pull", {"--bind", "tcp://127.0.0.1:*"}};
    ih::context context;
    ih::socket<ih::push, sending, ih::curve_client> source{context, ann(at)};
    source.connect(ih::connect_endpoint<ih::curve_client::protects>::parse(theirs.endpoint()));
    say(source, {"for the right server only"});
    CHECK(eventually([&] { return context.count(ih::reason::handshake_failed) > 0; }));
    CHECK_FALSE(theirs.receive(100ms));
}

TEST_CASE("a foreign client that was cut for a frame that is too large comes back", "[interop][T4.1]") {
    const auto foreign = GENERATE(kind::pyzmq, kind::czmq);
    const keys at;
    ih::context context;
    ih::socket<ih::pull, receiving, ih::curve_server> sink{context, door(at)};
    sink.bind("tcp://127.0.0.1:*");
    peer rude{foreign, "push", joining(at, foreign, sink.last_endpoint())};
    rude.send({std::string(64 * 1024, 'x')});
    CHECK(eventually([&] { return context.count(ih::reason::client_admitted) == 2; }));
    rude.send({"smaller now"});
    CHECK(heard(sink) == frames{"smaller now"});
}

// SPDX-License-Identifier: MIT
// ctest: timeout 180

/// \file
/// A server that claims the handshake to be over before the client has proved its key gets nowhere: its connection never
/// counts as connected, is ended, and carries nothing of the client's in clear. The right server on the same port is served
/// afterwards. libzmq refuses these claims itself; what becomes of one that it takes is shown with a kernel that counts less
/// than was written (the test defines getsockopt), so that an honest handshake looks like none.

#include "catch.hpp"

#include "support/house.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

// The port for whose connections the kernel is made to count no more than a greeting and HELLO; 0 for none.
std::atomic<std::uint16_t> undercounted{0};

std::uint16_t port_of_theirs(int fd) noexcept {
    sockaddr_in there{};
    socklen_t size = sizeof there;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&there), &size) != 0 || there.sin_family != AF_INET) return 0;
    return ntohs(there.sin_port);
}

} // namespace

/// Stands before the C library's for the whole program, libzmq included. Only what TCP_INFO says of one port is changed.
extern "C" int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept {
    const auto result = static_cast<int>(::syscall(SYS_getsockopt, fd, level, name, value, size));
    constexpr int tcp_info_option = 11;
    constexpr std::size_t not_sent_at = 144, sent_at = 200, retransmitted_at = 208;
    const std::uint16_t port = undercounted.load();
    if (result != 0 || level != IPPROTO_TCP || name != tcp_info_option || port == 0 || port_of_theirs(fd) != port ||
        *size < retransmitted_at + sizeof(std::uint64_t))
        return result;
    constexpr std::uint64_t greeting_and_hello = 64 + 202, none = 0;
    std::uint64_t sent = 0;
    auto* const info = static_cast<unsigned char*>(value);
    std::memcpy(&sent, info + sent_at, sizeof sent);
    sent = std::min(sent, greeting_and_hello);
    std::memcpy(info + sent_at, &sent, sizeof sent);
    std::memcpy(info + not_sent_at, &none, sizeof(std::uint32_t));
    std::memcpy(info + retransmitted_at, &none, sizeof none);
    return result;
}

namespace {

using namespace house;

constexpr std::string_view said_early = "the client's secret";
constexpr std::string_view said_by_mallory = "mallory's word";

/// What a server may claim, and when.
struct claim {
    std::string name;
    bool reads_hello;                                            ///< waits for HELLO first
    std::function<wire::bytes(const std::string& type)> is_made; ///< the bytes after the greeting
};

wire::bytes command(std::string_view name, wire::view data) {
    return wire::encode_frame(wire::command_body(name, data), wire::command_flag);
}

std::vector<claim> claims() {
    const auto in_clear = [](const std::string& type) {
        return command("READY", wire::encode(wire::basic_properties(type)));
    };
    const auto sealed = [](const std::string&) { return command("READY", wire::detail::random_bytes(8 + 80)); };
    const auto bare = [](const std::string&) { return command("READY", {}); };
    const auto and_speaks = [](const auto& first) {
        return [first](const std::string& type) {
            wire::bytes all = first(type);
            wire::append(all, wire::encode_frame(said_by_mallory));
            return all;
        };
    };
    const auto speaks = [](const std::string&) { return wire::encode_frame(said_by_mallory); };
    const auto message = [](const std::string&) { return command("MESSAGE", wire::detail::random_bytes(8 + 40)); };
    return {
        {"READY in clear, at once", false, in_clear},
        {"READY in clear, for HELLO", true, in_clear},
        {"READY in clear and a message, for HELLO", true, and_speaks(in_clear)},
        {"a READY that does not open, at once", false, sealed},
        {"a READY that does not open, for HELLO", true, sealed},
        {"a READY that does not open and a message, for HELLO", true, and_speaks(sealed)},
        {"a READY with nothing in it, at once", false, bare},
        {"a READY with nothing in it, for HELLO", true, bare},
        {"a message in clear, at once", false, speaks},
        {"a message in clear, for HELLO", true, speaks},
        {"a box that does not open, for HELLO", true, message},
    };
}

/// Everything the client writes while that claim is made, up to its hanging up; empty when it does not.
std::optional<wire::bytes> all_that_is_written(wire::connection to, const claim& made, const std::string& type) {
    const wire::deadline until{soon};
    wire::bytes all, first = wire::greeting{.mechanism = "CURVE", .as_server = true}.encode();
    const auto reads = [&](std::size_t at_least) {
        while (all.size() < at_least) {
            const auto piece = to.receive_some(64 * 1024, until);
            if (piece.empty()) return;
            wire::append(all, piece);
        }
    };
    if (made.reads_hello) {
        if (!to.send_all(first, until)) return std::nullopt;
        reads(wire::greeting::size + 202);
        first.clear();
    }
    wire::append(first, made.is_made(type));
    (void)to.send_all(first, until);
    reads(SIZE_MAX);
    if (!to.ended()) return std::nullopt;
    return all;
}

/// A client of each pattern, what it does while it waits, and how it is seen to be served.
struct pushing {
    using pattern = ih::push;
    static constexpr const char* server = "PULL";
    client_of<pattern>& by;

    void begins() const { (void)say(by, said_early); }
    void waits() const {
        client_of<pattern>::message m;
        REQUIRE(m.add(said_early));
        (void)by.send(m, 5ms);
    }
    void is_served(wire::curve_server& with) const {
        REQUIRE(say(by, "the last order"));
        for (std::string heard; heard != "the last order";) {
            const auto got = with.receive_message(soon);
            REQUIRE(got);
            heard = wire::to_text(got->front());
        }
    }
};

struct dealing {
    using pattern = ih::dealer;
    static constexpr const char* server = "ROUTER";
    client_of<pattern>& by;

    void begins() const { (void)say(by, said_early); }
    void waits() const { CHECK(hear(by, 5ms).empty()); }
    void is_served(wire::curve_server& with) const {
        REQUIRE(say(by, "question"));
        for (std::string heard; heard != "question";) {
            const auto got = with.receive_message(soon);
            REQUIRE(got);
            heard = wire::to_text(got->front());
        }
        REQUIRE(with.send("answer", false, soon));
        CHECK(hear(by) == "answer");
    }
};

struct subscribing {
    using pattern = ih::sub;
    static constexpr const char* server = "PUB";
    client_of<pattern>& by;

    void begins() const {
        by.subscribe("");
        by.subscribe(said_early);
    }
    void waits() const { CHECK(hear(by, 5ms).empty()); }
    void is_served(wire::curve_server& with) const {
        for (bool subscribed = false; !subscribed;) {
            const auto got = with.receive(soon);
            REQUIRE(got);
            subscribed = wire::contains(got->body, said_early);
        }
        REQUIRE(with.send("news", false, soon));
        CHECK(hear(by) == "news");
    }
};

} // namespace

TEMPLATE_TEST_CASE("a server that claims the handshake to be over before it can be is hung up on, and learns nothing",
                   "[wire][T6.1]", pushing, dealing, subscribing) {
    using client = client_of<typename TestType::pattern>;
    const people who;
    for (const claim& made : claims()) {
        INFO(made.name);
        ih::context context;
        wire::listener at;
        client ann{context, who.as(who.ann), {.linger = 0ms}};
        const TestType owner{ann};
        ann.connect(endpoint_at(at.port()));
        owner.begins();
        auto met = at.accept(soon);
        REQUIRE(met);
        const auto written = all_that_is_written(std::move(*met), made, TestType::server);
        REQUIRE(written); // that is: it was hung up on
        CHECK_FALSE(wire::contains(*written, said_early));
        CHECK(written->size() <= wire::greeting::size + 202);
        CHECK(counted(context, ih::reason::handshake_failed));
        REQUIRE(comes_back(at, [&] { owner.waits(); }));
        CHECK(context.count(ih::reason::connected) == 0);
        CHECK(context.count(ih::reason::refused_unproven) == 0); // libzmq never took it for a handshake
        auto server = welcome(at, who, TestType::server);
        owner.is_served(server);
        CHECK(counted(context, ih::reason::connected));
    }
}

TEMPLATE_TEST_CASE("a server that says nothing after its greeting is hung up on when the handshake's time is over",
                   "[wire][T6.1]", pushing, dealing, subscribing) {
    using client = client_of<typename TestType::pattern>;
    const people who;
    ih::context context;
    wire::listener at;
    client ann{context, who.as(who.ann), {.linger = 0ms}};
    const TestType owner{ann};
    ann.connect(endpoint_at(at.port()));
    owner.begins();
    auto met = at.accept(soon);
    REQUIRE(met);
    const claim none{"nothing", true, [](const std::string&) { return wire::bytes{}; }};
    const auto written = all_that_is_written(std::move(*met), none, TestType::server);
    REQUIRE(written);
    CHECK_FALSE(wire::contains(*written, said_early));
    CHECK(context.count(ih::reason::connected) == 0);
    REQUIRE(comes_back(at, [&] { owner.waits(); }));
    auto server = welcome(at, who, TestType::server);
    owner.is_served(server);
}

TEMPLATE_TEST_CASE("a handshake that libzmq believes and the kernel has not seen is refused_unproven", "[wire][T6.1]",
                   pushing, dealing, subscribing) {
    using client = client_of<typename TestType::pattern>;
    const people who;
    ear ears;
    ih::context context{{.on_event = ears.listening()}};
    wire::listener at;
    client ann{context, who.as(who.ann), {.linger = 0ms}};
    const TestType owner{ann};
    undercounted = at.port();
    ann.connect(endpoint_at(at.port()));
    {
        auto server = welcome(at, who, TestType::server);
        CHECK(counted(context, ih::reason::refused_unproven));
        CHECK(server.tcp().closed_by_peer(soon));
    }
    CHECK(context.count(ih::reason::connected) == 0);
    undercounted = 0;
    owner.begins();
    REQUIRE(comes_back(at, [&] { owner.waits(); }));
    auto server = welcome(at, who, TestType::server);
    owner.is_served(server);
    REQUIRE(wire::eventually([&] { return !ears.of(ih::reason::refused_unproven).empty(); }, soon));
    CHECK(ears.of(ih::reason::refused_unproven).front().address == "127.0.0.1");
    CHECK(context.count(ih::reason::refused_unproven) == 1);
}

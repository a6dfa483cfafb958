// SPDX-License-Identifier: MIT
// ctest: timeout 120

/// \file
/// libzmq with the executable's own recv(), accept4() and operator delete: the gate and the allowance hold to the connection
/// and to the byte while hostile peers push, and nothing of a secret key is left when a socket has closed.

#include <ironhouse/system/runtime.hpp>

#include "catch.hpp"
#include "support/house.hpp"
#include "support/key_copies.hpp"
#include "support/zmtp.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include <fcntl.h>
#include <zmq.h>

using namespace ironhouse::detail;
using namespace std::chrono_literals;

namespace {

bool on() {
    if (look_for_runtime() == runtime_finding::off) return false;
    REQUIRE(runtime_in_effect());
    return true;
}

/// A libzmq socket of a given type behind a listener that this program registers, as the sentry would.
class watched_server {
public:
    watched_server(int type, const runtime_watcher& asked, bool ipc = false) {
        context_ = zmq_ctx_new();
        socket_ = zmq_socket(context_, type);
        const int none = 0;
        zmq_setsockopt(socket_, ZMQ_LINGER, &none, sizeof none);
        // The number of libzmq's listener, from its monitor.
        REQUIRE(zmq_socket_monitor(socket_, "inproc://monitor", ZMQ_EVENT_LISTENING) == 0);
        void* const reader = zmq_socket(context_, ZMQ_PAIR);
        REQUIRE(zmq_connect(reader, "inproc://monitor") == 0);
        REQUIRE(zmq_bind(socket_, ipc ? "ipc://@ironhouse-test-*" : "tcp://127.0.0.1:*") == 0);
        unsigned char event[6] = {};
        REQUIRE(zmq_recv(reader, event, sizeof event, 0) == 6);
        std::memcpy(&listener_, event + 2, 4);
        zmq_socket_monitor(socket_, nullptr, 0);
        zmq_close(reader);
        char text[256] = {};
        std::size_t size = sizeof text;
        zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, text, &size);
        endpoint_ = text;
        watched_ = watch_listener(listener_, asked);
        REQUIRE(watched_ != 0);
    }
    ~watched_server() {
        zmq_close(socket_);
        zmq_ctx_term(context_);
        forget_listener(listener_, watched_);
    }
    watched_server(const watched_server&) = delete;
    watched_server& operator=(const watched_server&) = delete;

    [[nodiscard]] void* get() const { return socket_; }
    [[nodiscard]] void* context() const { return context_; }
    [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
    [[nodiscard]] wire::zmtp_peer visitor() const {
        return wire::zmtp_peer{wire::connection::to(wire::port_of(endpoint_))};
    }

private:
    void *context_ = nullptr, *socket_ = nullptr;
    int listener_ = -1;
    std::uint64_t watched_ = 0;
    std::string endpoint_;
};

/// A doorkeeper that lets some in, and gives each an allowance of pieces.
struct keeper {
    std::atomic<int> asked{0}, places{1'000};
    std::atomic<int> fd{-1};
    std::atomic<std::uint64_t> generation{0}, piece{0}, purse{0};
    std::atomic<int> used_up{0};

    [[nodiscard]] runtime_watcher watching(std::uint64_t first = runtime_unlimited) {
        return {this,
                [](void* who, const runtime_newcomer& it) noexcept {
                    auto* const k = static_cast<keeper*>(who);
                    ++k->asked;
                    if (k->places.fetch_sub(1) <= 0) return false;
                    k->fd = it.fd;
                    k->generation = it.generation;
                    return true;
                },
                [](void* who, int, std::uint64_t) noexcept {
                    auto* const k = static_cast<keeper*>(who);
                    ++k->used_up;
                    const std::uint64_t more = k->piece.load();
                    if (k->purse.load() < more) return std::uint64_t{0};
                    k->purse -= more;
                    return more;
                },
                first};
    }
};

wire::properties push() { return wire::basic_properties("PUSH"); }

std::string hear(void* socket, std::chrono::milliseconds patience = 10s) {
    const int timeout = static_cast<int>(patience.count());
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    char text[256];
    const int size = zmq_recv(socket, text, sizeof text, 0);
    return size < 0 ? std::string{"nothing"}
                    : std::string{text, std::min<std::size_t>(static_cast<std::size_t>(size), sizeof text)};
}

} // namespace

TEST_CASE("libzmq lets in exactly those who were admitted", "[runtime]") {
    if (!on()) return;
    keeper door;
    door.places = 8;
    const watched_server server{ZMQ_PULL, door.watching()};
    std::vector<wire::zmtp_peer> visitors;
    int served = 0;
    for (int i = 0; i != 40; ++i) {
        auto peer = server.visitor();
        served += peer.null_handshake(push()).accepted() ? 1 : 0;
        visitors.push_back(std::move(peer));
    }
    CHECK(served == 8);
    CHECK(door.asked == 40);
    // A place becomes free, and an honest peer takes it.
    visitors.clear();
    door.places = 1;
    auto honest = server.visitor();
    REQUIRE(honest.null_handshake(push()).accepted());
    REQUIRE(honest.send_frame(wire::to_bytes("here")));
    CHECK(hear(server.get()) == "here");
}

TEST_CASE("a libzmq client that was turned away comes back when there is a place", "[runtime]") {
    if (!on()) return;
    for (const bool ipc : {false, true}) {
        CAPTURE(ipc);
        keeper door;
        door.places = 0;
        const watched_server server{ZMQ_PULL, door.watching(), ipc};
        void* const client = zmq_socket(server.context(), ZMQ_PUSH);
        const int soon = 10;
        zmq_setsockopt(client, ZMQ_RECONNECT_IVL, &soon, sizeof soon);
        REQUIRE(zmq_connect(client, server.endpoint().c_str()) == 0);
        zmq_send(client, "here", 4, 0);
        CHECK(wire::eventually([&] { return door.asked >= 3; }, 10s));
        CHECK(hear(server.get(), 0ms) == "nothing");
        door.places = 1;
        CHECK(hear(server.get()) == "here");
        runtime_counts counts;
        REQUIRE(runtime_look_up(door.fd, door.generation, counts));
        // Greeting, READY, and a frame of four bytes with two before it.
        CHECK(counts.frames == 2);
        CHECK(counts.received > 64 + 6);
        zmq_close(client);
    }
}

TEST_CASE("a PULL that is flooded receives its allowance to the byte, and no more", "[runtime]") {
    if (!on()) return;
    struct flood {
        std::size_t body;
        std::uint8_t flags;
    };
    for (const flood kind :
         {flood{1, wire::more_flag}, flood{1'000, wire::more_flag}, flood{100, 0}, flood{9'000, 0}}) {
        CAPTURE(kind.body, kind.flags);
        keeper door;
        door.piece = 10'007; // no multiple of anything
        door.purse = 5 * 10'007;
        constexpr std::uint64_t all = 1'000 + 5 * 10'007;
        const watched_server server{ZMQ_PULL, door.watching(1'000)};
        auto eve = server.visitor();
        REQUIRE(eve.null_handshake(push()).accepted());
        const auto handshake = eve.tcp().sent();
        const wire::bytes one = wire::encode_frame(wire::bytes(kind.body, 'x'), kind.flags);
        wire::bytes many;
        while (many.size() < 60'000) wire::append(many, one);
        std::uint64_t pushed = 0;
        while (pushed < 32U << 20U && eve.tcp().send_all(many, 2s)) pushed += many.size();
        CHECK(pushed < 32U << 20U); // it was hung up on
        runtime_counts counts;
        REQUIRE(wire::eventually([&] { return runtime_look_up(door.fd, door.generation, counts) && counts.cut; }, 10s));
        CHECK(counts.received == all);
        CHECK(door.used_up == 6);
        // READY and what followed, a last frame perhaps in part.
        const std::uint64_t header = kind.body > 255 ? 9 : 2;
        const std::uint64_t rest = all - handshake;
        CHECK(counts.frames == 1 + rest / one.size() + (rest % one.size() >= header ? 1 : 0));

        // An honest peer beside it is served as ever.
        door.purse = 1'000'000;
        auto honest = server.visitor();
        REQUIRE(honest.null_handshake(push()).accepted());
        REQUIRE(honest.send_frame(wire::to_bytes("here")));
        std::string got;
        while ((got = hear(server.get())) != "here" && got != "nothing") {}
        CHECK(got == "here");
    }
}

TEST_CASE("a connecting socket can be held to an allowance too", "[runtime]") {
    if (!on()) return;
    wire::listener evil;
    void* const context = zmq_ctx_new();
    void* const client = zmq_socket(context, ZMQ_PULL);
    const int never = -1, none = 0;
    zmq_setsockopt(client, ZMQ_RECONNECT_IVL, &never, sizeof never);
    zmq_setsockopt(client, ZMQ_LINGER, &none, sizeof none);
    REQUIRE(zmq_socket_monitor(client, "inproc://monitor", ZMQ_EVENT_CONNECTED) == 0);
    void* const reader = zmq_socket(context, ZMQ_PAIR);
    REQUIRE(zmq_connect(reader, "inproc://monitor") == 0);
    REQUIRE(zmq_connect(client, evil.endpoint().c_str()) == 0);
    auto accepted = evil.accept();
    REQUIRE(accepted);
    unsigned char event[6] = {};
    REQUIRE(zmq_recv(reader, event, sizeof event, 0) == 6);
    int number = -1;
    std::memcpy(&number, event + 2, 4);
    keeper door;
    const std::uint64_t g = watch_connection(number, door.watching(20'000));
    REQUIRE(g != 0);
    wire::zmtp_peer server{std::move(*accepted)};
    REQUIRE(server.greet({}));
    REQUIRE(server.send_command("READY", wire::encode(wire::basic_properties("PUSH"))));
    while (server.send_frame(wire::bytes(100, 'x'), wire::more_flag, 2s) && server.tcp().sent() < 32U << 20U) {}
    CHECK(server.tcp().sent() < 32U << 20U);
    runtime_counts counts;
    REQUIRE(wire::eventually([&] { return runtime_look_up(number, g, counts) && counts.cut; }, 10s));
    CHECK(counts.received == 20'000);
    zmq_socket_monitor(client, nullptr, 0);
    zmq_close(reader);
    zmq_close(client);
    zmq_ctx_term(context);
    forget_connection(number, g);
}

TEST_CASE("no copy of a secret key is left once the socket has closed", "[runtime]") {
    if (!on()) return;
    const auto census = wire::take_key_census();
    WARN(census.line() << "\n" << census.text);
    CHECK(census.before == 0);
    CHECK(census.read >= 1); // the search finds what there is
    CHECK(census.connected >= census.read);
    CHECK(census.closed == 0);
    CHECK(census.ended == 0);
}

// SPDX-License-Identifier: MIT
// ctest: serial
// ctest: timeout 180

/// \file
/// Who is let in, and who has to wait: places, connections of one key, half-open ones, handshakes that come too fast. An
/// honest client with its own key and its own address comes in beside each of them.

#include "catch.hpp"

#include "support/house.hpp"
#include "support/process.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>
#include <zmq.h>

namespace {

using namespace house;
using std::chrono::steady_clock;

constexpr const char* hostile = "127.0.0.66";
constexpr const char* honest = "127.0.0.9";

inline constexpr ih::inbound three{.peers = 3_peers, .queue = 100_messages, .frames = 4_frames, .frame = 1_KiB};
inline constexpr ih::inbound eight{.peers = 8_peers, .queue = 100_messages, .frames = 4_frames, .frame = 1_KiB};

/// A server, and a ring of as many people as a test needs.
template <auto Limits> struct office {
    person server{"server"};
    std::vector<person> staff;
    ear events;
    std::optional<ih::context> context;
    std::optional<ih::socket<ih::pull, Limits, ih::curve_server>> sink;
    std::uint16_t port = 0;

    explicit office(std::size_t many, ih::admission_limits admission = {}) {
        std::vector<ih::keyring::entry> entries;
        for (std::size_t n = 0; n != many; ++n) {
            staff.push_back({"p" + std::to_string(n)});
            entries.push_back({staff.back().name, staff.back().key()});
        }
        context.emplace(ih::context_options{.on_event = events.listening(), .admission = admission});
        sink.emplace(*context, ih::curve_server{.domain = "orders",
                                                .clients = ih::keyring::of(std::move(entries)),
                                                .identity = server.papers()});
        sink->bind("tcp://127.0.0.1:*");
        port = house::port_of(*sink);
    }
    [[nodiscard]] wire::curve_client_script script(const person& as) const {
        return {.identity = as.keys, .server = server.keys.public_key, .socket_type = "PUSH"};
    }
    /// Whether the server takes it in, from that address.
    [[nodiscard]] std::unique_ptr<wire::curve_client> visit(const person& as, const char* from,
                                                            std::chrono::milliseconds patience = 3s) const {
        auto line = wire::connection::attempt(port, from, 2s);
        if (!line) return nullptr;
        auto peer = std::make_unique<wire::curve_client>(std::move(*line), script(as));
        if (!peer->handshake(patience).accepted()) return nullptr;
        return peer;
    }
    /// Takes what is there; true when something of that peer was.
    [[nodiscard]] bool hears(const std::string& from) {
        typename decltype(sink)::value_type::message m;
        while (sink->receive(m, 5ms) == ih::receive_status::received)
            if (m.sender() == from) return true;
        return false;
    }
};

/// A libzmq client, which tries again by itself.
class client {
public:
    template <class Office> client(const Office& at, const person& as, const char* from) : context_{zmq_ctx_new()} {
        socket_ = zmq_socket(context_, ZMQ_PUSH);
        const auto set = [&](int option, int value) { zmq_setsockopt(socket_, option, &value, sizeof value); };
        set(ZMQ_LINGER, 0);
        zmq_setsockopt(socket_, ZMQ_CURVE_PUBLICKEY, as.keys.public_key.data(), 32);
        zmq_setsockopt(socket_, ZMQ_CURVE_SECRETKEY, as.keys.secret_key.data(), 32);
        zmq_setsockopt(socket_, ZMQ_CURVE_SERVERKEY, at.server.keys.public_key.data(), 32);
        zmq_connect(socket_, ("tcp://" + std::string{from} + ":0;127.0.0.1:" + std::to_string(at.port)).c_str());
    }
    client(const client&) = delete;
    client& operator=(const client&) = delete;
    ~client() {
        zmq_close(socket_);
        zmq_ctx_term(context_);
    }
    void say() { zmq_send(socket_, "hello", 5, ZMQ_DONTWAIT); }

private:
    void* context_;
    void* socket_;
};

} // namespace

TEST_CASE(".peers are served at once and no more; whoever waits is served when one has left", "[wire][T3.1]") {
    office<three> at{5};
    std::vector<std::unique_ptr<client>> served;
    for (std::size_t n = 0; n != 3; ++n) {
        served.push_back(std::make_unique<client>(at, at.staff[n], honest));
        served.back()->say();
        REQUIRE(wire::eventually([&] { return at.hears(at.staff[n].name); }, soon));
    }
    client fourth{at, at.staff[3], "127.0.0.10"};
    fourth.say();
    REQUIRE(counted(*at.context, ih::reason::refused_full, 2)); // it has tried again
    CHECK_FALSE(at.hears("p3"));
    CHECK(at.context->count(ih::reason::client_admitted) == 3);
    CHECK(at.context->count(ih::reason::disconnected) == 0);
    served.erase(served.begin());
    CHECK(wire::eventually([&] { return at.hears("p3"); }, soon));
}

TEST_CASE("one key has two connections unless more are allowed", "[wire][T3.1]") {
    office<eight> at{2};
    const auto first = at.visit(at.staff[0], hostile);
    const auto second = at.visit(at.staff[0], hostile);
    REQUIRE(first);
    REQUIRE(second);
    CHECK(at.visit(at.staff[0], hostile) == nullptr);
    CHECK(at.context->count(ih::reason::refused_per_key) == 1);
    CHECK(at.visit(at.staff[1], honest));

    office<eight> wide{1, {.per_key = 5_peers}};
    std::vector<std::unique_ptr<wire::curve_client>> all;
    for (int n = 0; n != 5; ++n) {
        all.push_back(wide.visit(wide.staff[0], hostile));
        REQUIRE(all.back());
    }
    CHECK(wide.visit(wide.staff[0], hostile) == nullptr);
}

TEST_CASE("a key that was cut off has to stay away, from wherever it comes, and nobody else has", "[wire][B1][T4.1]") {
    office<three> at{2};
    const auto first = at.visit(at.staff[0], hostile);
    REQUIRE(first);
    (void)first->send_burst({.frame = 500, .frames = 40'000, .wire_bytes = 20'000'000, .unfinished = true}, 10s);
    REQUIRE(counted(*at.context, ih::reason::cut_over_budget, 1));
    CHECK(at.visit(at.staff[0], "127.0.1.66") == nullptr);
    CHECK(at.context->count(ih::reason::refused_after_cut) == 1);
    CHECK(at.visit(at.staff[1], hostile));
}

TEST_CASE("addresses and their neighbourhoods have limits where they are set", "[wire][T3.1]") {
    office<eight> at{6, {.per_address = 2_peers, .per_prefix = 3_peers}};
    const auto a = at.visit(at.staff[0], hostile);
    const auto b = at.visit(at.staff[1], hostile);
    REQUIRE((a && b));
    CHECK(at.visit(at.staff[2], hostile) == nullptr);
    const auto c = at.visit(at.staff[3], "127.0.0.67");
    REQUIRE(c);
    CHECK(at.visit(at.staff[4], "127.0.0.68") == nullptr); // the same /24
    CHECK(at.context->count(ih::reason::refused_per_address) == 2);
    CHECK(at.visit(at.staff[5], "127.0.1.9"));
}

TEST_CASE("half-open connections make room for a newcomer, the oldest of the greediest neighbourhood first",
          "[wire][T3.1][B4]") {
    const wire::without_net_admin unprivileged; // whoever is evicted often is dropped otherwise
    office<eight> at{2};
    std::vector<wire::connection> silent;
    for (int n = 0; n != 100; ++n) {
        auto line = wire::connection::attempt(at.port, "127.0.7.66", 2s);
        REQUIRE(line);
        silent.push_back(std::move(*line));
    }
    REQUIRE(counted(*at.context, ih::reason::evicted_half_open, 30));
    CHECK(silent.front().closed_by_peer(soon));
    const auto start = steady_clock::now();
    CHECK(at.visit(at.staff[0], honest));
    CHECK(steady_clock::now() - start < 1s);
    // One that takes its time beside them is not the greedy one.
    auto slow = wire::connection::attempt(at.port, "127.0.1.9", 2s);
    REQUIRE(slow);
    for (int n = 0; n != 50; ++n) {
        auto line = wire::connection::attempt(at.port, "127.0.7.66", 2s);
        if (line) silent.push_back(std::move(*line));
    }
    wire::curve_client ben{std::move(*slow), at.script(at.staff[1])};
    CHECK(ben.handshake(soon).accepted());
}

namespace {
// One address fails until it is barred.
void fails_too_often() {
    office<eight> at{2};
    const person mallory{"mallory"};
    const auto before = at.visit(at.staff[1], hostile);
    REQUIRE(before);
    const wire::deadline until{soon};
    while (at.context->count(ih::reason::address_barred) == 0 && !until.passed())
        CHECK(at.visit(mallory, hostile) == nullptr);
    REQUIRE(at.context->count(ih::reason::address_barred) != 0);
    // Until the bar is a second or two: each further failure doubles it, and whoever is dropped does not fail.
    const auto kept_out = [&] {
        const auto line = wire::connection::attempt(at.port, hostile, 50ms);
        if (!line) return true; // by the kernel
        (void)at.visit(mallory, hostile);
        return at.context->gate() != ih::gate_kind::filter && at.context->count(ih::reason::refused_too_fast) != 0;
    };
    CHECK(wire::eventually(kept_out, soon));
    // Nobody else notices, and neither do connections that it has.
    const auto start = steady_clock::now();
    CHECK(at.visit(at.staff[0], honest));
    CHECK(steady_clock::now() - start < 1s);
    CHECK(before->send("still here"));
    CHECK(wire::eventually([&] { return at.hears(at.staff[1].name); }, soon));
    // It is not banished.
    CHECK(wire::eventually([&] { return at.visit(at.staff[0], hostile, 1s) != nullptr; }, 30s));
}
} // namespace

TEST_CASE("an address that fails too often has to wait, and others do not", "[wire][T3.2]") {
    const wire::without_net_admin unprivileged;
    fails_too_often();
}
TEST_CASE("where the kernel permits it, an address that fails too often is kept out there", "[wire][T3.2]") {
    fails_too_often();
}

TEST_CASE("thousands of decisions are a few events", "[wire][T3.2]") {
    const wire::without_net_admin unprivileged; // what the kernel drops is not decided here
    office<eight> at{1, {.newcomers = 50_per_s}};
    const auto start = steady_clock::now();
    std::vector<wire::connection> silent;
    for (int n = 0; n != 1'000; ++n)
        if (auto line = wire::connection::attempt(at.port, hostile, 2s)) silent.push_back(std::move(*line));
    REQUIRE(counted(*at.context, ih::reason::refused_too_fast, 700));
    const auto seconds = std::chrono::duration<double>(steady_clock::now() - start).count();
    CHECK(static_cast<double>(at.events.of(ih::reason::refused_too_fast).size()) <= seconds + 2);
}

TEST_CASE("the table forgets who has left, and keeps no descriptor of them", "[wire][T3.1][B4]") {
    office<eight> at{1, {.newcomers = 10'000_per_s}};
    const auto first = at.visit(at.staff[0], honest);
    REQUIRE(first);
    const std::size_t before = wire::open_descriptors(::getpid());
    for (int n = 0; n != 300; ++n) {
        const auto guest = at.visit(at.staff[0], honest, soon);
        REQUIRE(wire::eventually(
            [&] {
                return at.context->count(ih::reason::disconnected) + at.context->count(ih::reason::refused_per_key) >=
                       static_cast<std::uint64_t>(n);
            },
            soon));
    }
    CHECK(wire::eventually([&] { return wire::open_descriptors(::getpid()) <= before; }, soon));
    CHECK(at.visit(at.staff[0], honest));
}

TEST_CASE("more than a handshake before the handshake is over ends it", "[wire][T4.1][B1]") {
    constexpr ih::inbound large{.peers = 4_peers, .queue = 2_messages, .frames = 1_frames, .frame = 1_MiB};
    office<large> at{1};
    for (int n = 0; n != 8; ++n) {
        auto line = wire::connection::attempt(at.port, hostile, 2s);
        REQUIRE(line);
        wire::curve_client eve{std::move(*line), at.script(at.staff[0])};
        REQUIRE(eve.greet(2s));
        // A command of the largest size there is, a piece at a time.
        const wire::bytes piece(16 * 1024, std::uint8_t{4});
        const wire::bytes head{0x06, 0, 0, 0, 0, 0, 0x0F, 0, 0};
        (void)eve.tcp().send_all(head, 1s);
        const wire::deadline until{soon};
        while (!until.passed() && eve.tcp().send_all(piece, 1s) && !eve.tcp().closed_by_peer(10ms)) {}
        CHECK(eve.tcp().ended());
    }
    CHECK(at.context->count(ih::reason::cut_long_handshake) >= 1);
    CHECK(at.visit(at.staff[0], honest));
}

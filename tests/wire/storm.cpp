// SPDX-License-Identifier: MIT
// ctest: serial
// ctest: label siege
// ctest: timeout 180

/// \file
/// Thousands of connections at once against a process with 1,024 descriptors: the reserve stays free, whoever is honest
/// is served meanwhile, and once the storm is over it costs nothing. And a thousand quiet, served connections cost
/// nothing either.

#include "catch.hpp"

#include "support/house.hpp"
#include "support/process.hpp"
#include "support/siege.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace house;
using std::chrono::steady_clock;

constexpr std::size_t victims_descriptors = 1024;
constexpr std::size_t reserve = 64;
constexpr std::size_t storm_size = 5'000;
constexpr auto storm_time = 2'000ms;

inline constexpr ih::inbound widest{.peers = 2'000_peers, .queue = 8_messages, .frames = 4_frames, .frame = 256_B};
inline constexpr ih::outbound widest_out{.peers = 2'000_peers, .queue = 8_messages, .frames = 4_frames, .frame = 256_B};

/// Answers every request.
int desk(const people& who, std::int64_t places, ih::admission_limits admission) {
    const wire::without_net_admin unprivileged;
    ih::context context{{.admission = admission}};
    siege::orders told;
    siege::ledger book;
    ih::duplex limits{.in = widest, .out = widest_out};
    limits.in.peers = limits.out.peers = ih::peers::from_config(places);
    ih::socket<ih::rep, ih::duplex{.in = widest, .out = widest_out}, ih::curve_server> socket{context, who.serving(),
                                                                                              limits};
    socket.bind("tcp://127.0.0.1:*");
    siege::tell("port " + std::to_string(house::port_of(socket)));
    decltype(socket)::message m;
    while (!told.over()) {
        if (told.asked()) siege::report(context, book);
        if (socket.receive(m, 100ms) != ih::receive_status::received) continue;
        book.note(m.sender(), m[m.size() - 1].text());
        decltype(socket)::message back;
        if (!back.add("ok") || socket.send(back, 0ms) != ih::send_status::queued) return 2;
    }
    return 0;
}

// --- the storm --------------------------------------------------------------------------------------------------------

enum class manner { silent, greeting, hello };

/// What such a newcomer sends, once and for all: a HELLO may be repeated.
wire::bytes opening(const people& who, manner how) {
    wire::bytes all;
    if (how == manner::silent) return all;
    wire::append(all, wire::greeting{.mechanism = "CURVE"}.encode());
    if (how == manner::greeting) return all;
    wire::listener mirror;
    wire::curve_client eve{wire::connection::to(mirror.port()), who.script(who.mallory, "REQ")};
    auto other = mirror.accept(soon);
    if (!eve.send_hello() || !other) throw wire::broken_setup{"no HELLO to copy"};
    const auto hello = other->receive_exactly(202);
    if (!hello) throw wire::broken_setup{"no HELLO to copy"};
    wire::append(all, *hello);
    return all;
}

/// Where a storm comes from, and who it meets.
struct weather {
    const char* what;
    manner how;
    std::size_t addresses = 3;
    std::int64_t places = 100; ///< .peers of the victim
    std::size_t size = storm_size;
};

/// One of so many addresses: three in two neighbourhoods, or each in a neighbourhood of its own.
std::string address(const weather& of, std::size_t n) {
    const char* const few[] = {"127.0.0.66", "127.0.0.67", "127.0.1.66"};
    if (of.addresses <= 3) return few[n % of.addresses];
    const std::size_t which = n % of.addresses;
    return "127." + std::to_string(1 + which / 250) + '.' + std::to_string(1 + which % 250) + ".66";
}

/// Opens that many connections evenly over that time, and keeps them until it is told to end.
int storming(const people& who, std::uint16_t port, const weather& of) {
    const wire::bytes words = opening(who, of.how);
    const sockaddr_in there = wire::detail::loopback("127.0.0.1", port);
    struct line {
        wire::descriptor fd;
        bool said = false;
    };
    std::deque<line> open;
    std::size_t begun = 0, failed = 0, spoke = 0;
    const auto start = steady_clock::now();
    siege::tell("begun");
    while (steady_clock::now() - start < storm_time + 500ms) {
        const auto passed = std::min<steady_clock::duration>(steady_clock::now() - start, storm_time);
        const auto due =
            static_cast<std::size_t>(static_cast<double>(of.size) * std::chrono::duration<double>(passed).count() /
                                     std::chrono::duration<double>(storm_time).count());
        for (; begun < due; ++begun) {
            wire::descriptor fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
            const sockaddr_in here = wire::detail::loopback(address(of, begun).c_str(), 0);
            if (!fd.open() || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0 ||
                (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there) != 0 &&
                 errno != EINPROGRESS)) {
                ++failed;
                continue;
            }
            open.push_back({std::move(fd), words.empty()});
        }
        for (auto& each : open) {
            if (each.said) continue;
            const auto n = ::send(each.fd.get(), words.data(), words.size(), MSG_NOSIGNAL);
            each.said = n == static_cast<ssize_t>(words.size()) || (n < 0 && errno != EAGAIN);
            spoke += n > 0 ? 1 : 0;
        }
        (void)::poll(nullptr, 0, 2);
    }
    siege::tell("over " + std::to_string(begun - failed) + ' ' + std::to_string(spoke));
    char word = 0;
    (void)!::read(STDIN_FILENO, &word, 1);
    return 0;
}

/// How long a newcomer waits for its first answer; more than `patience` when none comes.
std::chrono::microseconds visit(const people& who, const person& as, std::uint16_t port,
                                std::chrono::milliseconds patience) {
    const auto start = steady_clock::now();
    siege::honest_peer peer{who, as, ZMQ_REQ, port};
    const bool answered = peer.send(patience) && peer.receive(patience);
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - start);
    return answered ? took : took + patience;
}

void weathers(const weather& of) {
    const people who;
    siege::victim server{[&] { return desk(who, of.places, {}); }, {.descriptors = victims_descriptors}};
    REQUIRE(visit(who, who.ann, server.port(), soon) < soon);
    // Whoever has just left is forgotten at once, or almost.
    std::size_t calm = server.descriptors();
    (void)wire::eventually(
        [&] {
            calm = std::min(calm, server.descriptors());
            return false;
        },
        300ms);

    auto eves = wire::child::running([&] { return storming(who, server.port(), of); }, {.descriptors = 8'192});
    REQUIRE(eves.read_line_with("begun", soon));
    std::atomic<bool> watching{true};
    std::size_t most = 0, samples = 0;
    steady_clock::duration late{}; // how long this process had to wait for a processor
    std::thread watch{[&] {
        while (watching) {
            most = std::max(most, server.descriptors());
            ++samples;
            const auto asleep = steady_clock::now();
            (void)::poll(nullptr, 0, 5);
            late = std::max(late, steady_clock::now() - asleep - 5ms);
        }
    }};
    // Newcomers one after the other, for as long as it lasts.
    std::vector<std::chrono::microseconds> waited;
    const wire::deadline over{storm_time};
    for (int n = 0; !over.passed(); ++n)
        waited.push_back(visit(who, n % 2 == 0 ? who.ann : who.ben, server.port(), 3s));
    const auto done = eves.read_line_with("over", soon);
    const auto ended = steady_clock::now();
    const bool alive = server.alive();
    // The storm's connections are all still there, from its side.
    (void)wire::never([&] { return !server.alive(); }, 1'500ms);
    const auto used_before = siege::processor_time(server.pid());
    const auto from = steady_clock::now();
    (void)wire::never([&] { return !server.alive(); }, 2s);
    const auto used = siege::processor_time(server.pid()) - used_before;
    const double share =
        std::chrono::duration<double>(used).count() / std::chrono::duration<double>(steady_clock::now() - from).count();
    watching = false;
    watch.join();
    const auto said = server.report();
    eves.kill();
    const bool back = wire::eventually([&] { return server.descriptors() <= calm; }, soon);
    const auto longest = *std::max_element(waited.begin(), waited.end());
    std::printf(
        "storm, %s: %s connections; descriptors: calm %zu, most %zu of %zu (%zu samples), after %zu; honest: %zu "
        "came, longest wait %.0f ms; processor %.1f s after: %.2f %%; "
        "late by %.0f ms\n",
        of.what, done ? done->c_str() : "?", calm, most, victims_descriptors, samples, server.descriptors(),
        waited.size(), static_cast<double>(longest.count()) / 1000, std::chrono::duration<double>(from - ended).count(),
        share * 100, std::chrono::duration<double, std::milli>(late).count());
    for (const char* const why : {"evicted_half_open", "refused_too_fast", "refused_full", "refused_descriptors",
                                  "handshake_failed", "client_admitted", "sentry_failed"})
        std::printf("  %s %" PRIu64 "\n", why, siege::figure(said, why));
    std::fflush(stdout);
    REQUIRE(done);
    CHECK(alive);
    CHECK(server.alive());
    CHECK(most <= victims_descriptors - reserve);
    // Times say something of the server where others leave it a processor.
    if (late < 100ms) CHECK(longest < 1s);
    if (late < 100ms && siege::measurable) CHECK(share < 0.05);
    CHECK(back);
    CHECK(siege::figure(said, "sentry_failed") == 0);
    CHECK(siege::figure(said, "evicted_half_open") + siege::figure(said, "refused_too_fast") >= of.size / 5);
    // And it serves as before.
    CHECK(visit(who, who.ann, server.port(), soon) < 1s);
}

/// Goes through the handshake that many times, and then says nothing more.
int idling(const people& who, std::uint16_t port, int many) {
    std::vector<std::unique_ptr<wire::curve_client>> all;
    for (int n = 0; n != many; ++n) {
        auto line = wire::connection::attempt(port, n % 2 == 0 ? "127.0.0.66" : "127.0.0.67", 5s);
        if (!line) continue;
        auto one = std::make_unique<wire::curve_client>(std::move(*line), who.script(who.eve, "REQ"));
        if (one->handshake(5s).accepted()) all.push_back(std::move(one));
    }
    siege::tell("idle " + std::to_string(all.size()));
    char word = 0;
    (void)!::read(STDIN_FILENO, &word, 1);
    return 0;
}

} // namespace

TEST_CASE("a storm of silent connections", "[wire][T3.1][B4]") { weathers({"silent", manner::silent}); }
// [plain]: these are the same with the runtime.
TEST_CASE("a storm of greetings", "[wire][T3.1][B4][plain]") { weathers({"greeting", manner::greeting}); }
TEST_CASE("a storm of HELLOs", "[wire][T3.1][B4][plain]") { weathers({"hello", manner::hello}); }
TEST_CASE("a storm from a thousand addresses, none of which comes too fast", "[wire][T3.1][B4][plain]") {
    weathers({"silent, from everywhere", manner::silent, 1'000});
    // Each HELLO costs libzmq a third of a millisecond, whoever sends it: 2,500 a second are more than a core computes.
    weathers({"hello, from everywhere", manner::hello, 1'000, 100, 1'200});
}
TEST_CASE("a storm for which there are more places than descriptors", "[wire][T3.1][B4]") {
    weathers({"silent, 1,000 places", manner::silent, 1'000, 1'000});
    weathers({"hello, 1,000 places", manner::hello, 1'000, 1'000, 1'200});
}

TEST_CASE("a thousand quiet connections cost next to nothing", "[wire][T3.1]") {
    constexpr int many = 1'000;
    const people who;
    siege::victim server{[&] { return desk(who, 1'100, {.per_key = 1'100_peers, .newcomers = 10'000_per_s}); },
                         {.descriptors = 4'096}};
    REQUIRE(visit(who, who.ann, server.port(), soon) < soon);
    const std::size_t calm = server.descriptors();
    auto eves = wire::child::running([&] { return idling(who, server.port(), many); }, {.descriptors = 2'048});
    const auto there = eves.read_line_with("idle", 60s);
    REQUIRE(there);
    CHECK(*there == "idle 1000");
    // Its last handshakes have been dealt with.
    (void)wire::never([&] { return !server.alive(); }, 1s);
    const auto before = siege::processor_time(server.pid());
    const auto from = steady_clock::now();
    (void)wire::never([&] { return !server.alive(); }, 3s);
    const double used = std::chrono::duration<double>(siege::processor_time(server.pid()) - before).count();
    const double share = used / std::chrono::duration<double>(steady_clock::now() - from).count();
    std::printf("1,000 quiet connections: %.3f %% of a core, the whole process; %zu descriptors, %zu before\n",
                share * 100, server.descriptors(), calm);
    std::fflush(stdout);
    if (siege::measurable) CHECK(share <= 0.005);
    CHECK(visit(who, who.ann, server.port(), soon) < 1s);
    eves.kill();
    CHECK(wire::eventually([&] { return server.descriptors() <= calm; }, soon));
}

// SPDX-License-Identifier: MIT
// ctest: serial
// ctest: timeout 240

/// \file
/// Real CURVE sockets, filled to their limits by accepted peers: what the process grows by is at most what memory_ceiling
/// and guard_slack say, and not so little that the ceiling says nothing. Victim and peers live in processes of their own.

#include "catch.hpp"

#include "support/house.hpp"
#include "support/process.hpp"

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>
#include <zmq.h>

#if defined(__SANITIZE_ADDRESS__)
#define IRONHOUSE_TEST_MEMORY_IS_PADDED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IRONHOUSE_TEST_MEMORY_IS_PADDED 1
#endif
#endif

namespace {

using namespace house;

/// The sockets' types allow this; each test asks for less at run time.
inline constexpr ih::inbound widest_in{
    .peers = 64_peers, .queue = 1'000'000_messages, .frames = 4_frames, .frame = 1_MiB};
inline constexpr ih::outbound widest_out{
    .peers = 64_peers, .queue = 1'000'000_messages, .frames = 4_frames, .frame = 1_MiB};

/// One filling: the limits, and the frames that peers send.
struct filling {
    std::int64_t peers;
    std::int64_t queue;
    std::int64_t frames;
    std::int64_t limit; // bytes of one frame
    std::size_t frame;  // bytes of the frames sent
};

template <class Limits> Limits limits(const filling& f) {
    return {.peers = ih::peers::from_config(f.peers),
            .queue = ih::messages::from_config(f.queue),
            .frames = ih::frames::from_config(f.frames),
            .frame = ih::bytes::from_config(f.limit)};
}

void tell(const char* what, std::uint64_t number = 0, std::uint64_t second = 0) {
    std::printf("%s %" PRIu64 " %" PRIu64 "\n", what, number, second);
    std::fflush(stdout);
}

/// Waits for the test's word; false when there is none to come. The line goes to `said`.
bool told(std::string* said = nullptr) {
    char word = 0;
    while (::read(STDIN_FILENO, &word, 1) == 1) {
        if (word == '\n') return true;
        if (said != nullptr) *said += word;
    }
    return false;
}

/// The number after the word in "word 12 34".
std::uint64_t number_in(const std::string& line, int which = 0) {
    const char* at = line.c_str() + std::min(line.find(' '), line.size());
    char* end = nullptr;
    std::uint64_t value = 0;
    for (int i = 0; i <= which; ++i, at = end) value = std::strtoull(at, &end, 10);
    return value;
}

// --- the peers: raw libzmq with keys that are let in ------------------------------------------------------------------

class crowd {
public:
    crowd(const people& who, int type, const filling& f) : context_{zmq_ctx_new()} {
        for (std::int64_t i = 0; i != f.peers; ++i) {
            void* const s = zmq_socket(context_, type);
            const auto set = [&](int option, int value) { zmq_setsockopt(s, option, &value, sizeof value); };
            const auto key = [&](int option, const wire::curve_key& k) {
                zmq_setsockopt(s, option, k.data(), k.size());
            };
            set(ZMQ_LINGER, 0);
            set(ZMQ_SNDHWM, 2);
            set(ZMQ_RCVHWM, 2);
            set(ZMQ_SNDBUF, 64 * 1024);
            set(ZMQ_RCVBUF, 64 * 1024);
            if (type == ZMQ_SUB) zmq_setsockopt(s, ZMQ_SUBSCRIBE, "", 0);
            const person& as = i % 2 == 0 ? who.eve : who.ben;
            key(ZMQ_CURVE_PUBLICKEY, as.keys.public_key);
            key(ZMQ_CURVE_SECRETKEY, as.keys.secret_key);
            key(ZMQ_CURVE_SERVERKEY, who.server.keys.public_key);
            sockets_.push_back(s);
        }
    }
    crowd(const crowd&) = delete;
    crowd& operator=(const crowd&) = delete;
    ~crowd() {
        for (void* const s : sockets_) zmq_close(s);
        zmq_ctx_term(context_);
    }
    void connect(const std::string& endpoint) const {
        for (void* const s : sockets_) zmq_connect(s, endpoint.c_str());
    }
    /// Sends until nobody has been able to for a while. \return messages sent.
    std::uint64_t flood(const filling& f, const wire::deadline& until) const {
        const std::string body(f.frame, 'x');
        std::vector<std::int64_t> next(sockets_.size(), 0); // the frame each one goes on with
        std::uint64_t sent = 0;
        auto progress = std::chrono::steady_clock::now();
        // Less than the queues must take is no end yet, only a busy machine.
        const auto must = static_cast<std::uint64_t>(f.peers * f.queue);
        while (!until.passed() && std::chrono::steady_clock::now() - progress < (sent < must ? 10'000ms : 400ms)) {
            bool any = false;
            for (std::size_t i = 0; i != sockets_.size(); ++i) {
                for (int burst = 0; burst != 64; ++burst) {
                    const bool more = next[i] + 1 < f.frames;
                    if (zmq_send(sockets_[i], body.data(), body.size(), ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) < 0)
                        break;
                    next[i] = more ? next[i] + 1 : 0;
                    sent += more ? 0 : 1;
                    any = true;
                }
            }
            if (any) {
                progress = std::chrono::steady_clock::now();
            } else {
                zmq_pollitem_t items[64] = {};
                for (std::size_t i = 0; i != sockets_.size(); ++i) items[i] = {sockets_[i], 0, ZMQ_POLLOUT, 0};
                zmq_poll(items, static_cast<int>(sockets_.size()), 50);
            }
        }
        return sent;
    }

private:
    void* context_;
    std::vector<void*> sockets_;
};

/// Peers that send as much as is taken, then wait.
int flooding(const people& who, const filling& f, std::uint16_t port) {
    const crowd eves{who, ZMQ_PUSH, f};
    eves.connect("tcp://127.0.0.1:" + std::to_string(port));
    tell("full", eves.flood(f, 60s));
    (void)told();
    return 0;
}

/// Peers that take nothing.
int stalling(const people& who, const filling& f, int type, std::uint16_t port) {
    const crowd eves{who, type, f};
    eves.connect("tcp://127.0.0.1:" + std::to_string(port));
    tell("there");
    (void)told();
    return 0;
}

// --- the victims ------------------------------------------------------------------------------------------------------

/// Reads nothing until it is told to, then everything.
int sink(const people& who, const filling& f) {
    ih::context context{{.admission = {.per_key = ih::peers::from_config(64)}}};
    ih::socket<ih::pull, widest_in, ih::curve_server> sink{context, who.serving(), limits<ih::inbound>(f)};
    sink.bind("tcp://127.0.0.1:*");
    tell("port", house::port_of(sink));
    std::string order;
    if (!told(&order)) return 1;
    const std::uint64_t sent = number_in(order);
    decltype(sink)::message m;
    std::uint64_t received = 0;
    const wire::deadline until{60s};
    // What was stopped comes on when TCP asks again, which may be seconds later. Nothing surfaces where all of it breaks a
    // rule. And when all has come, nothing more does.
    for (std::uint64_t before = 0; !until.passed();) {
        const bool all = received + sink.dropped() >= sent;
        if (sink.receive(m, all ? 200ms : 5s) == ih::receive_status::received) ++received;
        if (received + sink.dropped() == before) break;
        before = received + sink.dropped();
    }
    tell("drained", received, sink.dropped());
    return told() ? 0 : 1;
}

/// Sends until nothing is taken any more; a publisher, which never waits, until all have fallen behind and then some.
template <class Pattern> int source(const people& who, const filling& f) {
    ih::context context{{.admission = {.per_key = ih::peers::from_config(64)}}};
    ih::socket<Pattern, widest_out, ih::curve_server> source{context, who.serving(), limits<ih::outbound>(f)};
    source.bind("tcp://127.0.0.1:*");
    tell("port", house::port_of(source));
    if (!told()) return 1;
    typename decltype(source)::message m;
    const std::string body(f.frame, 'x');
    std::uint64_t sent = 0;
    const wire::deadline until{60s};
    for (std::int64_t extra = f.queue / 4 + 100; extra != 0 && !until.passed();) {
        while (m.size() != static_cast<std::size_t>(f.frames))
            if (!m.add(body)) return 2;
        const bool must = sent < static_cast<std::uint64_t>(f.peers * f.queue); // or it is only a busy machine
        const auto status = source.send(m, must ? 10'000ms : 400ms);
        if (status == ih::send_status::full) break;
        if (status != ih::send_status::queued) return 3;
        ++sent;
        if (source.fell_behind() != 0) --extra;
    }
    tell("full", sent, source.fell_behind());
    return told() ? 0 : 1;
}

// --- measuring --------------------------------------------------------------------------------------------------------

[[nodiscard]] wire::child_options bounded() { return {.address_space = 6ULL << 30U}; }

#ifdef IRONHOUSE_TEST_MEMORY_IS_PADDED
constexpr bool measurable = false;
#else
constexpr bool measurable = true;
#endif

constexpr double mebibyte = 1024.0 * 1024.0;

/// Compares what a victim grew by with what its limits allow.
template <class Limits> void judge(const char* what, const filling& f, std::uint64_t peak, std::uint64_t settled) {
    const auto l = limits<Limits>(f);
    const auto ceiling = static_cast<std::uint64_t>(ih::memory_ceiling(l).count());
    const auto slack = static_cast<std::uint64_t>(ih::guard_slack(l).count());
    std::printf("%-9s %2" PRId64 " peers x %6" PRId64 " messages x %" PRId64 " frames of %7zu bytes (limit %7" PRId64
                "): ceiling %6.1f MiB, peak %6.1f, settled %6.1f, ratio %.2f\n",
                what, f.peers, f.queue, f.frames, f.frame, f.limit, static_cast<double>(ceiling) / mebibyte,
                static_cast<double>(peak) / mebibyte, static_cast<double>(settled) / mebibyte,
                static_cast<double>(peak) / static_cast<double>(ceiling));
    std::fflush(stdout);
    CAPTURE(ceiling, slack, peak, settled);
    CHECK(peak <= ceiling + slack);
    if (ceiling >= (64U << 20U)) CHECK(settled >= ceiling / 4);
}

[[nodiscard]] std::uint64_t above(std::uint64_t value, std::uint64_t base) { return value > base ? value - base : 0; }

/// Fills a PULL server that does not read, then lets it read: `dropped` says whether all of it breaks the limits.
void fill_inbound(const filling& f, bool dropped = false) {
    if (!measurable) return;
    const people who;
    auto victim = wire::child::running([&] { return sink(who, f); }, bounded());
    const auto ready = victim.read_line_with("port", soon);
    REQUIRE(ready);
    const auto port = static_cast<std::uint16_t>(number_in(*ready));
    const std::uint64_t before = wire::resident_bytes(victim.pid());
    REQUIRE(wire::reset_peak(victim.pid()));

    auto eves = wire::child::running([&] { return flooding(who, f, port); }, bounded());
    const auto full = eves.read_line_with("full", 90s);
    REQUIRE(full);
    const std::uint64_t sent = number_in(*full);
    REQUIRE(victim.alive());
    CHECK(sent >= static_cast<std::uint64_t>(f.peers * f.queue));
    const std::uint64_t settled = above(wire::resident_bytes(victim.pid()), before);
    judge<ih::inbound>(dropped ? "dropped" : "inbound", f, above(wire::peak_resident_bytes(victim.pid()), before),
                       settled);

    REQUIRE(victim.write_line("read " + std::to_string(sent)));
    const auto drained = victim.read_line_with("drained", 90s);
    REQUIRE(drained);
    CHECK(number_in(*drained, 0) == (dropped ? 0 : sent));
    CHECK(number_in(*drained, 1) == (dropped ? sent : 0));
    // Reading while it still came did not make it more either.
    const auto l = limits<ih::inbound>(f);
    const auto most = static_cast<std::uint64_t>(ih::memory_ceiling(l).count() + ih::guard_slack(l).count());
    CHECK(above(wire::peak_resident_bytes(victim.pid()), before) <= most);
    REQUIRE(victim.write_line("end"));
    const auto ended = victim.wait(soon);
    REQUIRE(ended);
    CHECK(ended->text() == "exit code 0");
}

/// Fills a bound sender whose peers take nothing.
template <class Pattern> void fill_outbound(const filling& f) {
    if (!measurable) return;
    constexpr bool publishes = std::is_same_v<Pattern, ih::pub>;
    const people who;
    auto victim = wire::child::running([&] { return source<Pattern>(who, f); }, bounded());
    const auto ready = victim.read_line_with("port", soon);
    REQUIRE(ready);
    const auto port = static_cast<std::uint16_t>(number_in(*ready));
    const std::uint64_t before = wire::resident_bytes(victim.pid());
    REQUIRE(wire::reset_peak(victim.pid()));
    auto eves = wire::child::running([&] { return stalling(who, f, publishes ? ZMQ_SUB : ZMQ_PULL, port); }, bounded());
    REQUIRE(eves.read_line_with("there", soon));
    // Each peer has a socket of its own in the victim, once it has come.
    const std::size_t alone = wire::open_descriptors(victim.pid());
    (void)wire::eventually(
        [&] { return wire::open_descriptors(victim.pid()) >= alone + static_cast<std::size_t>(f.peers); },
        std::chrono::seconds{1});
    REQUIRE(victim.write_line("send"));
    const auto full = victim.read_line_with("full", 90s);
    REQUIRE(full);
    const std::uint64_t settled = above(wire::resident_bytes(victim.pid()), before);
    judge<ih::outbound>(publishes ? "publisher" : "outbound", f, above(wire::peak_resident_bytes(victim.pid()), before),
                        settled);
    if (publishes) CHECK(number_in(*full, 1) >= 1);
    REQUIRE(victim.write_line("end"));
    eves.kill(); // nobody to linger for
    const auto ended = victim.wait(soon);
    REQUIRE(ended);
    CHECK(ended->text() == "exit code 0");
}

} // namespace

TEST_CASE("a receiver flooded with small messages stays within its ceiling", "[wire][M2.2][M2.4][T1.1]") {
    fill_inbound({.peers = 4, .queue = 30'000, .frames = 1, .limit = 64, .frame = 64});
    fill_inbound({.peers = 4, .queue = 8'000, .frames = 4, .limit = 64, .frame = 64});
}
TEST_CASE("a receiver flooded with middle messages stays within its ceiling", "[wire][M2.2][M2.4][T1.1]") {
    fill_inbound({.peers = 4, .queue = 5'000, .frames = 1, .limit = 4096, .frame = 4096});
    fill_inbound({.peers = 8, .queue = 800, .frames = 4, .limit = 4096, .frame = 4096});
}
TEST_CASE("a receiver flooded with large messages stays within its ceiling", "[wire][M2.2][M2.4][T1.1]") {
    fill_inbound({.peers = 4, .queue = 32, .frames = 1, .limit = 1 << 20, .frame = 1 << 20});
    fill_inbound({.peers = 4, .queue = 8, .frames = 4, .limit = 1 << 20, .frame = 1 << 20});
}
TEST_CASE("a receiver flooded with frames that libzmq lets in above a small limit drops them all within its ceiling",
          "[wire][T4.1][M2.4]") {
    fill_inbound({.peers = 4, .queue = 30'000, .frames = 1, .limit = 64, .frame = 514}, true);
    fill_inbound({.peers = 4, .queue = 8'000, .frames = 4, .limit = 64, .frame = 514}, true);
}
TEST_CASE("a short queue and a small ceiling are kept as well", "[wire][M2.2][M2.4][T1.1]") {
    fill_inbound({.peers = 16, .queue = 2, .frames = 1, .limit = 1024, .frame = 1024});
    fill_inbound({.peers = 16, .queue = 100, .frames = 4, .limit = 1024, .frame = 1024});
}
TEST_CASE("a sender with stalled receivers stays within its ceiling", "[wire][M2.3][M2.4][T1.1][T2.1]") {
    fill_outbound<ih::push>({.peers = 4, .queue = 100'000, .frames = 1, .limit = 64, .frame = 64});
    fill_outbound<ih::push>({.peers = 4, .queue = 25'000, .frames = 4, .limit = 64, .frame = 64});
    fill_outbound<ih::push>({.peers = 4, .queue = 5'000, .frames = 1, .limit = 4096, .frame = 4096});
    fill_outbound<ih::push>({.peers = 8, .queue = 800, .frames = 4, .limit = 4096, .frame = 4096});
    fill_outbound<ih::push>({.peers = 4, .queue = 32, .frames = 1, .limit = 1 << 20, .frame = 1 << 20});
    fill_outbound<ih::push>({.peers = 4, .queue = 8, .frames = 4, .limit = 1 << 20, .frame = 1 << 20});
}
TEST_CASE("a publisher with stalled subscribers stays within its ceiling, and says who fell behind",
          "[wire][M2.3][M2.4][T1.1][T2.1]") {
    fill_outbound<ih::pub>({.peers = 2, .queue = 200'000, .frames = 1, .limit = 64, .frame = 64});
    fill_outbound<ih::pub>({.peers = 2, .queue = 10'000, .frames = 1, .limit = 4096, .frame = 4096});
    fill_outbound<ih::pub>({.peers = 2, .queue = 16, .frames = 4, .limit = 1 << 20, .frame = 1 << 20});
}

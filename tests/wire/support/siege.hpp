// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A socket under siege in a process of its own: it keeps a ledger of what it received from whom, and how long that took,
/// and the test asks it for its figures. Honest peers number what they send and say when; hostile ones come back whenever
/// they are hung up on. Test support.

#include "bytes.hpp"
#include "curve.hpp"
#include "eventually.hpp"
#include "house.hpp"
#include "process.hpp"
#include "tcp.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <time.h>
#include <unistd.h>
#include <zmq.h>

namespace siege {

using namespace std::chrono_literals;

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool measurable = false; // memory is padded
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool measurable = false;
#else
inline constexpr bool measurable = true;
#endif
#else
inline constexpr bool measurable = true;
#endif

inline constexpr const char* hostile = "127.0.0.66";
inline constexpr const char* honest = "127.0.0.9";
inline constexpr double mebibyte = 1024.0 * 1024.0;
inline constexpr std::uint64_t attack_bytes = 64ULL << 20U;

/// How long an attack lasts; IRONHOUSE_ATTACK_SECONDS makes it longer.
inline std::chrono::milliseconds attack_time() {
    const char* const asked = std::getenv("IRONHOUSE_ATTACK_SECONDS");
    if (asked == nullptr) return std::chrono::milliseconds{600};
    return std::chrono::seconds{std::clamp(std::atoi(asked), 1, 60)};
}

/// The same clock in every process of this machine.
inline std::uint64_t microseconds() {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
            .count());
}

/// What nine of ten do not exceed; 0 for none.
inline std::uint64_t ninety_percent(std::vector<std::uint64_t> of) {
    if (of.empty()) return 0;
    std::sort(of.begin(), of.end());
    return of[of.size() * 9 / 10];
}

/// Processor time that a process has used, in all its threads; 0 when it is gone.
inline std::chrono::nanoseconds processor_time(pid_t pid) {
    clockid_t clock{};
    timespec used{};
    if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return {};
    return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

using figures = std::map<std::string, std::uint64_t, std::less<>>;

/// What `of` says about `what`; 0 when it says nothing.
inline std::uint64_t figure(const figures& of, std::string_view what) {
    const auto at = of.find(what);
    return at == of.end() ? 0 : at->second;
}
/// "name 1 other 2".
inline figures read_figures(const std::string& line) {
    figures said;
    const char* at = line.c_str();
    while (const char* const blank = std::strchr(at, ' ')) {
        char* next = nullptr;
        said[std::string{at, blank}] = std::strtoull(blank, &next, 10);
        at = *next == ' ' ? next + 1 : next;
    }
    return said;
}

// --- in the victim's process ------------------------------------------------------------------------------------------

/// What an honest message's last frame says.
inline std::string numbered(std::uint64_t number) {
    return std::to_string(number) + ':' + std::to_string(microseconds());
}

/// Messages by sender. An honest one's last frame is "number:microseconds", numbered from 1; who starts over at 1 is a new
/// one. Anything else is a stranger's.
class ledger {
public:
    void note(std::string_view from, std::string_view text) {
        std::uint64_t number = 0, sent = 0;
        const auto colon = text.find(':');
        const char* const end = text.data() + text.size();
        if (colon == text.npos ||
            std::from_chars(text.data(), text.data() + colon, number).ptr != text.data() + colon ||
            std::from_chars(text.data() + colon + 1, end, sent).ec != std::errc{}) {
            ++strange_;
            return;
        }
        page& of = pages_[from.empty() ? std::string{"server"} : std::string{from}];
        if (number != of.last + 1 && number != 1) ++of.gaps;
        if (number == 1) ++of.starts;
        of.last = number;
        ++of.received;
        of.took.push_back(microseconds() - sent);
    }
    /// The next message of one's own; "said" counts those that were sent.
    [[nodiscard]] std::string next() const { return numbered(said_ + 1); }
    void sent() { ++said_; }
    /// "ann 12 ann.last 12 ann.gaps 0 ann.starts 1 ann.p90 300 said 0 strange 0"; the times start over.
    [[nodiscard]] std::string say() {
        std::string all;
        for (auto& [name, of] : pages_) {
            all += name + ' ' + std::to_string(of.received) + ' ' + name + ".last " + std::to_string(of.last) + ' ' +
                   name + ".gaps " + std::to_string(of.gaps) + ' ' + name + ".starts " + std::to_string(of.starts) +
                   ' ' + name + ".p90 " + std::to_string(ninety_percent(std::move(of.took))) + ' ';
            of.took.clear();
        }
        return all + "said " + std::to_string(said_) + " strange " + std::to_string(strange_);
    }
    [[nodiscard]] figures read() { return read_figures(say()); }

private:
    struct page {
        std::uint64_t received = 0, last = 0, gaps = 0, starts = 0;
        std::vector<std::uint64_t> took{};
    };
    std::map<std::string, page> pages_;
    std::uint64_t said_ = 0, strange_ = 0;
};

/// What the test says on standard input, heard on a thread of its own.
class orders {
public:
    orders() {
        std::thread{[this] {
            std::string line;
            char c = 0;
            while (::read(STDIN_FILENO, &c, 1) == 1) {
                if (c != '\n') {
                    line += c;
                    continue;
                }
                if (line == "report") asked_ = true;
                if (line == "pause") paused_ = true;
                if (line == "resume") paused_ = false;
                if (const auto blank = line.find(' '); blank != line.npos) {
                    const std::lock_guard held{lock_};
                    moves_.push_back({line.substr(0, blank), line.substr(blank + 1)});
                }
                line.clear();
            }
            over_ = true;
        }}.detach();
    }
    [[nodiscard]] bool over() const { return over_; }
    [[nodiscard]] bool asked() { return asked_.exchange(false); }
    [[nodiscard]] bool paused() const { return paused_; }
    /// "connect" or "disconnect", and an endpoint.
    struct move {
        std::string what, endpoint;
    };
    [[nodiscard]] std::optional<move> next_move() {
        const std::lock_guard held{lock_};
        if (moves_.empty()) return std::nullopt;
        move next = std::move(moves_.front());
        moves_.pop_front();
        return next;
    }

private:
    std::atomic<bool> asked_{false}, paused_{false}, over_{false};
    std::mutex lock_;
    std::deque<move> moves_;
};

inline void tell(const std::string& line) {
    std::puts(line.c_str());
    std::fflush(stdout);
}

/// Answers "report": every counter of the context that is not zero, then the ledger.
inline void report(const house::ih::context& context, ledger& book) {
    std::string all = "report ";
    for (std::size_t i = 0; i != house::ih::reason_count; ++i) {
        const auto why = static_cast<house::ih::reason>(i);
        if (const auto n = context.count(why)) all += std::string{name(why)} + ' ' + std::to_string(n) + ' ';
    }
    tell(all + book.say());
}

// --- in the test's process --------------------------------------------------------------------------------------------

/// A victim's process: its first line is "port <number>".
class victim {
public:
    explicit victim(const std::function<int()>& body, const wire::child_options& bounds = {})
        : process_{wire::child::running(body, bounds)} {
        const auto ready = process_.read_line_with("port ", house::soon);
        if (!ready) throw wire::broken_setup{"the victim does not start"};
        port_ = static_cast<std::uint16_t>(std::strtoul(ready->c_str() + ready->find(' '), nullptr, 10));
        settle();
    }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] pid_t pid() const { return process_.pid(); }
    [[nodiscard]] bool alive() { return process_.alive(); }
    void pause() { (void)process_.write_line("pause"); }
    void resume() { (void)process_.write_line("resume"); }
    void connect(const std::string& endpoint) { (void)process_.write_line("connect " + endpoint); }
    void disconnect(const std::string& endpoint) { (void)process_.write_line("disconnect " + endpoint); }
    [[nodiscard]] figures report() {
        (void)process_.write_line("report");
        const auto line = process_.read_line_with("report ", house::soon);
        if (!line) throw wire::broken_setup{"the victim says nothing"};
        return read_figures(line->substr(7));
    }
    /// Memory is counted from here on.
    void settle() {
        (void)wire::reset_peak(pid());
        before_ = wire::resident_bytes(pid());
    }
    [[nodiscard]] std::uint64_t peak_growth() const { return above(wire::peak_resident_bytes(pid())); }
    [[nodiscard]] std::uint64_t growth() const { return above(wire::resident_bytes(pid())); }
    [[nodiscard]] std::size_t descriptors() const { return wire::open_descriptors(pid()); }

private:
    [[nodiscard]] std::uint64_t above(std::uint64_t bytes) const { return bytes > before_ ? bytes - before_ : 0; }

    wire::child process_;
    std::uint16_t port_ = 0;
    std::uint64_t before_ = 0;
};

/// Keeps to the rules, on plain libzmq, with a key and an address of its own: connects to the victim, or is what the victim
/// connects to.
class honest_peer {
public:
    struct habits {
        int heartbeat = 0;         ///< ZMQ_HEARTBEAT_IVL in milliseconds
        int queue = 1000;          ///< ZMQ_SNDHWM
        const char* from = honest; ///< its address
    };
    honest_peer(const house::people& who, const house::person& as, int type, std::uint16_t port)
        : honest_peer{who, as, type, port, habits{}} {}
    honest_peer(const house::people& who, const house::person& as, int type, std::uint16_t port, const habits& own)
        : honest_peer{type, own} {
        key(ZMQ_CURVE_PUBLICKEY, as.keys.public_key);
        key(ZMQ_CURVE_SECRETKEY, as.keys.secret_key);
        key(ZMQ_CURVE_SERVERKEY, who.server.keys.public_key);
        zmq_connect(socket_, ("tcp://" + std::string{own.from} + ":0;127.0.0.1:" + std::to_string(port)).c_str());
    }
    /// A server: whoever comes is let in.
    honest_peer(const house::people& who, int type) : honest_peer{type, habits{}} {
        set(ZMQ_CURVE_SERVER, 1);
        key(ZMQ_CURVE_SECRETKEY, who.server.keys.secret_key);
        if (zmq_bind(socket_, ("tcp://" + std::string{honest} + ":*").c_str()) != 0)
            throw wire::broken_setup{"the honest server cannot bind"};
    }
    honest_peer(const honest_peer&) = delete;
    honest_peer& operator=(const honest_peer&) = delete;
    ~honest_peer() {
        zmq_socket_monitor(socket_, nullptr, 0);
        zmq_close(events_);
        zmq_close(socket_);
        zmq_ctx_term(context_);
    }
    [[nodiscard]] std::string endpoint() const {
        char text[128] = {};
        std::size_t size = sizeof text;
        zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, text, &size);
        return text;
    }

    /// What comes before the numbered frame, and how long that one is at least.
    struct shape {
        std::size_t before = 0, size = 0, last = 0;
        std::vector<std::size_t> envelope{}; ///< frames before those, as proxies add them; behind them an empty one
    };
    /// Sends the next number. False when there is no room for so long.
    bool send(std::chrono::milliseconds patience) { return send(patience, shape{}); }
    bool send(std::chrono::milliseconds patience, const shape& as) {
        wait_at_most(ZMQ_SNDTIMEO, patience);
        for (const std::size_t size : as.envelope)
            if (!send_frame(std::string(size, 'e'), ZMQ_SNDMORE)) return false; // only the first can
        if (!as.envelope.empty() && !send_frame({}, ZMQ_SNDMORE)) return false;
        padding_.resize(as.size, 'x');
        for (std::size_t n = 0; n != as.before; ++n)
            if (!send_frame(padding_, ZMQ_SNDMORE)) return false;
        std::string text = numbered(sent_ + 1);
        text.resize(std::max(text.size(), as.last), ' ');
        if (!send_frame(text, 0)) return false;
        ++sent_;
        return true;
    }
    /// Takes one message, and notes it as the server's; false when none comes.
    bool receive(std::chrono::milliseconds patience, ledger* book = nullptr) {
        wait_at_most(ZMQ_RCVTIMEO, patience);
        char buffer[256];
        int more = 1;
        while (more != 0) {
            const int got = zmq_recv(socket_, buffer, sizeof buffer, 0);
            if (got < 0) return false;
            std::size_t size = sizeof more;
            zmq_getsockopt(socket_, ZMQ_RCVMORE, &more, &size);
            if (more == 0 && book != nullptr)
                book->note({}, {buffer, std::min(static_cast<std::size_t>(got), sizeof buffer)});
        }
        return true;
    }
    void subscribe(const std::string& topic, bool wanted) {
        zmq_setsockopt(socket_, wanted ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE, topic.data(), topic.size());
    }
    [[nodiscard]] std::uint64_t sent() const { return sent_; }
    /// How many of its connections have ended so far.
    [[nodiscard]] std::uint64_t times_cut() {
        char buffer[256];
        while (zmq_recv(events_, buffer, sizeof buffer, ZMQ_DONTWAIT) >= 0) {
            std::uint16_t what = 0;
            std::memcpy(&what, buffer, sizeof what);
            if (what == ZMQ_EVENT_DISCONNECTED) ++cut_;
            zmq_recv(events_, buffer, sizeof buffer, 0);
        }
        return cut_;
    }

private:
    honest_peer(int type, const habits& own) : context_{zmq_ctx_new()}, socket_{zmq_socket(context_, type)} {
        set(ZMQ_LINGER, 0);
        set(ZMQ_SNDHWM, own.queue);
        if (own.heartbeat != 0) {
            // An answer waits behind what the victim has not read yet.
            set(ZMQ_HEARTBEAT_IVL, own.heartbeat);
            set(ZMQ_HEARTBEAT_TIMEOUT, 60'000);
        }
        if (type == ZMQ_SUB) subscribe("", true);
        zmq_socket_monitor(socket_, "inproc://ends", ZMQ_EVENT_DISCONNECTED);
        events_ = zmq_socket(context_, ZMQ_PAIR);
        zmq_connect(events_, "inproc://ends");
    }
    void set(int option, int value) { zmq_setsockopt(socket_, option, &value, sizeof value); }
    void key(int option, const wire::curve_key& k) { zmq_setsockopt(socket_, option, k.data(), k.size()); }
    void wait_at_most(int option, std::chrono::milliseconds patience) {
        set(option, static_cast<int>(patience.count()));
    }
    bool send_frame(const std::string& body, int flags) {
        return zmq_send(socket_, body.data(), body.size(), flags) >= 0;
    }

    void* context_;
    void* socket_;
    void* events_ = nullptr;
    std::string padding_;
    std::uint64_t sent_ = 0, cut_ = 0;
};

// --- hostile peers ----------------------------------------------------------------------------------------------------

/// What somebody who was let in does with it.
struct assault {
    enum class how : std::uint8_t {
        endless,  ///< one message that never ends
        whole,    ///< messages
        topics,   ///< subscriptions, as messages that begin with 1
        commands, ///< subscriptions, as ZMTP 3.1 sends them
    };
    std::string type;      ///< its socket type
    std::size_t frame = 1; ///< payload of a frame, or what a topic is longer than its number
    how does = how::endless;
    std::vector<wire::bytes> opening{}; ///< frames before all others
    std::uint64_t bytes = attack_bytes; ///< on the line, by all of its connections together
    std::uint64_t rate = 0;             ///< of them in a second, about; 0: as fast as they are taken
};

/// How that went.
struct toll {
    std::uint64_t knocks = 0; ///< connections, whether it was let in or not
    std::uint64_t times = 0, bytes = 0;
};

/// One connection's worth of it: until the victim hangs up, or time or bytes are used up.
inline void strike(wire::curve_peer& eve, const assault& how, toll& so_far, const wire::deadline& until) {
    ++so_far.times;
    const std::uint64_t one = how.frame + 35;
    for (const wire::bytes& each : how.opening)
        if (!eve.send(each, true, until)) return;
    if (how.rate != 0) {
        while (so_far.bytes < how.bytes && !until.passed()) {
            const std::uint64_t part = std::max<std::uint64_t>(1, how.rate / 200 / one);
            const auto went = eve.send_burst({.frame = how.frame, .frames = part}, until);
            so_far.bytes += went * one;
            if (went != part || eve.tcp().closed_by_peer(5ms)) return;
        }
        return;
    }
    if (how.does == assault::how::endless || how.does == assault::how::whole) {
        so_far.bytes += one * eve.send_burst({.frame = how.frame,
                                              .frames = (how.bytes - so_far.bytes) / one,
                                              .wire_bytes = how.bytes - so_far.bytes,
                                              .unfinished = how.does == assault::how::endless},
                                             until);
        return;
    }
    for (std::uint64_t n = 0; so_far.bytes < how.bytes && !until.passed(); ++n) {
        const std::string topic =
            std::to_string(so_far.times) + '/' + std::to_string(n * 7919) + std::string(how.frame, 'x');
        if (how.does == assault::how::topics ? !eve.send('\1' + topic, false, until) : !eve.subscribe(topic, until))
            return;
        so_far.bytes += topic.size() + 36;
    }
}

/// Comes to a bound victim, and comes back whenever it was hung up on.
inline toll besiege(const house::people& who, std::uint16_t port, const assault& how, const wire::deadline& until,
                    int which = 0) {
    toll sum;
    while (!until.passed() && sum.bytes + how.frame + 36 <= how.bytes) {
        auto line = wire::connection::attempt(port, hostile, 1s);
        if (!line) continue;
        ++sum.knocks;
        wire::curve_client eve{std::move(*line), who.script(who.attacker(which), how.type)};
        if (eve.handshake(2s).accepted()) strike(eve, how, sum, until);
    }
    return sum;
}

/// The same as a server that a victim connects to.
inline toll ambush(const house::people& who, wire::listener& at, const assault& how, const wire::deadline& until) {
    toll sum;
    while (!until.passed() && sum.bytes + how.frame + 36 <= how.bytes) {
        auto line = at.accept(std::chrono::milliseconds{20});
        if (!line) continue;
        ++sum.knocks;
        wire::curve_server eve{std::move(*line), {.identity = who.server.keys, .socket_type = how.type}};
        if (eve.handshake(2s).accepted()) strike(eve, how, sum, until);
    }
    return sum;
}

} // namespace siege

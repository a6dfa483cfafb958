// SPDX-License-Identifier: MIT

/// \file
/// Connections in numbers: silent ones, slow ones, strangers' and those of one key. Each of them takes a descriptor, and
/// an honest newcomer needs one too. Gauntlet.

#include "attack_parts.hpp"
#include "lookout.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <sys/resource.h>

namespace gauntlet {

namespace {

using std::chrono::steady_clock;

constexpr auto attack_time = 3'500ms;
/// Descriptors that Ironhouse keeps free for the program; its default, which the program here leaves alone.
constexpr std::size_t reserve = 64;

/// What a crowd does.
struct habits {
    std::size_t at_a_time;                      ///< so many at once; who is hung up on comes back
    std::size_t in_all;                         ///< and no more than that altogether
    std::chrono::milliseconds within = 3'000ms; ///< the first of them arrive evenly within that time
    std::size_t neighbourhoods = 3;             ///< they come from
    wire::bytes words{};                        ///< what each says
    std::chrono::milliseconds drip{0};          ///< between two bytes of it; zero: all at once
};

/// Connections that never become a client. They come on a thread of their own, and stay until it ends.
class crowd {
public:
    crowd(std::uint16_t port, habits of) : there_{wire::detail::loopback("127.0.0.1", port)}, habits_{std::move(of)} {
        // Two programs are attacked by one process.
        rlimit own{};
        if (::getrlimit(RLIMIT_NOFILE, &own) == 0 && own.rlim_cur < 2 * habits_.at_a_time + 256)
            throw wire::broken_setup{fmt::format("the attack needs {} descriptors; raise the hard limit (ulimit -Hn)",
                                                 2 * habits_.at_a_time + 256)};
        hand_ = std::thread{[this] { press(); }};
    }
    crowd(const crowd&) = delete;
    crowd& operator=(const crowd&) = delete;
    ~crowd() {
        leaving_ = true;
        hand_.join();
    }
    /// How many came so far. Fewer than planned is no attack.
    [[nodiscard]] std::size_t came() const {
        if (came_ < habits_.at_a_time)
            throw wire::broken_setup{
                fmt::format("only {} of {} connections could be opened", came_.load(), habits_.at_a_time)};
        return came_;
    }

private:
    struct line {
        wire::descriptor fd;
        std::size_t said = 0;
        steady_clock::time_point next{};
    };

    void press() {
        const auto start = steady_clock::now();
        const double pace =
            static_cast<double>(habits_.at_a_time) / std::chrono::duration<double>(habits_.within).count();
        while (!leaving_) {
            const auto now = steady_clock::now();
            const auto due = static_cast<std::size_t>(pace * std::chrono::duration<double>(now - start).count());
            while (came_ < std::min(due, habits_.in_all) && lines_.size() < habits_.at_a_time && come()) {}
            std::erase_if(lines_, [&](line& each) { return !speak(each, now); });
            std::this_thread::sleep_for(2ms);
        }
    }
    bool come() {
        wire::descriptor fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
        const std::string from = fmt::format("127.0.{}.66", 10 + came_ % habits_.neighbourhoods);
        const sockaddr_in here = wire::detail::loopback(from.c_str(), 0);
        if (!fd.open() || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) return false;
        if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&there_), sizeof there_) != 0 && errno != EINPROGRESS)
            return false;
        lines_.push_back({std::move(fd), 0, steady_clock::now()});
        ++came_;
        return true;
    }
    /// False when the connection is over.
    bool speak(line& each, steady_clock::time_point now) const {
        if (each.said == habits_.words.size() || now < each.next) return true;
        const wire::view rest = wire::view{habits_.words}.part(each.said, habits_.drip == 0ms ? SIZE_MAX : 1);
        const ssize_t n = ::send(each.fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
        each.next = now + habits_.drip;
        if (n > 0) each.said += static_cast<std::size_t>(n);
        return n >= 0 || errno == EAGAIN || errno == EINTR;
    }

    sockaddr_in there_;
    habits habits_;
    std::vector<line> lines_; // of hand_ alone
    std::atomic<std::size_t> came_{0};
    std::atomic<bool> leaving_{false};
    std::thread hand_; // last: everything above exists when it starts
};

/// A greeting and a HELLO, as a client without any key can send them; both may be sent again and again.
wire::bytes hello(stage& s) {
    wire::listener mirror;
    wire::curve_client eve{wire::connection::to(mirror.port()),
                           {.server = wire::from_z85(s.keys().server().public_key)}};
    auto end = mirror.accept(2s);
    if (!end || !eve.send_hello(2s)) throw wire::broken_setup{"no HELLO to copy"};
    const auto sent = end->receive_exactly(eve.tcp().sent(), 2s);
    if (!sent) throw wire::broken_setup{"no HELLO to copy"};
    wire::bytes all = wire::greeting{.mechanism = "CURVE"}.encode();
    wire::append(all, *sent);
    return all;
}

/// The attack goes on for so long, or until the program is gone.
void let_pass(stage& s, std::chrono::milliseconds time) {
    (void)wire::never([&] { return !s.server().speaking(); }, time);
}

std::string free_and_wait(const lookout::findings& seen) {
    return fmt::format("{} free, {}", seen.least_free, seen.wait_in_words());
}

/// What a server owes to those who were not there when it began, and to its program.
bool open_to_newcomers(const lookout::findings& seen) { return seen.served_in_time() && seen.least_free >= reserve; }

outcome judge(stage& s, const lookout::findings& seen, std::size_t came) {
    const bool held = open_to_newcomers(seen);
    return s.conclude(
        {.held = held,
         .text = held ? fmt::format("{} newcomers get in beside {}", seen.waits.size(), came)
                      : fmt::format("{}; {}",
                                    seen.least_free == 0 ? std::string{"takes all in until no descriptor is left"}
                                                         : fmt::format("{} descriptors are left", seen.least_free),
                                    seen.complaint()),
         .figure = free_and_wait(seen)});
}

// --- strangers --------------------------------------------------------------------------------------------------------

outcome storm(stage& s, std::size_t many, wire::bytes words) {
    s.open();
    lookout watch{s};
    const crowd all{s.server().port(), {.at_a_time = many, .in_all = many, .words = std::move(words)}};
    let_pass(s, attack_time);
    return judge(s, watch.finish(), all.came());
}

} // namespace

outcome storm_silent(stage& s) { return storm(s, 3'000, {}); }
outcome storm_greeting(stage& s) { return storm(s, 3'000, wire::greeting{.mechanism = "CURVE"}.encode()); }
outcome storm_hello(stage& s) { return storm(s, 1'500, hello(s)); }

outcome descriptor_exhaustion(stage& s) {
    constexpr std::size_t many = 1'200;
    s.open();
    lookout watch{s};
    // From so many places that none of them comes too fast.
    const crowd idle{s.server().port(), {.at_a_time = many, .in_all = many, .within = 1'000ms, .neighbourhoods = 200}};
    let_pass(s, 1'500ms);
    // All have arrived: what the program does from here on is what idle connections cost.
    const busy_time busy{s.server()};
    const bool opens = s.server().opens_a_file();
    let_pass(s, 1'000ms);
    (void)idle.came();
    const double share = busy.share();
    const auto seen = watch.finish();
    const bool held = opens && open_to_newcomers(seen) && share < 0.5;
    return s.conclude(
        {.held = held,
         .text = held ? "opens its files, takes newcomers in, and sleeps"
                      : fmt::format("{}, takes {} in, and {}", opens ? "opens its files" : "cannot open a file",
                                    seen.all_served ? "newcomers" : "nobody", share < 0.5 ? "sleeps" : "spins"),
         .figure = fmt::format("{}, {:.0f} % CPU", free_and_wait(seen), share * 100)});
}

outcome handshake_flood(stage& s) {
    constexpr std::size_t most = 3'000;
    constexpr std::size_t hands = 2;
    // What an address may cost that nobody knows: as often as somebody may mistype, and then ever more rarely.
    constexpr std::size_t acceptable = 128;
    s.open();
    lookout watch{s};
    const busy_time busy{s.server()};
    std::atomic<std::size_t> tried{0};
    std::atomic<std::size_t> worked_through{0};
    {
        const auto start = steady_clock::now();
        std::vector<std::thread> eves;
        for (std::size_t n = 0; n != hands; ++n)
            eves.emplace_back([&] {
                for (const wire::deadline until{attack_time}; !until.passed() && s.server().speaking();) {
                    // Evenly over its time: who is turned away early does not run through all of it at once.
                    const std::chrono::duration<double> passed = steady_clock::now() - start;
                    if (static_cast<double>(tried) > passed / attack_time * double{most}) {
                        std::this_thread::sleep_for(1ms);
                        continue;
                    }
                    ++tried;
                    auto line = s.try_knock();
                    if (line && s.curve_peer("eve", std::move(*line)).handshake(1s).result == wire::verdict::refused)
                        ++worked_through;
                }
            });
        for (std::thread& eve : eves) eve.join();
    }
    const double each_ms = busy.seconds() * 1000 / static_cast<double>(std::max<std::size_t>(tried, 1));
    const auto seen = watch.finish();
    const bool bounded = worked_through <= acceptable;
    std::string text = bounded ? fmt::format("lets the address wait after {} of {}", worked_through, tried)
                               : fmt::format("works through {} of {}, as fast as they come", worked_through, tried);
    if (!seen.served_in_time()) text += "; " + seen.complaint();
    return s.conclude({.held = bounded && seen.served_in_time(),
                       .text = std::move(text),
                       .figure = fmt::format("{}, {:.1f} ms each, {}", worked_through, each_ms, seen.wait_in_words())});
}

outcome slow_handshake(stage& s) {
    s.open();
    const auto words = hello(s);
    lookout watch{s};
    // Too slow to end their handshakes, and never so quiet as to be idle.
    const crowd slow{
        s.server().port(),
        {.at_a_time = 1'100, .in_all = 3'000, .within = 1'000ms, .neighbourhoods = 16, .words = words, .drip = 100ms}};
    let_pass(s, attack_time);
    return judge(s, watch.finish(), slow.came());
}

// --- one key ----------------------------------------------------------------------------------------------------------

outcome greedy_key(stage& s) {
    constexpr std::size_t most = 1'100;
    constexpr std::size_t attempts = 1'500;
    constexpr std::size_t hands = 2;
    constexpr std::size_t fair = 8; // half of the sixteen places
    s.open();
    lookout watch{s};
    std::atomic<std::size_t> tried{0};
    std::atomic<std::size_t> count{0};
    std::mutex lock;
    std::vector<std::unique_ptr<wire::curve_client>> taken;
    {
        const auto start = steady_clock::now();
        std::vector<std::thread> mallories;
        for (std::size_t n = 0; n != hands; ++n)
            mallories.emplace_back([&] {
                for (const wire::deadline until{attack_time}; !until.passed() && s.server().speaking();) {
                    const std::chrono::duration<double> passed = steady_clock::now() - start;
                    if (count >= most || static_cast<double>(tried) > passed / attack_time * double{attempts}) {
                        std::this_thread::sleep_for(1ms);
                        continue;
                    }
                    ++tried;
                    auto mallory = s.accepted_peer("mallory", 250ms);
                    if (!mallory) continue;
                    const std::lock_guard hold{lock};
                    taken.push_back(std::move(mallory));
                    count = taken.size();
                }
            });
        for (std::thread& each : mallories) each.join();
    }
    const auto seen = watch.finish();
    const auto places = static_cast<std::size_t>(
        std::count_if(taken.begin(), taken.end(), [](const auto& each) { return !each->tcp().closed_by_peer(0ms); }));
    const bool held = places <= fair && open_to_newcomers(seen);
    std::string text = places <= fair ? fmt::format("{} of {} attempts let in", places, tried)
                                      : fmt::format("one key has {} places", places);
    if (!seen.served_in_time()) text += "; " + seen.complaint();
    return s.conclude(
        {.held = held, .text = std::move(text), .figure = fmt::format("{} places, {}", places, seen.wait_in_words())});
}

} // namespace gauntlet

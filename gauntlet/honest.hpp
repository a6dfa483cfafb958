// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Peers that keep to the rules, on plain libzmq: what an attack must not disturb. Gauntlet.

#include "attacks.hpp"
#include "credentials.hpp"
#include "victim.hpp"
#include "victim_lines.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <zmq.hpp>

namespace gauntlet {

using victim_lines::honest_body;

/// Where a peer connects to, and what it shows there. Without keys it speaks in clear, as the bare program expects.
struct line_to_server {
    std::uint16_t port = 0;
    std::string from = "127.0.0.9"; ///< our own address on loopback
    std::optional<key_pair> identity{};
    std::string server_key{};
};

/// A socket of that type, connected to the server.
inline zmq::socket_t connected(zmq::context_t& context, zmq::socket_type type, const line_to_server& line) {
    zmq::socket_t made{context, type};
    made.set(zmq::sockopt::linger, 0);
    made.set(zmq::sockopt::sndtimeo, 50);
    if (type == zmq::socket_type::sub) made.set(zmq::sockopt::subscribe, "");
    if (line.identity) {
        made.set(zmq::sockopt::curve_serverkey, line.server_key);
        made.set(zmq::sockopt::curve_publickey, line.identity->public_key);
        made.set(zmq::sockopt::curve_secretkey, line.identity->secret_key);
    }
    made.connect(fmt::format("tcp://{}:0;127.0.0.1:{}", line.from, line.port));
    return made;
}

/// A connected socket that sends orders of two frames, and asks for no answer.
class pusher {
public:
    pusher(zmq::context_t& context, const line_to_server& line, zmq::socket_type type = zmq::socket_type::push)
        : socket_{connected(context, type, line)} {}

    /// False when it could not be queued within 50 ms.
    [[nodiscard]] bool push(const std::string& from, std::uint64_t number) {
        const std::string head = fmt::format("{} {}", from, number);
        if (!socket_.send(zmq::buffer(head), zmq::send_flags::sndmore)) return false;
        return socket_.send(zmq::buffer(honest_body(from, number)), zmq::send_flags::none).has_value();
    }

private:
    zmq::socket_t socket_;
};

/// A connected SUB socket that takes bulletins of two frames, whatever they are about.
class reader {
public:
    reader(zmq::context_t& context, const line_to_server& line)
        : socket_{connected(context, zmq::socket_type::sub, line)} {}

    /// The next bulletin; nothing when none comes in time.
    [[nodiscard]] std::optional<delivery> next(std::chrono::milliseconds patience) {
        socket_.set(zmq::sockopt::rcvtimeo, static_cast<int>(patience.count()));
        zmq::message_t head;
        zmq::message_t body;
        if (!socket_.recv(head) || !head.more() || !socket_.recv(body)) return std::nullopt;
        const auto about = victim_lines::parse_head(head.to_string_view());
        if (!about) return std::nullopt;
        return delivery{about->number, body.size(), body.to_string(), std::chrono::steady_clock::now()};
    }

private:
    zmq::socket_t socket_;
};

/// How the honest peer fared.
struct honest_report {
    std::size_t sent = 0;
    std::size_t delivered = 0;
    bool in_order = true;           ///< and unaltered
    std::vector<double> waits_ms{}; ///< of each order that arrived, from push to taken; sorted

    [[nodiscard]] bool served() const noexcept { return in_order && sent > 0 && sent == delivered; }
    [[nodiscard]] std::string complaint() const {
        if (!in_order) return "the honest peer's orders were mixed up";
        return fmt::format("{} of {} orders of the honest peer arrived", delivered, sent);
    }
    [[nodiscard]] honest_figures figures() const {
        honest_figures all{.sent = sent, .delivered = delivered};
        if (!waits_ms.empty()) {
            all.median_ms = waits_ms[waits_ms.size() / 2];
            all.p90_ms = waits_ms[waits_ms.size() * 9 / 10];
        }
        return all;
    }
};

/// How many of the orders from that sender are the ones it sent, in their order, up to the first that is not.
inline std::size_t rightly_delivered(const std::vector<delivery>& got, const std::string& from,
                                     std::uint64_t first = 1) {
    std::size_t right = 0;
    while (right < got.size() && got[right].number == right + first &&
           got[right].text == honest_body(from, right + first))
        ++right;
    return right;
}

/// Works on a thread of its own from beginning to end.
class honest_party {
public:
    honest_party() = default;
    honest_party(const honest_party&) = delete;
    honest_party& operator=(const honest_party&) = delete;
    virtual ~honest_party() = default;

    /// Lets the peer do a little more, waits for all that is under way, and sees what arrived.
    [[nodiscard]] virtual honest_report finish(const wire::deadline& until) = 0;
};

/// Ann, who sends orders.
class honest_peer final : public honest_party {
public:
    static constexpr const char* name = "ann";

    /// `pace`: between two orders, and then few are under way at a time; zero for as fast as they are taken.
    honest_peer(zmq::context_t& context, victim& server, const line_to_server& line, std::chrono::milliseconds pace)
        : server_{server}, line_{line}, pace_{pace}, under_way_{pace > 0ms ? 16U : 64U} {
        hand_ = std::thread{[this, &context] { work(context); }};
    }
    ~honest_peer() override {
        leaving_ = true;
        hand_.join();
    }

    [[nodiscard]] honest_report finish(const wire::deadline& until) override {
        const std::size_t goal = sent_ + 10;
        (void)server_.wait(until, [&] { return sent_ >= goal; });
        holding_ = true; // from here on nothing new is sent
        (void)server_.wait(until, [&] { return idle_.load(); });
        (void)server_.await(name, sent_, until);
        const auto got = server_.delivered(name);
        const std::size_t right = rightly_delivered(got, name);
        return {sent_, right, right == got.size(), waits(got, right)};
    }

private:
    [[nodiscard]] std::vector<double> waits(const std::vector<delivery>& got, std::size_t right) {
        const std::lock_guard hold{lock_};
        std::vector<double> all;
        for (std::size_t i = 0; i != std::min(right, begun_.size()); ++i)
            all.push_back(std::chrono::duration<double, std::milli>(got[i].at - begun_[i]).count());
        std::sort(all.begin(), all.end());
        return all;
    }
    /// The first attempt to hand over the next order; later ones are part of its wait.
    void begin_order() {
        const std::lock_guard hold{lock_};
        if (begun_.size() == sent_) begun_.push_back(std::chrono::steady_clock::now());
    }
    void work(zmq::context_t& context) {
        try {
            pusher mine{context, line_};
            auto next = std::chrono::steady_clock::now();
            while (!leaving_) {
                idle_ = holding_.load();
                const bool enough = sent_ - std::min<std::size_t>(sent_, server_.count(name)) >= under_way_;
                if (holding_ || enough || std::chrono::steady_clock::now() < next) {
                    server_.wait_a_tick(2ms);
                    continue;
                }
                begin_order();
                if (mine.push(name, sent_ + 1)) ++sent_;
                next = std::chrono::steady_clock::now() + pace_;
            }
        } catch (const zmq::error_t&) {
            // The context ended first: so does the work.
        }
        idle_ = true;
    }

    victim& server_;
    line_to_server line_;
    std::chrono::milliseconds pace_;
    std::size_t under_way_;
    std::mutex lock_;
    std::vector<std::chrono::steady_clock::time_point> begun_; // guarded by lock_
    std::atomic<std::size_t> sent_{0};
    std::atomic<bool> holding_{false};
    std::atomic<bool> idle_{false};
    std::atomic<bool> leaving_{false};
    std::thread hand_; // last: everything above exists when it starts
};

/// Ann, who subscribes. The program publishes when it is told to: then what it sent, and when, is known.
class honest_reader final : public honest_party {
public:
    honest_reader(zmq::context_t& context, victim& server, const line_to_server& line)
        : server_{server}, mine_{context, line} {
        hand_ = std::thread{[this] { work(); }};
    }
    ~honest_reader() override {
        leaving_ = true;
        hand_.join();
    }

    /// Waits until a bulletin has come. What was published before that, nobody had subscribed to yet.
    [[nodiscard]] bool served(const wire::deadline& until) {
        return server_.wait(until, [this] { return count() != 0; });
    }

    [[nodiscard]] honest_report finish(const wire::deadline& until) override {
        const std::size_t goal = count() + 10;
        (void)server_.wait(until, [&] { return count() >= goal; });
        holding_ = true;
        (void)server_.wait(until, [this] { return idle_.load() && count() >= owed(); });
        const std::lock_guard hold{lock_};
        if (got_.empty()) return {begun_.size(), 0};
        const std::uint64_t first = got_.front().number;
        const std::size_t right = rightly_delivered(got_, feed, first);
        honest_report all{begun_.size() + 1 - first, right, right == got_.size()};
        for (std::size_t i = 0; i != right; ++i)
            all.waits_ms.push_back(
                std::chrono::duration<double, std::milli>(got_[i].at - begun_[first - 1 + i]).count());
        std::sort(all.waits_ms.begin(), all.waits_ms.end());
        return all;
    }

private:
    static constexpr const char* feed = "feed"; // who signs the bulletins
    // Far fewer than a queue holds: what does not come was not lost for lack of room.
    static constexpr std::size_t under_way = 16;

    [[nodiscard]] std::size_t count() {
        const std::lock_guard hold{lock_};
        return got_.size();
    }
    /// How many were published from the first that came.
    [[nodiscard]] std::size_t owed() {
        const std::lock_guard hold{lock_};
        return got_.empty() ? begun_.size() : begun_.size() + 1 - got_.front().number;
    }
    void work() {
        auto next = std::chrono::steady_clock::now();
        while (!leaving_) {
            try {
                if (auto came = mine_.next(2ms)) {
                    const std::lock_guard hold{lock_};
                    got_.push_back(std::move(*came));
                }
            } catch (const zmq::error_t&) {
                break; // the context ended first
            }
            idle_ = holding_.load();
            const auto now = std::chrono::steady_clock::now();
            const bool enough = count() != 0 && owed() - count() >= under_way;
            if (holding_ || enough || now < next) continue;
            std::size_t number = 0;
            {
                const std::lock_guard hold{lock_};
                begun_.push_back(now);
                number = begun_.size();
            }
            (void)server_.tell(fmt::format("publish {}", number));
            next = now + 8ms;
        }
        idle_ = true;
    }

    victim& server_;
    reader mine_; // used by hand_ alone
    std::mutex lock_;
    std::vector<std::chrono::steady_clock::time_point> begun_; // guarded by lock_
    std::vector<delivery> got_;                                // guarded by lock_
    std::atomic<bool> holding_{false};
    std::atomic<bool> idle_{false};
    std::atomic<bool> leaving_{false};
    std::thread hand_; // last: everything above exists when it starts
};

/// Ann, who is a program of its own and wants an acknowledgement of each order: plain libzmq or Ironhouse, like the server.
class honest_client final : public honest_party {
public:
    /// `names`: those under which a server may know her.
    honest_client(victim& server, victim& client, std::vector<std::string> names)
        : server_{server}, client_{client}, names_{std::move(names)} {}

    /// The order is acknowledged or not; how often it was sent does not matter, nor in which order they came.
    [[nodiscard]] honest_report finish(const wire::deadline& until) override {
        (void)client_.await_acknowledgements(client_.acknowledged().size() + 10, until);
        if (!client_.ask("hold", "held", until)) return {};
        honest_report all{.sent = client_.last_answer("held").number};
        (void)client_.await_acknowledgements(all.sent, until);
        // It said what it took before it acknowledged it, but on a line of its own: its answer comes behind all that.
        (void)server_.ask("ping", "pong", until);
        std::set<std::uint64_t> taken;
        for (const std::string& name : names_)
            for (const delivery& each : server_.delivered(name)) {
                taken.insert(each.number);
                all.in_order = all.in_order && each.text == honest_body("ann", each.number);
            }
        for (const acknowledgement& each : client_.acknowledged()) {
            all.delivered += taken.contains(each.number) ? 1U : 0U;
            all.waits_ms.push_back(static_cast<double>(each.microseconds) / 1000);
        }
        std::sort(all.waits_ms.begin(), all.waits_ms.end());
        return all;
    }

private:
    victim& server_;
    victim& client_;
    std::vector<std::string> names_;
};

} // namespace gauntlet

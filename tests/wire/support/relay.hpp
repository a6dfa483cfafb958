// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A relay on loopback between clients and one server port: it records what passes, and can alter, hold or swallow it.
/// Test support: bounded in connections, memory and lifetime, and it stops by itself.

#include "bytes.hpp"
#include "descriptor.hpp"
#include "eventually.hpp"
#include "tcp.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace wire {

enum class direction : std::uint8_t { to_server = 0, to_client = 1 };

/// What happens to the bytes of one direction from now on.
enum class flow : std::uint8_t {
    pass, ///< forwarded
    hold, ///< left in the kernel, so that the sender's queue fills; `pass` releases them
    drop, ///< read, recorded and swallowed
};

struct relay_options {
    const char* from = "127.0.0.1";        ///< the address the server sees
    std::size_t connections = 256;         ///< served over the relay's life; later ones are closed at once
    std::size_t record_bytes = 64U << 20U; ///< recorded at most; what passes is not limited by it
    std::chrono::seconds lives{300};
};

class relay {
public:
    explicit relay(std::uint16_t target, const relay_options& options = {})
        : options_{options}, target_{target}, ends_{options.lives}, wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
        if (!wake_.open()) throw broken_setup{"eventfd", errno};
        worker_ = std::thread{[this] { run(); }};
    }
    relay(const relay&) = delete;
    relay& operator=(const relay&) = delete;
    ~relay() {
        stopping_ = true;
        wake();
        worker_.join();
    }

    [[nodiscard]] std::uint16_t port() const noexcept { return listener_.port(); }
    [[nodiscard]] std::string endpoint() const { return listener_.endpoint(); }

    /// Bytes that came in so far in that direction, over all connections.
    [[nodiscard]] std::uint64_t count(direction d) const {
        const std::lock_guard hold{lock_};
        return way(d).count;
    }
    /// Connections taken so far.
    [[nodiscard]] std::size_t connections() const {
        const std::lock_guard hold{lock_};
        return records_.size();
    }
    /// What one connection's end sent, before any alteration.
    [[nodiscard]] bytes recorded(direction d, std::size_t connection_number = 0) const {
        const std::lock_guard hold{lock_};
        return connection_number < records_.size() ? records_[connection_number][index(d)] : bytes{};
    }
    /// Whether these bytes went over any connection, in either direction.
    [[nodiscard]] bool contains(view what) const {
        const std::lock_guard hold{lock_};
        for (const auto& both : records_) {
            if (wire::contains(both[0], what) || wire::contains(both[1], what)) return true;
        }
        return false;
    }
    /// False once the record is full: then contains() would prove nothing.
    [[nodiscard]] bool recorded_everything() const {
        const std::lock_guard hold{lock_};
        return !record_full_;
    }

    /// Flips one bit of the byte that is `ahead` bytes after those that have come in so far, once.
    void flip_bit(direction d, std::uint64_t ahead = 0, unsigned bit = 0) {
        const std::lock_guard hold{lock_};
        way(d).flip_at = way(d).count + ahead;
        way(d).flip_mask = static_cast<std::uint8_t>(1U << (bit & 7U));
    }
    /// Bits flipped so far.
    [[nodiscard]] std::size_t flipped() const {
        const std::lock_guard hold{lock_};
        return flipped_;
    }

    void set_flow(direction d, flow f) {
        {
            const std::lock_guard hold{lock_};
            way(d).mode = f;
        }
        wake();
    }

    /// Ends every connection now; new ones are taken.
    void cut() {
        cutting_ = true;
        wake();
        (void)eventually([this] { return !cutting_.load(); });
    }

private:
    struct route { // one direction, over all connections
        std::uint64_t count = 0;
        flow mode = flow::pass;
        std::optional<std::uint64_t> flip_at{};
        std::uint8_t flip_mask = 0;
    };
    struct leg { // one direction of one connection
        bytes waiting{};
        bool ended = false;     // its sender has finished
        bool passed_on = false; // and its receiver has been told
    };
    struct pair {
        connection client;
        connection server;
        std::size_t number;
        std::array<leg, 2> legs{};
        bool broken = false;

        connection& source(direction d) noexcept { return d == direction::to_server ? client : server; }
        connection& sink(direction d) noexcept { return d == direction::to_server ? server : client; }
    };

    static constexpr std::array<direction, 2> both_ways{direction::to_server, direction::to_client};
    static constexpr std::size_t buffer_limit = 256 * 1024;

    static std::size_t index(direction d) noexcept { return static_cast<std::size_t>(d); }
    route& way(direction d) noexcept { return ways_[index(d)]; }
    const route& way(direction d) const noexcept { return ways_[index(d)]; }

    void wake() noexcept {
        const std::uint64_t one = 1;
        (void)!::write(wake_.get(), &one, sizeof one);
    }

    void run() {
        std::list<pair> pairs;
        while (!stopping_ && !ends_.passed()) {
            if (cutting_) {
                pairs.clear();
                cutting_ = false;
            }
            wait(pairs);
            take_newcomers(pairs);
            for (pair& p : pairs) {
                for (const direction d : both_ways) move(p, d);
            }
            pairs.remove_if([](const pair& p) { return p.broken || (p.legs[0].passed_on && p.legs[1].passed_on); });
        }
        cutting_ = false;
        listener_.close();
    }

    void wait(std::list<pair>& pairs) {
        std::vector<pollfd> fds{{wake_.get(), POLLIN, 0}, {listener_.native(), POLLIN, 0}};
        {
            const std::lock_guard hold{lock_};
            for (pair& p : pairs) {
                for (const direction d : both_ways) {
                    const leg& l = p.legs[index(d)];
                    if (way(d).mode == flow::hold) continue; // not polled: a hung-up socket would wake us for ever
                    if (!l.ended && l.waiting.size() < buffer_limit) fds.push_back({p.source(d).native(), POLLIN, 0});
                    if (!l.waiting.empty()) fds.push_back({p.sink(d).native(), POLLOUT, 0});
                }
            }
        }
        (void)::poll(fds.data(), static_cast<nfds_t>(fds.size()), std::min(ends_.poll_timeout(), 1000));
        std::uint64_t ignored = 0;
        (void)!::read(wake_.get(), &ignored, sizeof ignored);
    }

    void take_newcomers(std::list<pair>& pairs) {
        while (auto client = listener_.accept(std::chrono::milliseconds{0})) {
            if (served_ >= options_.connections) continue;
            ++served_;
            // Without a server the client sees its connection end, as it would without a relay.
            auto server = connection::attempt(target_, options_.from, std::chrono::seconds{2});
            const std::lock_guard hold{lock_};
            records_.emplace_back();
            if (server) pairs.push_back({std::move(*client), std::move(*server), records_.size() - 1});
        }
    }

    void move(pair& p, direction d) {
        leg& l = p.legs[index(d)];
        const std::lock_guard hold{lock_};
        if (way(d).mode == flow::hold || p.broken) return;
        if (!l.ended && l.waiting.size() < buffer_limit) read(p, d, l);
        if (!l.waiting.empty()) {
            const std::size_t n = p.sink(d).send_some(l.waiting);
            l.waiting.erase(l.waiting.begin(), l.waiting.begin() + static_cast<std::ptrdiff_t>(n));
            if (n == 0 && p.sink(d).ended()) p.broken = true;
        }
        if (l.ended && l.waiting.empty() && !l.passed_on) {
            p.sink(d).finish_sending();
            l.passed_on = true;
        }
    }

    void read(pair& p, direction d, leg& l) {
        std::uint8_t chunk[64 * 1024];
        const ssize_t n = ::recv(p.source(d).native(), chunk, sizeof chunk, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n < 0) p.broken = true;
        if (n <= 0) {
            l.ended = true;
            return;
        }
        const auto size = static_cast<std::size_t>(n);
        record(records_[p.number][index(d)], {chunk, size});
        route& r = way(d);
        if (r.flip_at && *r.flip_at < r.count + size) {
            chunk[*r.flip_at - r.count] ^= r.flip_mask;
            r.flip_at.reset();
            ++flipped_;
        }
        r.count += size;
        if (r.mode == flow::pass) append(l.waiting, {chunk, size});
    }

    void record(bytes& into, view what) {
        const std::size_t room = options_.record_bytes - recorded_bytes_;
        if (room < what.size()) record_full_ = true;
        append(into, what.part(0, room));
        recorded_bytes_ += std::min(room, what.size());
    }

    relay_options options_;
    std::uint16_t target_;
    deadline ends_;
    descriptor wake_;
    listener listener_;
    std::size_t served_ = 0; // the worker's own

    mutable std::mutex lock_; // guards all down to flipped_
    std::array<route, 2> ways_{};
    std::vector<std::array<bytes, 2>> records_;
    std::size_t recorded_bytes_ = 0;
    bool record_full_ = false;
    std::size_t flipped_ = 0;

    std::atomic<bool> stopping_{false};
    std::atomic<bool> cutting_{false};
    std::thread worker_; // last: everything above exists when it starts
};

} // namespace wire

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Collects equal events, so that an attack cannot flood whoever listens, and counts them all. Layer: sentry.

#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/row.hpp>
#include <ironhouse/sentry/events.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// Collects equal events, so that an attack cannot flood whoever listens: the first comes at once, the rest once a second.
class herald {
public:
    using time = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::seconds pause{1};

    explicit herald(event_callback to) : to_{std::move(to)} {}

    /// Counts the event, and delivers it unless one like it was delivered within the last second.
    void tell(const event& what, time now) {
        count_in(what);
        pass_on(what, now);
    }
    /// The first half of tell(): for decisions that take effect before the listener, who may take his time, hears of them.
    void count_in(const event& what) noexcept {
        counts_[static_cast<std::size_t>(what.why)].fetch_add(what.count, std::memory_order_relaxed);
    }
    /// The second half.
    void pass_on(const event& what, time now) {
        if (!to_) return;
        bucket& kept = bucket_of(what.socket, what.why);
        if (kept.waiting == 0 && now - kept.last >= pause) {
            kept.last = now;
            deliver(what);
            return;
        }
        kept.waiting += what.count;
        kept.domain = what.domain;
        kept.peer = what.peer;
        kept.address = what.address;
        kept.detail = what.detail;
    }
    /// Delivers what has waited long enough; `all` delivers everything.
    void flush(time now, bool all = false) {
        for (bucket& kept : buckets_) {
            if (kept.waiting == 0 || (!all && now - kept.last < pause)) continue;
            deliver(kept.collected());
            kept.waiting = 0;
            kept.last = now;
        }
    }
    /// When flush() will next have something.
    [[nodiscard]] std::optional<time> next() const {
        std::optional<time> soonest;
        for (const bucket& kept : buckets_)
            if (kept.waiting != 0 && (!soonest || kept.last + pause < *soonest)) soonest = kept.last + pause;
        return soonest;
    }
    /// Forgets a socket that is gone, after delivering what waited.
    void forget(std::uint64_t socket, time now) {
        (void)now;
        for (const bucket& each : buckets_)
            if (each.socket == socket && each.waiting != 0) deliver(each.collected());
        buckets_.erase_if([&](const bucket& each) { return each.socket == socket; });
    }
    [[nodiscard]] std::uint64_t count(reason why) const noexcept {
        return counts_[static_cast<std::size_t>(why)].load(std::memory_order_relaxed);
    }

private:
    void deliver(const event& what) noexcept {
        try {
            to_(what);
        } catch (...) {
            counts_[static_cast<std::size_t>(reason::callback_failed)].fetch_add(1, std::memory_order_relaxed);
        }
    }
    struct bucket {
        std::uint64_t socket;
        reason why;
        time last = time{} - std::chrono::hours{1}; // before any now: the first event of a kind comes at once
        std::uint64_t waiting = 0;
        std::string domain = {}, peer = {}, address = {}, detail = {};

        [[nodiscard]] event collected() const noexcept { return {why, waiting, socket, domain, peer, address, detail}; }
    };
    // Where this bucket is, or where it belongs.
    bucket* place_of(std::uint64_t socket, reason why) noexcept {
        auto first = buckets_.begin(), last = buckets_.end();
        while (first != last) {
            const auto middle = first + (last - first) / 2;
            if (middle->socket < socket || (middle->socket == socket && middle->why < why))
                first = middle + 1;
            else
                last = middle;
        }
        return first;
    }
    bucket& bucket_of(std::uint64_t socket, reason why) {
        const auto at = place_of(socket, why);
        if (at != buckets_.end() && at->socket == socket && at->why == why) return *at;
        return buckets_.insert(at, bucket{socket, why});
    }

    event_callback to_;
    row<bucket> buckets_; // sorted; std::map would cost every including file more than all of this class
    std::atomic<std::uint64_t> counts_[reason_count] = {};
};

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

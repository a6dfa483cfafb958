// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What is decided before libzmq takes anything in: who passes the turnstile, and, with system/runtime.hpp, how much each
/// connection may bring. Layer: sentry.
///
/// With the runtime in effect libzmq's own threads call admit() and used_up(), so both are short, and what they need is
/// held here under one lock. Without it only the sentry's thread comes here, for the turnstile; where the kernel permits it,
/// addresses that are barred for a while are dropped there meanwhile.

#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/kernel_socket.hpp>
#include <ironhouse/detail/newcomer_filter.hpp>
#include <ironhouse/detail/row.hpp>
#include <ironhouse/detail/runtime_registry.hpp>
#include <ironhouse/detail/wake.hpp>
#include <ironhouse/sentry/admission.hpp>
#include <ironhouse/sentry/door.hpp>
#include <ironhouse/sentry/events.hpp>
#include <ironhouse/sentry/guard.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include <sys/socket.h>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

class gate {
public:
    using clock = std::chrono::steady_clock;
    /// Descriptors that may be in use beyond the reserve while libzmq lets go of what was hung up on.
    static constexpr int in_motion = 64;

    /// `kind`: what is there to keep newcomers out. `bell` wakes the sentry.
    gate(const admission_limits& allowed, gate_kind kind, wake& bell)
        : reserve_{allowed.descriptor_reserve}, kind_{kind}, exact_{kind == gate_kind::exact},
          drops_{kind == gate_kind::filter || (exact_ && may_drop_newcomers())}, bell_{bell}, turnstile_{
                                                                                                  allowed.newcomers} {}
    gate(const gate&) = delete;
    gate& operator=(const gate&) = delete;

    [[nodiscard]] gate_kind kind() const noexcept { return kind_; }
    [[nodiscard]] bool exact() const noexcept { return exact_; }
    /// The best kind that there is here. `runtime`: system/runtime.hpp is in effect.
    [[nodiscard]] static gate_kind best(bool runtime) noexcept {
        return runtime ? gate_kind::exact : may_drop_newcomers() ? gate_kind::filter : gate_kind::shutdown;
    }

    // ---- the turnstile, by the sentry's thread ----------------------------------------------------------------------

    [[nodiscard]] bool pass(std::string_view visitor, clock::time_point now) {
        const std::lock_guard held{lock_};
        return turnstile_.pass(visitor, now);
    }
    /// Until when its address is barred for that; in the past when it is not.
    clock::time_point failed(const peer_address& from, clock::time_point now) {
        if (from.visitor().empty()) return {};
        const std::lock_guard held{lock_};
        const auto until = turnstile_.failed(from.visitor(), now);
        keep_out(from, until, now);
        return until;
    }
    /// A connection of that address, whose keys mean nothing, was cut off.
    void cut_off(const peer_address& from, clock::time_point now) {
        if (from.visitor().empty()) return;
        const std::lock_guard held{lock_};
        keep_out(from, turnstile_.cut_off(from.visitor(), now), now);
    }
    void succeeded(std::string_view visitor) {
        const std::lock_guard held{lock_};
        turnstile_.succeeded(visitor);
    }

    // ---- listeners, by the sentry's thread --------------------------------------------------------------------------

    /// libzmq listens there for that socket. Whoever was accepted before is guarded by the kernel's counters alone.
    void listen(int fd, std::uint64_t socket) {
        if (kind_ == gate_kind::shutdown) return;
        forget_listeners([&](const listener& each) { return each.fd == fd; });
        // The number may be a connection's by now.
        int listens = 0;
        socklen_t size = sizeof listens;
        if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) return;
        const std::uint64_t generation = exact_ ? watch_listener(fd, watcher()) : 0;
        if (exact_ && generation == 0) return;
        const std::lock_guard held{lock_};
        listeners_.push_back({fd, generation, cookie_of(fd), socket, false});
        stale_ = true;
    }
    /// libzmq has closed that listener. The number may be a new one's, which was told of first.
    void unlisten(int fd) {
        forget_listeners(
            [&](const listener& each) { return each.fd == fd && (each.cookie == 0 || cookie_of(fd) != each.cookie); });
    }
    void retire(std::uint64_t socket) {
        forget_listeners([&](const listener& each) { return each.socket == socket; });
    }
    /// All places are taken: newcomers are refused before their handshake costs anything.
    void set_full(std::uint64_t socket, bool full) noexcept {
        if (!exact_) return;
        const std::lock_guard held{lock_};
        for (listener& each : listeners_)
            if (each.socket == socket) each.full = full;
    }

    // ---- the kernel's filter, by the sentry's thread ----------------------------------------------------------------

    /// When renew() has something to do next.
    [[nodiscard]] std::optional<clock::time_point> next() const noexcept {
        if (dropped_.empty()) return {};
        auto soonest = dropped_[0].until;
        for (const dropped& each : dropped_) soonest = std::min(soonest, each.until);
        return stale_ ? renewed_ + between_renewals : std::max(soonest, renewed_ + between_renewals);
    }
    /// Tells the kernel whom to drop from now on, at most fifty times a second.
    void renew(clock::time_point now) noexcept {
        if (!drops_ || now < renewed_ + between_renewals) return;
        const std::size_t before = dropped_.size();
        dropped_.erase_if([&](const dropped& each) { return each.until <= now; });
        if (!std::exchange(stale_, false) && before == dropped_.size()) return;
        renewed_ = now;
        dropped_address whom[most_dropped];
        std::size_t many = 0;
        for (const dropped& each : dropped_) whom[many++] = each.whom;
        const std::lock_guard held{lock_};
        for (const listener& each : listeners_) {
            if (cookie_of(each.fd) != each.cookie) continue; // the number is another socket's by now
            // Where it is no longer permitted, nobody may stay dropped for longer than they are barred.
            if (!drop_newcomers(each.fd, whom, many)) (void)drop_newcomers(each.fd, nullptr, 0);
        }
    }

    // ---- allowances, by the sentry's thread -------------------------------------------------------------------------

    /// A connection that was made, not accepted: what it brings counts from now on.
    [[nodiscard]] std::uint64_t watch(int fd) noexcept { return exact_ ? watch_connection(fd, watcher()) : 0; }
    /// It is past its handshake. It may bring `budget`, and after that as much again as its socket's owner receives.
    /// `lenient`: of what it brings, some is never received (topics nobody asked for); only the guard cuts it.
    void serve(int fd, std::uint64_t generation, const std::shared_ptr<enrolment>& who, std::int64_t budget,
               bool lenient) {
        if (generation == 0) return;
        const auto at = static_cast<std::size_t>(fd);
        const std::lock_guard held{lock_};
        if (at >= served_.size()) served_.grow_to(at + 64, {});
        served_[at] = {generation, who, who->taken_bytes.load(std::memory_order_relaxed), budget, lenient};
        (void)runtime_limit(fd, generation, static_cast<std::uint64_t>(budget));
    }
    /// The guard has looked: from now on it may bring so much, and what its socket's owner has received since it had received
    /// `taken`. That is what the guard knew of: what came after it is not in its sum, and has made room all the same.
    void limit(int fd, std::uint64_t generation, std::int64_t bytes, std::uint64_t taken) noexcept {
        if (generation == 0) return;
        const std::lock_guard held{lock_};
        if (served* const one = find(fd, generation)) {
            one->taken = taken;
            (void)runtime_limit(fd, generation, static_cast<std::uint64_t>(std::max<std::int64_t>(bytes, 0)));
        }
    }
    void forget(int fd, std::uint64_t generation) noexcept {
        if (generation == 0) return;
        forget_connection(fd, generation); // before the lock: it waits for callbacks, which take the lock
        const std::lock_guard held{lock_};
        if (served* const one = find(fd, generation)) *one = {};
    }

    // ---- what happened on libzmq's threads --------------------------------------------------------------------------

    struct refusal {
        reason why;
        std::uint64_t socket;
        std::string address;
    };
    struct cut {
        int fd;
        std::uint64_t generation;
        bool served;
    };
    struct tidings {
        row<refusal> refusals;        // some of them
        std::uint64_t unsaid[3] = {}; // the rest: too fast, full, descriptors
        row<cut> cuts;
        bool room_wanted = false;
    };
    /// What is new since the last time.
    [[nodiscard]] tidings take() {
        if (!exact_) return {};
        const std::lock_guard held{lock_};
        news_ = false;
        return std::exchange(said_, {});
    }

private:
    struct listener {
        int fd;
        std::uint64_t generation;
        std::uint64_t cookie;
        std::uint64_t socket;
        bool full;
    };
    struct dropped {
        dropped_address whom;
        clock::time_point until;
    };
    static constexpr std::chrono::milliseconds between_renewals{20};
    struct served {
        std::uint64_t generation = 0;
        std::shared_ptr<enrolment> who = {};
        std::uint64_t taken = 0; // by the owner, when it was last allowed something
        std::int64_t budget = 0;
        bool lenient = false;
    };

    [[nodiscard]] runtime_watcher watcher() noexcept {
        return {this, [](void* who, const runtime_newcomer& it) noexcept { return static_cast<gate*>(who)->admit(it); },
                [](void* who, int fd, std::uint64_t generation) noexcept {
                    return static_cast<gate*>(who)->used_up(fd, generation);
                },
                static_cast<std::uint64_t>(guard_budget::handshake)};
    }
    [[nodiscard]] served* find(int fd, std::uint64_t generation) noexcept {
        const auto at = static_cast<std::size_t>(fd);
        return at < served_.size() && served_[at].generation == generation ? &served_[at] : nullptr;
    }
    template <class Which> void forget_listeners(Which which) {
        row<listener> gone;
        {
            const std::lock_guard held{lock_};
            gone.reserve(listeners_.size());
            listeners_.erase_if([&](const listener& each) {
                if (!which(each)) return false;
                gone.push_back(each);
                return true;
            });
        }
        for (const listener& each : gone)
            if (exact_) forget_listener(each.fd, each.generation); // waits for admit()
    }
    void keep_out(const peer_address& from, clock::time_point until, clock::time_point now) {
        if (dropped_address whom; drops_ && until > now && whom.read(from.text.c_str())) drop(whom, until);
    }
    // Where there are too many, the one that would be over first makes room.
    void drop(const dropped_address& whom, clock::time_point until) {
        dropped* at = dropped_.find([&](const dropped& each) { return each.whom == whom; });
        if (at == nullptr && dropped_.size() < most_dropped) at = &dropped_.push_back({});
        if (at == nullptr) {
            at = dropped_.begin();
            for (dropped& each : dropped_)
                if (each.until < at->until) at = &each;
            if (at->until >= until) return;
        }
        stale_ = stale_ || at->whom != whom;
        *at = {whom, until};
    }
    void news() noexcept {
        if (!std::exchange(news_, true)) bell_.raise();
    }

    // On libzmq's thread. No memory, no place: whoever comes then has to come again.
    [[nodiscard]] bool admit(const runtime_newcomer& it) noexcept {
        try {
            peer_address from;
            read_address(it.from, it.from_size, from);
            const std::lock_guard held{lock_};
            const listener* const at = listeners_.find([&](const listener& each) { return each.fd == it.listener; });
            if (at == nullptr) return true;
            const int left = descriptor_limit() - reserve_ - it.fd;
            if (left <= in_motion) said_.room_wanted = true;
            if (left <= in_motion / 4) return refuse(reason::refused_descriptors, 2, *at, from);
            if (at->full) return refuse(reason::refused_full, 1, *at, from);
            if (const std::string_view visitor = from.visitor();
                !visitor.empty() && !turnstile_.pass(visitor, clock::now()))
                return refuse(reason::refused_too_fast, 0, *at, from);
            return true;
        } catch (...) {
            return false;
        }
    }
    [[nodiscard]] bool refuse(reason why, std::size_t which, const listener& at, const peer_address& from) {
        if (said_.refusals.size() < 64)
            said_.refusals.push_back({why, at.socket, from.text});
        else
            ++said_.unsaid[which];
        news();
        return false;
    }
    // On libzmq's thread. What the owner has received since may have been this connection's; more than that it cannot have
    // made room for.
    [[nodiscard]] std::uint64_t used_up(int fd, std::uint64_t generation) noexcept {
        try {
            const std::lock_guard held{lock_};
            // While this waited for the lock somebody may have allowed it more: then it has not used that up.
            if (runtime_counts by_now; runtime_look_up(fd, generation, by_now) && by_now.allowed > by_now.received)
                return 0;
            served* const one = find(fd, generation);
            if (one != nullptr) {
                const std::uint64_t taken = one->who->taken_bytes.load(std::memory_order_relaxed);
                const auto received = static_cast<std::int64_t>(taken - std::exchange(one->taken, taken));
                const std::int64_t more = std::min(one->lenient ? one->budget : received, one->budget);
                if (more > 0) return static_cast<std::uint64_t>(more);
            }
            said_.cuts.push_back({fd, generation, one != nullptr});
            news();
        } catch (...) {}
        return 0;
    }

    const int reserve_;
    const gate_kind kind_;
    const bool exact_;
    const bool drops_; // in the kernel
    wake& bell_;
    std::mutex lock_; // guards what follows
    turnstile turnstile_;
    row<listener> listeners_;
    row<served> served_; // by descriptor number
    tidings said_;
    bool news_ = false;

    // The sentry's thread only.
    row<dropped> dropped_;
    clock::time_point renewed_{};
    bool stale_ = false; // the kernel has not been told of all of them
};

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

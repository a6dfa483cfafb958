// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Decides when a connecting socket must be connected again, because libzmq gave up. Layer: sentry.

#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/row.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// The endpoints of one connecting socket. libzmq retries by itself after a plain disconnect and says so; after one bad
/// answer (refused, wrong mechanism, not ZeroMQ at all) it says nothing and never tries again. The difference is a
/// CONNECT_RETRIED event within the grace period. No sockets here: events and times in, endpoints out.
class supervisor {
public:
    using time = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::milliseconds grace{200};
    static constexpr std::chrono::milliseconds longest{10'000};
    static constexpr unsigned tries = 3;

    void watch(const std::string& endpoint) {
        if (find(endpoint) == nullptr) watched_.push_back({endpoint, 0, std::nullopt, 0, false});
    }
    void forget(const std::string& endpoint) {
        if (entry* const at = find(endpoint); at != nullptr) watched_.erase(at);
    }

    [[nodiscard]] bool empty() const noexcept { return watched_.empty(); }

    /// A connection ended, or its handshake failed. `jitter` is 0 to 255, so that many clients do not come back at once.
    void lost(std::string_view address, time now, std::uint8_t jitter) {
        each(address, [&](entry& e) {
            if (!std::exchange(e.up, false)) ++e.in_vain;
            if (!e.due) e.due = now + delay(e.failures, jitter);
        });
    }
    /// libzmq tries again by itself.
    void retried(std::string_view address) {
        each(address, [](entry& e) { e.due.reset(); });
    }
    /// A handshake succeeded.
    void established(std::string_view address) {
        each(address, [](entry& e) {
            e.due.reset();
            e.failures = e.in_vain = 0;
            e.up = true;
        });
    }
    /// An endpoint whose last three handshakes all failed, once; empty where there is none. Its server may have another key.
    [[nodiscard]] std::string take_in_vain() {
        entry* const at = watched_.find([](const entry& e) { return e.in_vain >= tries; });
        if (at == nullptr) return {};
        at->in_vain = 0;
        at->due.reset();
        return at->endpoint;
    }

    /// When take_due() will next have something.
    [[nodiscard]] std::optional<time> next() const {
        std::optional<time> soonest;
        for (const entry& e : watched_)
            if (e.due && (!soonest || *e.due < *soonest)) soonest = e.due;
        return soonest;
    }
    /// The endpoints to connect again, each once per loss.
    [[nodiscard]] std::vector<std::string> take_due(time now) {
        std::vector<std::string> due;
        for (entry& e : watched_) {
            if (!e.due || *e.due > now) continue;
            e.due.reset();
            ++e.failures;
            due.push_back(e.endpoint);
        }
        return due;
    }

    /// Grace period, doubled with every failure in a row up to ten seconds, plus up to a quarter.
    [[nodiscard]] static std::chrono::milliseconds delay(unsigned failures, std::uint8_t jitter) noexcept {
        const auto base = std::min(longest, grace * (1 << std::min(failures, 6U)));
        return base + base * jitter / 1024;
    }

private:
    struct entry {
        std::string endpoint;
        unsigned failures;
        std::optional<time> due;
        unsigned in_vain; // handshakes that failed, in a row
        bool up;
    };
    entry* find(std::string_view endpoint) {
        return watched_.find([&](const entry& e) { return e.endpoint == endpoint; });
    }
    // libzmq names an endpoint as it was given until the first connection, by its resolved address afterwards: a host
    // name, or a source address, is then recognised by its port.
    template <class Action> void each(std::string_view address, Action action) {
        if (entry* const exact = find(address); exact != nullptr) return action(*exact);
        const auto port = address.substr(std::min(address.rfind(':'), address.size()));
        for (entry& e : watched_)
            if (!port.empty() && std::string_view{e.endpoint}.ends_with(port)) action(e);
    }

    row<entry> watched_;
};

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Waiting with an end: deadlines, and conditions that must become or stay true. Test support.

#include <algorithm>
#include <chrono>
#include <thread>

namespace wire {

/// A moment after which waiting stops. Made from a duration, so that every call can say `..., 2s)`.
class deadline {
public:
    using clock = std::chrono::steady_clock;

    template <class Rep, class Period>
    deadline(std::chrono::duration<Rep, Period> patience)
        : at_{clock::now() + std::chrono::ceil<std::chrono::milliseconds>(patience)} {}

    [[nodiscard]] bool passed() const noexcept { return clock::now() >= at_; }

    /// What is left, rounded up to a millisecond, zero when passed, and never more than an hour.
    [[nodiscard]] std::chrono::milliseconds remaining() const noexcept {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(at_ - clock::now());
        return std::clamp<std::chrono::milliseconds>(left, std::chrono::milliseconds{0}, std::chrono::hours{1});
    }

    /// The same as an argument for poll().
    [[nodiscard]] int poll_timeout() const noexcept { return static_cast<int>(remaining().count()); }

private:
    clock::time_point at_;
};

/// How long a step may take where a test does not say otherwise: long enough for a busy machine under sanitizers.
inline constexpr std::chrono::seconds default_patience{10};

/// Waits until the condition holds; false when the deadline passes first. Asks every millisecond, and once more at the end.
template <class Condition> [[nodiscard]] bool eventually(Condition&& holds, deadline until = default_patience) {
    for (;;) {
        const bool last = until.passed();
        if (holds()) return true;
        if (last) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
}

/// True when the condition does not hold once until the deadline: the way to say "nothing happens".
template <class Condition> [[nodiscard]] bool never(Condition&& holds, deadline until) {
    return !eventually(holds, until);
}

} // namespace wire

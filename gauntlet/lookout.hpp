// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What is looked at while an attack goes on: descriptors left, processor time, and whether somebody new is served.
/// Gauntlet.

#include "stage.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include <fmt/core.h>

namespace gauntlet {

class lookout {
public:
    /// Who waits longer has not been served: long enough for the kernel to have asked twice more for its connection.
    static constexpr auto patience = 3'500ms;

    struct findings {
        std::vector<double> waits{}; ///< of newcomers who were served, in seconds, sorted
        bool all_served = true;
        std::size_t least_free = descriptor_limit; ///< descriptors

        /// What nine of ten did not exceed. A single one may have lost a packet on a busy machine, which costs a second.
        [[nodiscard]] double wait() const { return waits.empty() ? 0 : waits[waits.size() * 9 / 10]; }
        [[nodiscard]] bool served_in_time() const { return !waits.empty() && all_served && wait() < 1; }
        [[nodiscard]] std::string wait_in_words() const {
            return all_served ? fmt::format("{:.2f} s", wait()) : std::string{"never"};
        }
        [[nodiscard]] std::string complaint() const {
            return all_served ? fmt::format("newcomers wait {:.1f} s", wait())
                              : std::string{"then no newcomer gets in"};
        }
    };

    explicit lookout(stage& s) : stage_{s} {
        door_ = std::thread{[this] { welcome(); }};
        desk_ = std::thread{[this] { count(); }};
    }
    lookout(const lookout&) = delete;
    lookout& operator=(const lookout&) = delete;
    ~lookout() { leave(); }

    /// Waits for the newcomer who is at the door, and for one more who comes now.
    [[nodiscard]] findings finish() {
        leave();
        if (broken_) std::rethrow_exception(broken_);
        std::sort(seen_.waits.begin(), seen_.waits.end());
        return seen_;
    }

private:
    void leave() {
        leaving_ = true;
        if (door_.joinable()) door_.join();
        gone_ = true;
        if (desk_.joinable()) desk_.join();
    }
    void welcome() {
        try {
            for (bool last = false; !last && stage_.server().speaking();) {
                last = leaving_;
                const auto start = std::chrono::steady_clock::now();
                const bool served = stage_.serves_newcomer(patience);
                const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
                seen_.all_served = served;
                if (!served) break; // it is known now; waiting again would only take longer
                seen_.waits.push_back(took.count());
                for (int tick = 0; tick != 10 && !leaving_; ++tick) std::this_thread::sleep_for(5ms);
            }
        } catch (...) {
            broken_ = std::current_exception();
        }
    }
    void count() {
        while (!gone_) {
            least_free_ = std::min(least_free_, stage_.server().free_descriptors());
            std::this_thread::sleep_for(20ms);
        }
        seen_.least_free = least_free_;
    }

    stage& stage_;
    findings seen_;
    std::exception_ptr broken_;
    std::size_t least_free_ = descriptor_limit; // of desk_ alone
    std::atomic<bool> leaving_{false};
    std::atomic<bool> gone_{false};
    std::thread door_;
    std::thread desk_; // last: everything above exists when it starts
};

/// Processor time that a program used since this was made.
class busy_time {
public:
    explicit busy_time(const victim& of) : of_{of} {}
    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(of_.processor_time() - before_).count();
    }
    /// As a share of one processor.
    [[nodiscard]] double share() const {
        return seconds() / std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }

private:
    const victim& of_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    std::chrono::nanoseconds before_ = of_.processor_time();
};

} // namespace gauntlet

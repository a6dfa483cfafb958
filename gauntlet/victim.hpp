// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A program under attack: its process, what it says, and what it costs while it runs. Gauntlet.

#include "memory.hpp"

#include "../tests/wire/support/eventually.hpp"
#include "../tests/wire/support/process.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <time.h>

namespace gauntlet {

using namespace std::chrono_literals;

/// Address space of each program. Generous for the job, and small enough that a program without limits meets its end
/// here and not at the expense of the machine.
inline constexpr std::uint64_t memory_limit = 1ULL << 30U;

/// Descriptors of each program: what a system gives a process unless it is told otherwise.
inline constexpr std::size_t descriptor_limit = 1024;

/// An order the program says it took.
struct delivery {
    std::uint64_t number = 0;
    std::uint64_t bytes = 0;
    std::string text{};
    std::chrono::steady_clock::time_point at{}; ///< when the gauntlet heard of it
};

/// A line of one word and perhaps a number.
struct remark {
    std::uint64_t number = 0;
    std::chrono::steady_clock::time_point at{}; ///< when the gauntlet heard it
};

/// An order that a client has an acknowledgement of.
struct acknowledgement {
    std::uint64_t number = 0;
    std::uint64_t microseconds = 0; ///< since it was sent first
    std::chrono::steady_clock::time_point at{};
};

class victim {
public:
    victim(const std::vector<std::string>& command, memory_log& memory)
        : process_{wire::child::start(
              command, {.address_space = memory_limit, .descriptors = descriptor_limit, .errors_too = true})},
          memory_{memory}, number_{memory.begin()} {
        ear_ = std::thread{[this] { listen(); }};
    }
    victim(const victim&) = delete;
    victim& operator=(const victim&) = delete;
    ~victim() {
        leaving_ = true;
        ear_.join(); // a last look at its memory comes before its end
        process_.kill();
    }

    /// Waits until the condition holds; asked whenever the program says something. False at the deadline, or when the
    /// program is gone and the condition does not hold.
    template <class Condition> [[nodiscard]] bool wait(const wire::deadline& until, Condition&& holds) {
        std::unique_lock hold{lock_};
        for (;;) {
            if (holds()) return true;
            if (silent_ || until.passed()) return holds();
            heard_.wait_for(hold, std::min<std::chrono::milliseconds>(until.remaining(), 20ms));
        }
    }
    /// Waits for the next word of the program, for a tick at most.
    void wait_a_tick(std::chrono::milliseconds tick) {
        std::unique_lock hold{lock_};
        heard_.wait_for(hold, tick);
    }

    /// Whether it opened its socket.
    [[nodiscard]] bool opened() {
        (void)wait(10s, [this] { return port_.has_value() || refusal_.has_value(); });
        const std::lock_guard hold{lock_};
        return port_.has_value();
    }
    [[nodiscard]] std::uint16_t port() const {
        const std::lock_guard hold{lock_};
        return port_.value_or(0);
    }
    /// Why it did not open its socket, in its own words.
    [[nodiscard]] std::optional<std::string> refusal() const {
        const std::lock_guard hold{lock_};
        return refusal_;
    }
    /// The bound it states on its own memory: memory_ceiling + guard_slack. The bare program knows of none.
    [[nodiscard]] std::optional<std::uint64_t> stated_bound() const {
        const std::lock_guard hold{lock_};
        return bound_;
    }

    /// Sends a command; false when the program is gone.
    bool tell(std::string_view command) { return process_.write_line(command); }

    /// Sends a command and waits for that answer.
    [[nodiscard]] bool ask(std::string_view command, const std::string& answer, const wire::deadline& until = 5s) {
        const std::size_t before = answers(answer);
        return tell(command) && wait(until, [&] { return answers_[answer] > before; });
    }
    [[nodiscard]] std::size_t answers(const std::string& answer) const {
        const std::lock_guard hold{lock_};
        const auto found = answers_.find(answer);
        return found == answers_.end() ? 0 : found->second;
    }

    /// The last answer of that kind.
    [[nodiscard]] remark last_answer(const std::string& answer) const {
        const std::lock_guard hold{lock_};
        const auto found = last_.find(answer);
        return found == last_.end() ? remark{} : found->second;
    }
    /// Orders of its own that were acknowledged.
    [[nodiscard]] std::vector<acknowledgement> acknowledged() const {
        const std::lock_guard hold{lock_};
        return acknowledged_;
    }
    /// Waits until so many were; says how many.
    std::size_t await_acknowledgements(std::size_t orders, const wire::deadline& until) {
        (void)wait(until, [&] { return acknowledged_.size() >= orders; });
        const std::lock_guard hold{lock_};
        return acknowledged_.size();
    }

    /// Orders it took from that sender, in the order it took them.
    [[nodiscard]] std::vector<delivery> delivered(const std::string& from) const {
        const std::lock_guard hold{lock_};
        const auto found = delivered_.find(from);
        return found == delivered_.end() ? std::vector<delivery>{} : found->second;
    }
    [[nodiscard]] std::size_t count(const std::string& from) const {
        const std::lock_guard hold{lock_};
        const auto found = delivered_.find(from);
        return found == delivered_.end() ? 0 : found->second.size();
    }
    /// Waits until it took so many orders from that sender; says how many it took.
    std::size_t await(const std::string& from, std::size_t orders, const wire::deadline& until) {
        (void)wait(until, [&] { return delivered_[from].size() >= orders; });
        return count(from);
    }
    /// Messages it read that were no orders.
    [[nodiscard]] std::size_t strange() const { return answers("strange"); }

    /// False once its end has been noticed.
    [[nodiscard]] bool speaking() const {
        const std::lock_guard hold{lock_};
        return !silent_;
    }
    [[nodiscard]] bool alive() { return process_.alive(); }
    /// How it ended; empty while it runs.
    [[nodiscard]] std::optional<wire::exit_status> ended(const wire::deadline& until) { return process_.wait(until); }
    /// What it said that is no line of the protocol: the last words of a program that was ended, for example.
    [[nodiscard]] std::vector<std::string> asides() const {
        const std::lock_guard hold{lock_};
        return asides_;
    }
    /// Waits until it has said all it ever will.
    void hear_out(const wire::deadline& until) {
        (void)wait(until, [this] { return silent_; });
    }

    /// Forgets what it has said so far; it goes on.
    void turn_the_page() {
        const std::lock_guard hold{lock_};
        delivered_.clear();
        answers_.clear();
        last_.clear();
        acknowledged_.clear();
        asides_.clear();
    }
    /// Resident memory at the moment; 0 when it is gone.
    [[nodiscard]] std::uint64_t resident() const { return wire::resident_bytes(process_.pid()); }
    /// Descriptors it has open; 0 when it is gone.
    [[nodiscard]] std::size_t descriptors() const { return wire::open_descriptors(process_.pid()); }

    /// Memory growth counts from here.
    void take_baseline() {
        const std::lock_guard hold{measure_};
        (void)wire::reset_peak(process_.pid());
        resident_base_ = resident_peak_ = wire::resident_bytes(process_.pid());
        space_base_ = space_peak_ = space();
    }
    /// Most resident memory since, beyond what it had then.
    [[nodiscard]] std::uint64_t growth() {
        sample();
        const std::lock_guard hold{measure_};
        return resident_peak_ - std::min(resident_base_, resident_peak_);
    }
    /// Most address space since, beyond what it had then.
    [[nodiscard]] std::uint64_t reserved() {
        sample();
        const std::lock_guard hold{measure_};
        return space_peak_ - std::min(space_base_, space_peak_);
    }
    /// Descriptors it may still open; none when it is gone.
    [[nodiscard]] std::size_t free_descriptors() const {
        const std::size_t open = wire::open_descriptors(process_.pid());
        return open == 0 ? 0 : descriptor_limit - std::min(open, descriptor_limit);
    }
    /// Processor time it has used so far, in all its threads.
    [[nodiscard]] std::chrono::nanoseconds processor_time() const {
        clockid_t clock{};
        timespec used{};
        if (::clock_getcpuclockid(process_.pid(), &clock) != 0 || ::clock_gettime(clock, &used) != 0) return {};
        return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
    }
    /// Whether it can open a file of its own.
    [[nodiscard]] bool opens_a_file() { return ask("open-file", "file", 2s); }

private:
    [[nodiscard]] std::uint64_t space() const {
        return wire::detail::kilobytes_after(wire::detail::read_proc(process_.pid(), "status"), "VmSize:").value_or(0);
    }
    void sample() {
        const std::lock_guard hold{measure_};
        const auto peak = wire::peak_resident_bytes(process_.pid());
        resident_peak_ = std::max(resident_peak_, peak);
        memory_.note_peak(number_, peak);
        space_peak_ = std::max(space_peak_, space());
    }

    void listen() {
        const memory_gauge gauge{process_.pid()};
        auto next_sample = std::chrono::steady_clock::now();
        auto next_note = next_sample;
        while (!leaving_) {
            const wire::deadline until{10ms};
            auto line = process_.read_line(until);
            if (line) {
                const std::lock_guard hold{lock_};
                take(*line);
            }
            const bool at_its_end = !line && !until.passed();
            heard_.notify_all();
            if (at_its_end) break;
            const auto now = std::chrono::steady_clock::now();
            if (now >= next_sample) {
                sample();
                next_sample = now + 10ms;
            }
            if (now >= next_note) {
                memory_.note(number_, gauge);
                next_note = now + memory_.pace();
            }
        }
        if (leaving_)
            memory_.note(number_, gauge); // what it has in the end
        else
            memory_.note_end(number_);
        const std::lock_guard hold{lock_};
        silent_ = true;
        heard_.notify_all();
    }

    static std::string_view word(std::string_view& rest) {
        const auto blank = std::min(rest.find(' '), rest.size());
        const auto first = rest.substr(0, blank);
        rest.remove_prefix(std::min(blank + 1, rest.size()));
        return first;
    }
    static std::optional<std::uint64_t> number(std::string_view text) {
        std::uint64_t value = 0;
        const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (text.empty() || problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
        return value;
    }

    void take(std::string_view line) {
        std::string_view rest = line;
        const auto what = word(rest);
        if (what == "delivered") {
            const auto order = number(word(rest));
            const auto from = word(rest);
            const auto size = number(word(rest));
            if (order && size && !from.empty()) {
                delivered_[std::string{from}].push_back(
                    {*order, *size, std::string{rest}, std::chrono::steady_clock::now()});
                return;
            }
        } else if (what == "ready") {
            port_ = static_cast<std::uint16_t>(number(word(rest)).value_or(0));
            const auto ceiling = number(word(rest));
            const auto slack = number(word(rest));
            if (ceiling && slack) bound_ = *ceiling + *slack;
            return;
        } else if (what == "refused") {
            refusal_ = rest;
            return;
        } else if (what == "acknowledged") {
            const auto order = number(word(rest));
            const auto took = number(word(rest));
            if (order && took) {
                acknowledged_.push_back({*order, *took, std::chrono::steady_clock::now()});
                return;
            }
        } else if (what == "pong" || what == "paused" || what == "resumed" || what == "dead" || what == "queued" ||
                   what == "strange" || what == "file" || what == "no-file" || what == "delayed" ||
                   what == "answered" || what == "kept" || what == "revoked" || what == "reloaded" ||
                   what == "rotated" || what == "renewed" || what == "held" || what == "bye") {
            ++answers_[std::string{what}];
            last_[std::string{what}] = {number(word(rest)).value_or(0), std::chrono::steady_clock::now()};
            return;
        }
        if (asides_.size() < 20) asides_.emplace_back(line);
    }

    wire::child process_;
    memory_log& memory_;
    std::size_t number_;      // of this process in that log
    mutable std::mutex lock_; // guards all down to silent_
    std::condition_variable heard_;
    std::optional<std::uint16_t> port_;
    std::optional<std::string> refusal_;
    std::optional<std::uint64_t> bound_;
    std::map<std::string, std::vector<delivery>> delivered_;
    std::map<std::string, std::size_t> answers_;
    std::map<std::string, remark> last_;
    std::vector<acknowledgement> acknowledged_;
    std::vector<std::string> asides_;
    bool silent_ = false;

    std::mutex measure_; // guards all down to space_peak_
    std::uint64_t resident_base_ = 0;
    std::uint64_t resident_peak_ = 0;
    std::uint64_t space_base_ = 0;
    std::uint64_t space_peak_ = 0;

    std::atomic<bool> leaving_{false};
    std::thread ear_; // last: everything above exists when it starts
};

} // namespace gauntlet

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Memory of a program over time, as the kernel counts it. Gauntlet.

#include "../tests/wire/support/descriptor.hpp"

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace gauntlet {

struct memory_sample {
    double seconds = 0; ///< since the attack's row began
    std::uint64_t resident = 0;
    std::uint64_t space = 0; ///< address space, which is what the program's limit counts
};

/// One process from its start to its end. A row has several where it starts the program more than once.
struct process_memory {
    std::vector<memory_sample> samples{};
    std::uint64_t peak = 0;        ///< resident, by the kernel's own mark: what happens between two samples counts too
    std::optional<double> ended{}; ///< when it ended by itself; empty when it ran as long as the row did
};

/// The kernel's figures for one process. The file is opened once and stays with that process: when it is gone there is
/// nothing to read, whoever gets its number next.
class memory_gauge {
public:
    struct reading {
        std::uint64_t resident;
        std::uint64_t space;
    };

    explicit memory_gauge(pid_t of)
        : statm_{::open(("/proc/" + std::to_string(of) + "/statm").c_str(), O_RDONLY | O_CLOEXEC)} {}

    /// Empty when the process is gone.
    [[nodiscard]] std::optional<reading> read() const noexcept {
        char text[128];
        const ssize_t got = statm_.open() ? ::pread(statm_.get(), text, sizeof text, 0) : 0;
        if (got <= 0) return std::nullopt;
        const char* const end = text + got;
        std::uint64_t space = 0;
        std::uint64_t resident = 0;
        const auto first = std::from_chars(text, end, space);
        if (first.ec != std::errc{} || first.ptr == end) return std::nullopt;
        if (std::from_chars(first.ptr + 1, end, resident).ec != std::errc{}) return std::nullopt;
        if (resident == 0) return std::nullopt; // it has ended, and only its number is still there
        static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
        return reading{resident * page, space * page};
    }

private:
    wire::descriptor statm_;
};

/// What the processes of one row and one program used, in the order they were started.
class memory_log {
public:
    explicit memory_log(std::chrono::steady_clock::time_point since) : since_{since} {}

    /// A new process; what follows is noted under the number returned.
    [[nodiscard]] std::size_t begin() {
        const std::lock_guard hold{lock_};
        processes_.emplace_back();
        return processes_.size() - 1;
    }
    void note(std::size_t process, const memory_gauge& gauge) {
        const auto now = gauge.read();
        if (!now) return;
        const std::lock_guard hold{lock_};
        processes_[process].samples.push_back({seconds(), now->resident, now->space});
        raise(process, now->resident);
    }
    void note_peak(std::size_t process, std::uint64_t resident) {
        const std::lock_guard hold{lock_};
        raise(process, resident);
    }
    void note_end(std::size_t process) {
        const std::lock_guard hold{lock_};
        processes_[process].ended = seconds();
    }

    /// When the next sample is due: some attacks are over within a tenth of a second, others last ten.
    [[nodiscard]] std::chrono::milliseconds pace() const { return std::chrono::milliseconds{seconds() < 1 ? 10 : 50}; }

    [[nodiscard]] std::vector<process_memory> take() {
        const std::lock_guard hold{lock_};
        return std::exchange(processes_, {});
    }

private:
    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - since_).count();
    }
    void raise(std::size_t process, std::uint64_t resident) {
        if (resident > processes_[process].peak) processes_[process].peak = resident;
    }

    std::chrono::steady_clock::time_point since_;
    std::mutex lock_;
    std::vector<process_memory> processes_;
};

} // namespace gauntlet

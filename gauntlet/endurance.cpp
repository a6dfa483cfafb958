// SPDX-License-Identifier: MIT
#include "endurance.hpp"

#include "stage.hpp"

#include <algorithm>
#include <functional>
#include <future>
#include <memory>
#include <mutex>

#include <fmt/core.h>

namespace gauntlet {

namespace {

double mebibytes(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

/// The least it has within three seconds: what was hung up on goes when libzmq's thread gets to it, and memory is handed
/// back at most once a second.
resting rest(const std::unique_ptr<victim>& of) {
    if (!of) return {};
    resting least{of->resident(), of->descriptors()};
    (void)wire::eventually(
        [&] {
            least.resident = std::min(least.resident, of->resident());
            least.descriptors = std::min(least.descriptors, of->descriptors());
            return false;
        },
        3s);
    return least;
}

std::string worse(const char* job, const resting& now, const resting& first) {
    std::string text;
    if (now.resident > first.resident + pass::memory_varies)
        text += fmt::format("; {} grew by {:.1f} MiB", job, mebibytes(now.resident - first.resident));
    if (now.descriptors > first.descriptors)
        text += fmt::format("; {} has {} descriptors more", job, now.descriptors - first.descriptors);
    if (now.resident == 0 && first.resident != 0) text += fmt::format("; {} is gone", job);
    return text;
}

std::string said(const char* job, const resting& now) {
    return now.resident == 0
               ? std::string{}
               : fmt::format("; {} {:.1f} MiB, {} descriptors", job, mebibytes(now.resident), now.descriptors);
}

} // namespace

std::string pass::worse_than(const pass& first) const {
    std::string text = worse("sink", sink, first.sink);
    text += worse("feed", feed, first.feed);
    text.erase(0, 2); // the first separator
    return text;
}

std::string pass::text(std::size_t number) const {
    return fmt::format("pass {}, {:.1f} min: held {} of {}; {} of {} honest orders arrived{}{}", number, seconds / 60,
                       held, rows, delivered, sent, said("sink", sink), said("feed", feed));
}

std::vector<pass> endure(std::span<const attack* const> rows, const surroundings& where,
                         std::chrono::duration<double> time, const std::function<void(const std::string&)>& tick,
                         const std::function<void(const pass&, std::size_t number)>& done) {
    const auto start = std::chrono::steady_clock::now();
    const auto passed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start); };
    std::mutex lock; // guards both
    std::vector<pass> all;
    std::string under_way;
    // One thread for all of it: a program ends with the thread that started it.
    const auto work = [&] {
        lodging home{where};
        for (std::size_t number = 1; number <= 2 || passed() < time; ++number) {
            pass now;
            for (const attack* const what : rows) {
                {
                    const std::lock_guard hold{lock};
                    under_way = fmt::format("pass {}: {}", number, what->id);
                }
                const outcome came = run(*what, program::ironhouse, where, start, &home);
                ++now.rows;
                now.held += came.held ? 1 : 0;
                if (!came.held) now.complaints.push_back(fmt::format("{}: {} ({})", what->id, came.text, came.figure));
                if (!came.honest) continue;
                now.sent += came.honest->sent;
                now.delivered += came.honest->delivered;
            }
            now.sink = rest(home.sink);
            now.feed = rest(home.feed);
            now.seconds = passed().count();
            const std::lock_guard hold{lock};
            all.push_back(std::move(now));
        }
    };
    auto worker = std::async(std::launch::async, work);
    for (std::size_t told = 0;;) {
        const bool over = worker.wait_for(60ms) == std::future_status::ready;
        const std::lock_guard hold{lock};
        for (; told != all.size(); ++told) done(all[told], told + 1);
        if (over) break;
        tick(fmt::format("{:.1f} min, {}", passed().count() / 60, under_way));
    }
    worker.get();
    return all;
}

} // namespace gauntlet

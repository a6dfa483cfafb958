// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Whether libzmq's I/O threads have come to the end of what they were doing. Layer: detail.
///
/// The seam to Linux (/proc/self/task). Elsewhere, and where it cannot be read, a millisecond has to do.

#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/row.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>

#if defined(__linux__)
#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#endif

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// The I/O threads of one context. A thread too many is waited for as well.
class io_threads {
public:
    io_threads() = default;
    io_threads(const io_threads&) = delete;
    io_threads& operator=(const io_threads&) = delete;
    ~io_threads() {
#if defined(__linux__)
        for (const one& each : all_) ::close(each.doing);
#endif
    }

    /// The numbers of all I/O threads in this process.
    [[nodiscard]] static row<int> of_this_process() {
        row<int> found;
#if defined(__linux__)
        DIR* const list = ::opendir("/proc/self/task");
        if (list == nullptr) return found;
        while (const auto* const item = ::readdir(list)) {
            const int number = std::atoi(item->d_name);
            char name[32] = "";
            const int file = number > 0 ? open_file(number, "/comm") : -1;
            if (file < 0) continue;
            const auto length = ::read(file, name, sizeof name - 1);
            ::close(file);
            if (length > 0 && std::string{name}.find("/IO/") != std::string::npos) found.push_back(number);
        }
        ::closedir(list);
#endif
        return found;
    }
    /// These are the ones that were not there before; so many are waited for, since a thread takes its name when it runs.
    void are_new_since(row<int>& before, int many) {
#if defined(__linux__)
        if (::access("/proc/self/task", R_OK) != 0) return; // nothing to wait for
        row<int> found;
        for (int tries = 0; tries != 2'000; ++tries) {
            found = of_this_process();
            found.erase_if(
                [&](int number) { return before.find([&](int each) { return each == number; }) != nullptr; });
            if (static_cast<int>(found.size()) >= many) break;
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
        }
        for (const int number : found)
            if (const int file = open_file(number, "/syscall"); file >= 0) all_.push_back({number, file, {}, false});
#else
        (void)before;
        (void)many;
#endif
    }

    /// Waits until each of them has finished what it was about when this was called: it waits for events again, or it has
    /// worked for longer than one message takes it. False when that has not been seen in so long.
    [[nodiscard]] bool have_gone_on(std::chrono::milliseconds patience) {
        using clock = std::chrono::steady_clock;
        if (all_.empty()) {
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
            return true;
        }
#if defined(__linux__)
        for (one& each : all_) {
            each.began = worked(each.number);
            each.done = false;
        }
        for (const auto until = clock::now() + patience;; std::this_thread::sleep_for(std::chrono::microseconds{20})) {
            bool all = true;
            for (one& each : all_) all = (each.done = each.done || has_gone_on(each)) && all;
            if (all) return true;
            if (clock::now() >= until) return false;
        }
#else
        (void)patience;
        return true;
#endif
    }

private:
#if defined(__linux__)
    struct one {
        int number;
        int doing; // open
        std::chrono::nanoseconds began;
        bool done;
    };
    [[nodiscard]] static int open_file(int number, const char* file) {
        const std::string path = "/proc/self/task/" + std::to_string(number) + file;
        return ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    }
    // What it has used of a processor; the clock's number is the kernel's for threads of this process.
    [[nodiscard]] static std::chrono::nanoseconds worked(int number) noexcept {
        ::timespec used{};
        const auto which = static_cast<::clockid_t>((~static_cast<unsigned>(number) << 3U) | 6U);
        if (::clock_gettime(which, &used) != 0) return {};
        return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
    }
    // A message takes a few microseconds.
    [[nodiscard]] static bool has_gone_on(const one& thread) noexcept {
        char what[32] = "";
        const auto length = ::pread(thread.doing, what, sizeof what - 1, 0);
        if (length <= 0) return true; // it has ended
        char* end = what;
        const long call = std::strtol(what, &end, 10);
        if (end != what) {
#if defined(SYS_epoll_wait)
            if (call == SYS_epoll_wait) return true;
#endif
            if (call == SYS_epoll_pwait) return true;
        }
        return worked(thread.number) - thread.began >= std::chrono::microseconds{200};
    }
#else
    struct one {};
#endif
    row<one> all_;
};

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

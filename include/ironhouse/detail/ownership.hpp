// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Who owns a socket: one thread of one process, told apart without a system call. Layer: detail.

#include <ironhouse/detail/abi.hpp>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <sys/uio.h>
#include <unistd.h>
#endif

namespace ironhouse::inline IRONHOUSE_ABI::detail {

// 0 means "not numbered yet", and in a forked child "not numbered again yet".
constinit inline thread_local std::uint64_t thread_number = 0;

inline std::atomic<std::uint64_t> threads_numbered{0};
inline std::atomic<std::uint32_t> forks_survived{0};

// getpid() is a system call in current C libraries, so a fork is noticed by this handler and not by asking.
inline bool watch_for_forks() noexcept {
#if defined(__unix__) || defined(__APPLE__)
    return ::pthread_atfork(nullptr, nullptr, [] {
               thread_number = 0;
               forks_survived.fetch_add(1, std::memory_order_relaxed);
           }) == 0;
#else
    return true;
#endif
}

/// The calling thread's number; given out on first use, never twice in a process or its children.
[[gnu::cold]] inline std::uint64_t number_this_thread() noexcept {
    static const bool watching = watch_for_forks();
    if (!watching) std::abort();
    if (thread_number == 0) thread_number = threads_numbered.fetch_add(1, std::memory_order_relaxed) + 1;
    return thread_number;
}

[[nodiscard]] inline std::uint32_t process_generation() noexcept {
    return forks_survived.load(std::memory_order_relaxed);
}

/// Ends the process with one line on stderr. Allocates nothing: it also runs in forked children.
[[noreturn, gnu::cold, gnu::noinline]] inline void die(const char* line) noexcept {
#if defined(__unix__) || defined(__APPLE__)
    // One call: other threads write to stderr as well, and the line is to stay one.
    const auto part = [](const char* text) { return ::iovec{const_cast<char*>(text), std::strlen(text)}; };
    const ::iovec parts[] = {part("ironhouse: fatal: "), part(line), part("\n")};
    if (::writev(2, parts, 3) < 0) std::abort();
#else
    (void)line;
#endif
    std::abort();
}

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A thread of the library's own. Layer: detail.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>

#include <thread>

#include <csignal>
#include <pthread.h>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// Runs one function. No signal handler of the application runs on it: they belong on the application's threads.
class background_thread {
public:
    /// \param name    As top and gdb show it; at most 15 characters.
    /// \param during  What the error says could not be done.
    /// \throws        error::exhausted when the system has no thread to give.
    void start(const char* name, const char* during, void (*body)(void*), void* with) {
        sigset_t all, before;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        try {
            thread_ = std::thread{[name, body, with] {
#if defined(__linux__)
                ::pthread_setname_np(::pthread_self(), name);
#else
                (void)name;
#endif
                body(with);
            }};
        } catch (...) {
            ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
            throw error{error::exhausted, during, "the system has no thread to give"};
        }
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    [[nodiscard]] bool runs() const noexcept { return thread_.joinable(); }
    void join() { thread_.join(); }

private:
    std::thread thread_;
};

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Threads that can be given nothing they would have to share. Layer: threads.

#include <ironhouse/core/endpoint.hpp>
#include <ironhouse/core/limits.hpp>
#include <ironhouse/core/message.hpp>
#include <ironhouse/core/units.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/fwd.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>
// For std::reference_wrapper, which libstdc++ declares with <thread>, at a fraction of the cost.
#if !defined(__GLIBCXX__)
#include <functional>
#endif

namespace ironhouse::inline IRONHOUSE_ABI {

/// Whether a value of this type may go to another thread. An allow-list: specialise it for a type of yours that holds no
/// pointer, no reference and no socket, or that is safe to share.
template <class T> inline constexpr bool enable_sendable = std::is_arithmetic_v<T> || std::is_enum_v<T>;

/// \cond each is one more type on the list
template <> inline constexpr bool enable_sendable<std::string> = true;
template <> inline constexpr bool enable_sendable<std::stop_token> = true;
template <> inline constexpr bool enable_sendable<std::stop_source> = true;
template <class Rep, class Period> inline constexpr bool enable_sendable<std::chrono::duration<Rep, Period>> = true;
template <class Clock, class Duration>
inline constexpr bool enable_sendable<std::chrono::time_point<Clock, Duration>> = true;

template <class T> inline constexpr bool enable_sendable<std::vector<T>> = enable_sendable<T>;
template <class T, std::size_t N> inline constexpr bool enable_sendable<std::array<T, N>> = enable_sendable<T>;
template <class T> inline constexpr bool enable_sendable<std::optional<T>> = enable_sendable<T>;
template <class T> inline constexpr bool enable_sendable<std::unique_ptr<T>> = enable_sendable<T>;
template <class A, class B>
inline constexpr bool enable_sendable<std::pair<A, B>> = enable_sendable<A>&& enable_sendable<B>;
template <class... T> inline constexpr bool enable_sendable<std::tuple<T...>> = (enable_sendable<T> && ...);

// Safe to share by nature, and outlived by whoever passes them.
template <> inline constexpr bool enable_sendable<std::reference_wrapper<context>> = true;
template <class T> inline constexpr bool enable_sendable<std::reference_wrapper<std::atomic<T>>> = true;

template <> inline constexpr bool enable_sendable<bytes> = true;
template <> inline constexpr bool enable_sendable<messages> = true;
template <> inline constexpr bool enable_sendable<frames> = true;
template <> inline constexpr bool enable_sendable<peers> = true;
template <> inline constexpr bool enable_sendable<per_second> = true;
template <class Owed> inline constexpr bool enable_sendable<basic_inbound<Owed>> = true;
template <class Owed> inline constexpr bool enable_sendable<basic_outbound<Owed>> = true;
template <class Owed> inline constexpr bool enable_sendable<basic_duplex<Owed>> = true;
template <frames Frames, bytes Frame> inline constexpr bool enable_sendable<message<Frames, Frame>> = true;

template <> inline constexpr bool enable_sendable<public_key> = true;
template <> inline constexpr bool enable_sendable<secret_key> = true;
template <> inline constexpr bool enable_sendable<keypair> = true;
template <> inline constexpr bool enable_sendable<certificate> = true;
template <> inline constexpr bool enable_sendable<public_certificate> = true;
template <> inline constexpr bool enable_sendable<keyring> = true;
template <> inline constexpr bool enable_sendable<domain> = true;
template <class Owed> inline constexpr bool enable_sendable<basic_curve_server<Owed>> = true;
template <class Owed> inline constexpr bool enable_sendable<basic_curve_client<Owed>> = true;
template <> inline constexpr bool enable_sendable<in_process> = true;
template <transports Set> inline constexpr bool enable_sendable<basic_endpoint<Set>> = true;
template <transports Set> inline constexpr bool enable_sendable<connect_endpoint<Set>> = true;
template <class Socket> inline constexpr bool enable_sendable<detached<Socket>> = true;
/// \endcond

/// May go to another thread by value.
template <class T> concept sendable = enable_sendable<std::remove_cv_t<T>>;

/// A function without a memory of its own: a plain one, or a lambda that captures nothing.
template <class F>
concept captures_nothing = std::is_empty_v<F> ||(std::is_pointer_v<F>&& std::is_function_v<std::remove_pointer_t<F>>);

/// A thread whose function captures nothing and whose arguments are moved in: what it uses, it owns.
///
/// A socket goes in detached; the context as std::ref(context). Joins when destroyed, after asking it to stop.
///
/// \threads  Its owner.
/// \maps     std::jthread; its start and end are the fences that a socket's migration needs.
class thread {
public:
    /// No thread yet.
    thread() noexcept = default;
    /// \param work       A function that captures nothing; it may take a std::stop_token first.
    /// \param arguments  Moved, or copied, into the thread.
    /// \throws  std::system_error when the system has no thread to give.
    template <captures_nothing Work, class... Arguments>
        requires(sendable<std::decay_t<Arguments>>&&...)
    explicit thread(Work work, Arguments&&... arguments)
        : thread_{std::move(work), std::forward<Arguments>(arguments)...} {}

    /// Waits for the end.
    void join() { thread_.join(); }
    /// Whether there is something to wait for.
    [[nodiscard]] bool joinable() const noexcept { return thread_.joinable(); }
    /// Asks it to stop.
    bool request_stop() noexcept { return thread_.request_stop(); }
    /// What its function sees of request_stop().
    [[nodiscard]] std::stop_token stop_token() const noexcept { return thread_.get_stop_token(); }

private:
    std::jthread thread_;
};

} // namespace ironhouse::inline IRONHOUSE_ABI

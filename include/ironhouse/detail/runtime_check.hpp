// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Whether system/runtime.hpp is linked, and whether libzmq really calls it. Layer: detail.

#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/runtime_registry.hpp>

#include <atomic>
#include <cstdint>

#if defined(__linux__)
#include <cstddef>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>
#endif

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// What system/runtime.hpp says of itself.
struct runtime_card {
    const char* off;          ///< why it does nothing in this program; null when it does
    bool (*wipes)() noexcept; ///< whether its operator delete is the one that libraries find
};

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

#if defined(__linux__)
// Weak: where no source file of the program includes system/runtime.hpp, it has no address.
extern "C" [[gnu::weak, gnu::visibility("default")]] const ironhouse::detail::runtime_card ironhouse_runtime_card;
#endif

namespace ironhouse::inline IRONHOUSE_ABI::detail {

enum class runtime_finding : std::uint8_t {
    unknown, ///< nobody has looked, or there was no room to
    in_effect,
    not_linked,
    off,        ///< sanitizers
    unheard,    ///< libzmq receives and accepts without it
    not_wiping, ///< libzmq's memory is released without it
};

#if defined(__linux__)

/// Lets a libzmq of its own accept a connection and read its greeting, and looks whether both were noticed. A millisecond.
[[nodiscard]] inline runtime_finding try_runtime() noexcept {
    struct closes {
        int fd;
        ~closes() {
            if (fd >= 0) ::close(fd);
        }
    };
    // libzmq aborts when a new context finds no descriptors.
    {
        closes spare[16];
        for (auto& each : spare) each.fd = ::dup(2);
        for (const auto& each : spare)
            if (each.fd < 0) return runtime_finding::unknown;
    }
    // A local socket with a name that the kernel chooses: no network, no file.
    closes listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    ::sockaddr_un name{};
    name.sun_family = AF_UNIX;
    ::socklen_t size = sizeof name.sun_family;
    if (listener.fd < 0 || ::bind(listener.fd, reinterpret_cast<::sockaddr*>(&name), size) != 0 ||
        ::listen(listener.fd, 1) != 0)
        return runtime_finding::unknown;
    size = sizeof name;
    if (::getsockname(listener.fd, reinterpret_cast<::sockaddr*>(&name), &size) != 0) return runtime_finding::unknown;
    char address[sizeof name + 8] = "ipc://@";
    std::memcpy(address + 7, name.sun_path + 1, size - offsetof(::sockaddr_un, sun_path) - 1);

    struct seen {
        std::atomic<int> fd{-1};
        std::atomic<std::uint64_t> generation{0};
    } newcomer;
    const runtime_watcher noticing{&newcomer,
                                   [](void* who, const runtime_newcomer& it) noexcept {
                                       static_cast<seen*>(who)->fd.store(it.fd);
                                       static_cast<seen*>(who)->generation.store(it.generation);
                                       return true;
                                   },
                                   nullptr, runtime_unlimited};
    const std::uint64_t watched = watch_listener(listener.fd, noticing);
    if (watched == 0) return runtime_finding::unheard; // SO_COOKIE is missing

    runtime_finding found = runtime_finding::unknown;
    void* const context = ::zmq_ctx_new();
    void* const server = context == nullptr ? nullptr : ::zmq_socket(context, ZMQ_PULL);
    // libzmq closes the descriptor that it is given.
    const int given = server == nullptr ? -1 : ::fcntl(listener.fd, F_DUPFD_CLOEXEC, 0);
    const std::uint64_t watched_too = given < 0 ? 0 : watch_listener(given, noticing);
    closes client{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    constexpr unsigned char greeting[12] = {0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0};
    if (watched_too != 0 && client.fd >= 0 && ::zmq_setsockopt(server, ZMQ_USE_FD, &given, sizeof given) == 0) {
        if (::zmq_bind(server, address) != 0) {
            ::close(given);
        } else if (::connect(client.fd, reinterpret_cast<::sockaddr*>(&name), size) == 0 &&
                   ::send(client.fd, greeting, sizeof greeting, MSG_NOSIGNAL) == sizeof greeting) {
            // Once libzmq has read these it answers with more than the ten bytes that it begins with.
            std::size_t answered = 0;
            for (int patience = 0; patience != 100 && answered <= 10; ++patience) {
                ::pollfd readable{client.fd, POLLIN, 0};
                unsigned char sink[64];
                if (::poll(&readable, 1, 20) <= 0) continue;
                const ::ssize_t got = ::read(client.fd, sink, sizeof sink);
                if (got <= 0) break;
                answered += static_cast<std::size_t>(got);
            }
            runtime_counts counts;
            if (answered > 10)
                found = runtime_look_up(newcomer.fd.load(), newcomer.generation.load(), counts) && counts.received != 0
                            ? runtime_finding::in_effect
                            : runtime_finding::unheard;
        }
    } else if (given >= 0) {
        ::close(given);
    }
    constexpr int at_once = 0;
    if (server != nullptr) {
        ::zmq_setsockopt(server, ZMQ_LINGER, &at_once, sizeof at_once);
        ::zmq_close(server);
    }
    if (context != nullptr) ::zmq_ctx_term(context);
    if (watched_too != 0) forget_listener(given, watched_too);
    forget_listener(listener.fd, watched);
    if (newcomer.generation.load() != 0) forget_connection(newcomer.fd.load(), newcomer.generation.load());
    if (found == runtime_finding::in_effect && !ironhouse_runtime_card.wipes()) return runtime_finding::not_wiping;
    return found;
}

#endif

inline std::atomic<runtime_finding> runtime_found{runtime_finding::unknown};

/// Looks on first use, which starts and ends a libzmq context; later calls are one load. Any thread.
[[nodiscard]] inline runtime_finding look_for_runtime() noexcept {
#if defined(__linux__)
    if (&ironhouse_runtime_card == nullptr) return runtime_finding::not_linked;
    if (ironhouse_runtime_card.off != nullptr) return runtime_finding::off;
    runtime_finding found = runtime_found.load(std::memory_order_relaxed);
    if (found == runtime_finding::unknown) runtime_found.store(found = try_runtime(), std::memory_order_relaxed);
    return found;
#else
    return runtime_finding::not_linked;
#endif
}

/// Whether a source file of this program includes system/runtime.hpp, whatever comes of it.
[[nodiscard]] inline bool runtime_is_linked() noexcept { return look_for_runtime() != runtime_finding::not_linked; }

/// True when libzmq's recv() and accept4() are those of system/runtime.hpp, found out by letting it call them, and so is its
/// operator delete.
[[nodiscard]] inline bool runtime_in_effect() noexcept { return look_for_runtime() == runtime_finding::in_effect; }

/// The reason, in a sentence; empty when it is in effect.
[[nodiscard]] inline const char* why_runtime_is_not_in_effect() noexcept {
    switch (look_for_runtime()) {
    case runtime_finding::in_effect: return "";
    case runtime_finding::not_linked: return "no source file of this program includes <ironhouse/system/runtime.hpp>";
#if defined(__linux__)
    case runtime_finding::off: return ironhouse_runtime_card.off;
#else
    case runtime_finding::off:
#endif
    case runtime_finding::unheard:
        return "this libzmq does not call the executable's recv() and accept4(); it is linked so that it finds others";
    case runtime_finding::not_wiping:
        return "libzmq does not find the executable's operator delete; what it releases is not wiped";
    case runtime_finding::unknown: break;
    }
    return "it could not be found out: there are too few descriptors, or local sockets are forbidden";
}

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Several listeners at one address and port, and which of them newcomers go to. Layer: detail.
///
/// The seam to Linux (SO_REUSEPORT). Elsewhere listen_beside() finds nothing, and server keys cannot be rotated.

#include <ironhouse/detail/abi.hpp>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/filter.h>
#endif

#include <ironhouse/detail/kernel_socket.hpp>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// Reads an endpoint as libzmq spells those it has bound: "tcp://127.0.0.1:5555", "tcp://[::1]:5555"; and "*" for all
/// addresses. 0 when it is none.
[[nodiscard]] inline socklen_t read_bound(std::string_view endpoint, sockaddr_storage& into, bool ipv6 = false) {
    const auto colon = endpoint.rfind(':');
    if (!endpoint.starts_with("tcp://") || colon < 7 || colon == endpoint.npos) return 0;
    std::uint32_t port = 0;
    for (const char digit : endpoint.substr(colon + 1))
        if (digit != '*') port = port * 10 + static_cast<std::uint32_t>(digit - '0');
    std::string host{endpoint.substr(6, colon - 6)};
    if (host == "*") host = ipv6 ? "[::]" : "0.0.0.0";
    into = {};
    if (host.size() > 2 && host.front() == '[') {
        auto& in = reinterpret_cast<sockaddr_in6&>(into);
        in.sin6_family = AF_INET6;
        in.sin6_port = htons(static_cast<std::uint16_t>(port));
        host = host.substr(1, host.size() - 2);
        return ::inet_pton(AF_INET6, host.c_str(), &in.sin6_addr) == 1 ? sizeof in : 0;
    }
    auto& in = reinterpret_cast<sockaddr_in&>(into);
    in.sin_family = AF_INET;
    in.sin_port = htons(static_cast<std::uint16_t>(port));
    return ::inet_pton(AF_INET, host.c_str(), &in.sin_addr) == 1 ? sizeof in : 0;
}

#if defined(__linux__)
/// A listener of this process at that address, whose port may be shared from now on; -1 where there is none.
[[nodiscard]] inline int share_listener(const sockaddr_storage& at, socklen_t size) noexcept {
    const int limit = descriptor_limit();
    int found = -1;
    for (int fd = 0; fd != limit && fd != 65'536; ++fd) {
        int listens = 0;
        socklen_t length = sizeof listens;
        sockaddr_storage its{};
        socklen_t its_size = sizeof its;
        if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) != 0 || listens == 0) continue;
        if (::getsockname(fd, reinterpret_cast<sockaddr*>(&its), &its_size) != 0 || its_size != size ||
            std::memcmp(&its, &at, size) != 0)
            continue;
        const int on = 1;
        if (::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) found = fd;
    }
    return found;
}
#endif

/// One more listener where libzmq listens already: newcomers go to either, as the kernel chooses. Its options are those of
/// the other. -1, and errno, where that cannot be had.
[[nodiscard]] inline int listen_beside(const std::string& endpoint, int backlog) {
#if defined(__linux__)
    sockaddr_storage at;
    const socklen_t size = read_bound(endpoint, at);
    const int beside = size == 0 ? -1 : share_listener(at, size);
    if (beside < 0) return errno = EADDRNOTAVAIL, -1;
    const int made = ::socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0) return -1;
    const int on = 1;
    bool done = ::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                ::setsockopt(made, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0;
    for (const int option : {SO_SNDBUF, SO_RCVBUF}) {
        int held = 0;
        socklen_t length = sizeof held;
        if (::getsockopt(beside, SOL_SOCKET, option, &held, &length) != 0) continue;
        held /= 2; // the kernel doubles what it is told
        ::setsockopt(made, SOL_SOCKET, option, &held, sizeof held);
    }
    if (int only = 0; at.ss_family == AF_INET6) {
        socklen_t length = sizeof only;
        done = done && ::getsockopt(beside, IPPROTO_IPV6, IPV6_V6ONLY, &only, &length) == 0 &&
               ::setsockopt(made, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) == 0;
    }
    if (done && ::bind(made, reinterpret_cast<const sockaddr*>(&at), size) == 0 && ::listen(made, backlog) == 0)
        return made;
    const int kept = errno;
    ::close(made);
    errno = kept;
    return -1;
#else
    (void)endpoint;
    (void)backlog;
    errno = ENOTSUP;
    return -1;
#endif
}

/// A listener whose port other processes of this user may listen at too; each gets some of the newcomers. -1, and errno,
/// where that cannot be had.
[[nodiscard]] inline int listen_among(std::string_view endpoint, bool ipv6, int send_buffer, int receive_buffer,
                                      int backlog) {
#if defined(__linux__)
    sockaddr_storage at;
    const socklen_t size = read_bound(endpoint, at, ipv6);
    if (size == 0) return errno = EADDRNOTAVAIL, -1;
    const int made = ::socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0) return -1;
    const int on = 1, off = 0;
    ::setsockopt(made, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    ::setsockopt(made, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        ::setsockopt(made, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
        (at.ss_family != AF_INET6 || ::setsockopt(made, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0) &&
        ::bind(made, reinterpret_cast<const sockaddr*>(&at), size) == 0 && ::listen(made, backlog) == 0)
        return made;
    const int kept = errno;
    ::close(made);
    errno = kept;
    return -1;
#else
    (void)endpoint;
    (void)ipv6;
    (void)send_buffer;
    (void)receive_buffer;
    (void)backlog;
    errno = ENOTSUP;
    return -1;
#endif
}

/// From now on all newcomers go to the `which`th listener of that address, in the order in which they began to listen.
inline bool steer_newcomers(int listener, std::uint32_t which) noexcept {
#if defined(__linux__) && defined(SO_ATTACH_REUSEPORT_CBPF)
    sock_filter line{BPF_RET | BPF_K, 0, 0, which};
    const sock_fprog program{1, &line};
    return ::setsockopt(listener, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) == 0;
#else
    (void)listener;
    (void)which;
    return false;
#endif
}

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

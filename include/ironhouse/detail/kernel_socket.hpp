// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What the kernel knows of a connection: who it is, how much came in, how much went out. Layer: detail.
///
/// The seam to Linux. Elsewhere counters() says false, and connections are not guarded.

#include <ironhouse/detail/abi.hpp>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// Another descriptor for the same connection, which libzmq cannot close; -1 when there is none to have.
[[nodiscard]] inline int duplicate(int fd) noexcept { return ::fcntl(fd, F_DUPFD_CLOEXEC, 0); }

/// Tells this connection from every other since the system started; 0 when `fd` is none, or the kernel does not say.
[[nodiscard]] inline std::uint64_t cookie_of(int fd) noexcept {
    std::uint64_t cookie = 0;
#if defined(SO_COOKIE)
    socklen_t size = sizeof cookie;
    if (::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0) return 0;
#else
    (void)fd;
#endif
    return cookie;
}

/// Where a connection comes from.
struct peer_address {
    std::string text;             // as libzmq's ZAP requests spell it; empty where there is no address (ipc)
    unsigned char prefix[8] = {}; // what counts as one neighbourhood: an IPv4 /24 or an IPv6 /64
    bool has_counters = false;    // TCP
    bool is_v6 = false;
    std::uint16_t port_of_ours = 0, port_of_theirs = 0; // 0 for ipc

    [[nodiscard]] std::uint64_t neighbourhood() const noexcept {
        std::uint64_t number = 0;
        std::memcpy(&number, prefix, sizeof number);
        return number;
    }
    /// Who counts as one: an IPv4 address, or a whole IPv6 /64, since there is no telling how many of it somebody has.
    [[nodiscard]] std::string_view visitor() const noexcept {
        return is_v6 ? std::string_view{reinterpret_cast<const char*>(prefix), sizeof prefix} : std::string_view{text};
    }
};

/// What a peer's address is in words, and which neighbourhood it belongs to. Leaves `into` empty where there is none (ipc).
inline void read_address(const sockaddr* there, std::size_t size, peer_address& into) {
    if (there == nullptr || (there->sa_family != AF_INET && there->sa_family != AF_INET6)) return;
    char text[NI_MAXHOST] = {};
    if (::getnameinfo(there, static_cast<socklen_t>(size), text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) return;
    into.text = text;
#if defined(__linux__)
    into.has_counters = true;
#endif
    in_addr v4{};
    if (there->sa_family == AF_INET) {
        const auto& in = *reinterpret_cast<const sockaddr_in*>(there);
        v4 = in.sin_addr;
        into.port_of_theirs = ntohs(in.sin_port);
    } else {
        const auto& in = *reinterpret_cast<const sockaddr_in6*>(there);
        into.port_of_theirs = ntohs(in.sin6_port);
        if (!IN6_IS_ADDR_V4MAPPED(&in.sin6_addr)) {
            into.is_v6 = true;
            std::memcpy(into.prefix, &in.sin6_addr, 8);
            return;
        }
        std::memcpy(&v4, in.sin6_addr.s6_addr + 12, 4);
    }
    into.prefix[4] = 0xFF; // ::/8 is nobody's network
    std::memcpy(into.prefix + 5, &v4, 3);
}

/// False when the connection is gone already.
[[nodiscard]] inline bool look_up_peer(int fd, peer_address& into) {
    sockaddr_storage there{}, here{};
    socklen_t size = sizeof there, own = sizeof here;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&there), &size) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&here), &own) != 0)
        return false;
    read_address(reinterpret_cast<const sockaddr*>(&there), size, into);
    if (here.ss_family == AF_INET) into.port_of_ours = ntohs(reinterpret_cast<const sockaddr_in&>(here).sin_port);
    if (here.ss_family == AF_INET6) into.port_of_ours = ntohs(reinterpret_cast<const sockaddr_in6&>(here).sin6_port);
    return true;
}

/// What a connection has carried since it opened.
struct traffic {
    std::uint64_t consumed = 0;  // bytes that libzmq has read
    std::uint64_t written = 0;   // bytes that libzmq has written
    std::uint32_t silent_ms = 0; // since something came in
    bool all_read = false;       // nothing waits for libzmq in the kernel
    bool ended = false;          // the other end has closed, or the connection is broken
};

/// False where the kernel does not count: not TCP, gone, or not Linux 4.19 or later.
[[nodiscard]] inline bool counters(int fd, traffic& into) noexcept {
#if defined(__linux__)
    // The kernel's struct tcp_info, by offset: older headers lack the fields. All since Linux 4.19.
    constexpr int tcp_info_option = 11;
    constexpr std::size_t last_received_at = 52, received_at = 128, not_sent_at = 144, sent_at = 200,
                          retransmitted_at = 208;
    unsigned char info[216];
    socklen_t size = sizeof info;
    int unread = 0;
    // Unread last: what comes in between the two then makes `consumed` too small for a moment, never too large.
    if (::getsockopt(fd, IPPROTO_TCP, tcp_info_option, info, &size) != 0 || size < sizeof info) return false;
    if (::ioctl(fd, FIONREAD, &unread) != 0) return false;
    std::uint64_t received = 0, sent = 0, retransmitted = 0;
    std::uint32_t not_sent = 0;
    std::memcpy(&received, info + received_at, sizeof received);
    std::memcpy(&not_sent, info + not_sent_at, sizeof not_sent);
    std::memcpy(&sent, info + sent_at, sizeof sent);
    std::memcpy(&retransmitted, info + retransmitted_at, sizeof retransmitted);
    const auto waiting = static_cast<std::uint64_t>(unread);
    into.consumed = received > waiting ? received - waiting : 0;
    into.written = sent + not_sent - retransmitted;
    std::memcpy(&into.silent_ms, info + last_received_at, sizeof into.silent_ms);
    into.all_read = unread == 0;
    into.ended = info[0] != 1; // TCP_ESTABLISHED
    return true;
#else
    (void)fd;
    (void)into;
    return false;
#endif
}

/// Ends a connection for both sides, and whatever is still on its way with it. The descriptor stays open: libzmq notices,
/// and closes its own.
inline void hang_up(int fd) noexcept {
    // When the last descriptor is closed the other end is told at once, and the kernel keeps nothing.
    const linger nothing{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &nothing, sizeof nothing);
    ::shutdown(fd, SHUT_RDWR);
}

/// How many descriptors this process may have.
[[nodiscard]] inline int descriptor_limit() noexcept {
    rlimit held{};
    if (::getrlimit(RLIMIT_NOFILE, &held) != 0 || held.rlim_cur == RLIM_INFINITY || held.rlim_cur > 0x7FFFFFFF)
        return 0x7FFFFFFF;
    return static_cast<int>(held.rlim_cur);
}

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

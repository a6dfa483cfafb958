// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// TCP on loopback (and ipc paths) with deadlines. Test support: never blocks without an end, never leaves loopback.

#include "bytes.hpp"
#include "descriptor.hpp"
#include "eventually.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace wire {

namespace detail {

/// Hostile traffic stays on this machine: an address outside 127.0.0.0/8 is a mistake in the test.
inline sockaddr_in loopback(const char* address, std::uint16_t port) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    if (::inet_pton(AF_INET, address, &in.sin_addr) != 1 || (ntohl(in.sin_addr.s_addr) >> 24) != 127)
        throw broken_setup{std::string{"not a loopback address: "} + address};
    return in;
}

inline std::uint16_t local_port(int fd) noexcept {
    sockaddr_in in{};
    socklen_t size = sizeof in;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&in), &size) != 0 || in.sin_family != AF_INET) return 0;
    return ntohs(in.sin_port);
}

/// Waits for an event on one descriptor; false when the deadline passes.
inline bool wait_for(int fd, short events, const deadline& until) noexcept {
    for (;;) {
        pollfd p{fd, events, 0};
        const int n = ::poll(&p, 1, until.poll_timeout());
        if (n > 0) return true;
        if (n == 0 || errno != EINTR) return false;
    }
}

} // namespace detail

/// One stream to a peer. What arrives early stays buffered, so a wait that runs out loses nothing.
class connection {
public:
    explicit connection(descriptor fd) noexcept : fd_{std::move(fd)} {
        const int on = 1;
        (void)::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); // no matter on ipc
    }

    /// Connects from a chosen loopback address; empty when nobody accepts within the deadline.
    [[nodiscard]] static std::optional<connection> attempt(std::uint16_t port, const char* from = "127.0.0.1",
                                                           const deadline& until = default_patience,
                                                           const char* to = "127.0.0.1") {
        descriptor fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
        if (!fd.open()) throw broken_setup{"socket", errno};
        const sockaddr_in here = detail::loopback(from, 0);
        if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0)
            throw broken_setup{std::string{"bind to "} + from, errno};
        const sockaddr_in there = detail::loopback(to, port);
        return finish_connecting(std::move(fd), reinterpret_cast<const sockaddr*>(&there), sizeof there, until);
    }

    /// As attempt(), for tests that cannot go on without.
    [[nodiscard]] static connection to(std::uint16_t port, const char* from = "127.0.0.1",
                                       const deadline& until = default_patience) {
        auto made = attempt(port, from, until);
        if (!made) throw broken_setup{"no connection to port " + std::to_string(port)};
        return std::move(*made);
    }

    /// Connects to an ipc path (`@name` for the abstract namespace, as libzmq spells it).
    [[nodiscard]] static std::optional<connection> attempt_path(const std::string& path,
                                                                const deadline& until = default_patience) {
        descriptor fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
        if (!fd.open()) throw broken_setup{"socket", errno};
        sockaddr_un there{};
        there.sun_family = AF_UNIX;
        if (path.empty() || path.size() >= sizeof there.sun_path) throw broken_setup{"ipc path of a wrong length"};
        std::memcpy(there.sun_path, path.data(), path.size());
        std::size_t size = sizeof there;
        if (path.front() == '@') {
            there.sun_path[0] = '\0';
            size = offsetof(sockaddr_un, sun_path) + path.size();
        }
        return finish_connecting(std::move(fd), reinterpret_cast<const sockaddr*>(&there), static_cast<socklen_t>(size),
                                 until);
    }

    /// False when the peer closed or the deadline passed: with a peer that defends itself both are ordinary.
    [[nodiscard]] bool send_all(view what, const deadline& until = default_patience) {
        while (!what.empty()) {
            const std::size_t n = send_some(what);
            if (n == 0) {
                if (ended_ || !fd_.open() || !detail::wait_for(fd_.get(), POLLOUT, until)) return false;
                continue;
            }
            what = what.part(n);
        }
        return true;
    }

    /// Sends what fits now; 0 when nothing does.
    [[nodiscard]] std::size_t send_some(view what) noexcept {
        if (what.empty() || !fd_.open()) return 0;
        const ssize_t n = ::send(fd_.get(), what.data(), what.size(), MSG_NOSIGNAL);
        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR) ended_ = true;
            return 0;
        }
        sent_ += static_cast<std::uint64_t>(n);
        return static_cast<std::size_t>(n);
    }

    /// Sends the chunk again and again, until so many bytes are out, the peer closes, or the deadline passes.
    /// \return the bytes the kernel took.
    [[nodiscard]] std::uint64_t flood(view chunk, std::uint64_t at_most, const deadline& until) {
        std::uint64_t out = 0;
        while (out < at_most && !until.passed()) {
            const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(chunk.size(), at_most - out));
            const std::uint64_t before = sent_;
            const bool whole = send_all(chunk.part(0, size), until);
            out += sent_ - before;
            if (!whole || size == 0) break;
        }
        return out;
    }

    /// Exactly n bytes; empty when the peer closed or the deadline passed first (see ended()).
    [[nodiscard]] std::optional<bytes> receive_exactly(std::size_t n, const deadline& until = default_patience) {
        while (buffered() < n) {
            if (!fill(until)) return std::nullopt;
        }
        bytes out{buffer_.begin() + static_cast<std::ptrdiff_t>(head_),
                  buffer_.begin() + static_cast<std::ptrdiff_t>(head_ + n)};
        head_ += n;
        if (head_ == buffer_.size()) {
            buffer_.clear();
            head_ = 0;
        }
        return out;
    }

    /// Whatever arrives first, at most `n` bytes; empty when the peer closed or the deadline passed.
    [[nodiscard]] bytes receive_some(std::size_t n, const deadline& until = default_patience) {
        if (buffered() == 0 && !fill(until)) return {};
        return *receive_exactly(std::min(n, buffered()), until);
    }

    /// True when the peer ends the connection before the deadline. Bytes that still arrive are thrown away.
    [[nodiscard]] bool closed_by_peer(const deadline& until = default_patience) {
        do {
            buffer_.clear();
            head_ = 0;
        } while (!until.passed() && fill(until));
        return ended_;
    }

    /// True once the peer's end has been seen by any call above.
    [[nodiscard]] bool ended() const noexcept { return ended_; }
    [[nodiscard]] std::size_t buffered() const noexcept { return buffer_.size() - head_; }
    [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }
    [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
    [[nodiscard]] int native() const noexcept { return fd_.get(); }
    [[nodiscard]] bool open() const noexcept { return fd_.open(); }
    [[nodiscard]] std::uint16_t local_port() const noexcept { return detail::local_port(fd_.get()); }

    void finish_sending() noexcept { ::shutdown(fd_.get(), SHUT_WR); }
    void close() noexcept { fd_.close(); }
    /// Ends with a reset instead of an orderly close.
    void reset() noexcept {
        const linger now{1, 0};
        (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
        fd_.close();
    }

private:
    static std::optional<connection> finish_connecting(descriptor fd, const sockaddr* there, socklen_t size,
                                                       const deadline& until) {
        if (::connect(fd.get(), there, size) != 0) {
            if (errno != EINPROGRESS || !detail::wait_for(fd.get(), POLLOUT, until)) return std::nullopt;
            int code = 0;
            socklen_t code_size = sizeof code;
            if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &code, &code_size) != 0 || code != 0) return std::nullopt;
        }
        return connection{std::move(fd)};
    }

    /// Reads once more into the buffer; false at the end of the stream or of the patience.
    bool fill(const deadline& until) {
        if (ended_ || !fd_.open()) return false;
        for (;;) {
            std::uint8_t chunk[64 * 1024];
            const ssize_t n = ::recv(fd_.get(), chunk, sizeof chunk, 0);
            if (n > 0) {
                buffer_.insert(buffer_.end(), chunk, chunk + n);
                received_ += static_cast<std::uint64_t>(n);
                return true;
            }
            if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
                ended_ = true;
                return false;
            }
            if (!detail::wait_for(fd_.get(), POLLIN, until)) return false;
        }
    }

    descriptor fd_;
    bytes buffer_;
    std::size_t head_ = 0;
    std::uint64_t sent_ = 0;
    std::uint64_t received_ = 0;
    bool ended_ = false;
};

/// Accepts on a free port of loopback that the kernel chooses.
class listener {
public:
    explicit listener(std::uint16_t port = 0, const char* address = "127.0.0.1")
        : fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)} {
        if (!fd_.open()) throw broken_setup{"socket", errno};
        const int on = 1;
        (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        const sockaddr_in here = detail::loopback(address, port);
        if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0)
            throw broken_setup{"bind", errno};
        if (::listen(fd_.get(), 128) != 0) throw broken_setup{"listen", errno};
        port_ = detail::local_port(fd_.get());
    }

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] std::string endpoint() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] int native() const noexcept { return fd_.get(); }

    /// The next connection; empty when none comes before the deadline.
    [[nodiscard]] std::optional<connection> accept(const deadline& until = default_patience) {
        for (;;) {
            descriptor fd{::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
            if (fd.open()) return connection{std::move(fd)};
            if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) return std::nullopt;
            if (!detail::wait_for(fd_.get(), POLLIN, until)) return std::nullopt;
        }
    }

    /// Stops listening; newcomers are refused from here on.
    void close() noexcept { fd_.close(); }

private:
    descriptor fd_;
    std::uint16_t port_ = 0;
};

/// A port that was free a moment ago, for programs that take a number. Prefer binding to port 0 where possible.
[[nodiscard]] inline std::uint16_t unused_port() { return listener{}.port(); }

/// The port at the end of "tcp://127.0.0.1:5555"; 0 when there is none.
[[nodiscard]] inline std::uint16_t port_of(std::string_view endpoint) {
    const auto colon = endpoint.rfind(':');
    unsigned port = 0;
    if (colon == std::string_view::npos) return 0;
    for (const char c : endpoint.substr(colon + 1)) {
        if (c < '0' || c > '9' || port > 65535) return 0;
        port = port * 10 + static_cast<unsigned>(c - '0');
    }
    return port > 65535 ? std::uint16_t{0} : static_cast<std::uint16_t>(port);
}

} // namespace wire

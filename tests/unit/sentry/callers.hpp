// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Connections as libzmq would accept them, for tests of those who hold duplicates of them. Test support.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "catch.hpp"

/// Both ends of one connection. `ours` is what libzmq would have, `theirs` the peer's.
struct caller {
    int ours = -1, theirs = -1;

    caller() = default;
    caller(caller&& other) noexcept : ours{std::exchange(other.ours, -1)}, theirs{std::exchange(other.theirs, -1)} {}
    caller& operator=(caller&&) = delete;
    ~caller() {
        hang_up();
        let_go();
    }
    void hang_up() {
        if (theirs >= 0) ::close(std::exchange(theirs, -1));
    }
    /// As libzmq does once it has noticed.
    void let_go() {
        if (ours >= 0) ::close(std::exchange(ours, -1));
    }
    /// The peer sends so many bytes, and libzmq reads them.
    void sends(std::size_t bytes) const { carry(theirs, ours, bytes); }
    /// One byte, that libzmq has not read yet; then it has.
    void sends_unread() const { REQUIRE(::send(theirs, "x", 1, MSG_NOSIGNAL) == 1); }
    void is_read() const {
        char byte = 0;
        REQUIRE(::recv(ours, &byte, 1, 0) == 1);
    }
    void is_sent(std::size_t bytes) const { carry(ours, theirs, bytes); }
    /// Whether somebody has ended it.
    [[nodiscard]] bool ended() const {
        char byte = 0;
        return ::recv(theirs, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
    }

private:
    static void carry(int from, int to, std::size_t bytes) {
        const std::vector<char> piece(16 * 1024, 'x');
        std::vector<char> sink(piece.size());
        while (bytes != 0) {
            const auto sent = ::send(from, piece.data(), bytes < piece.size() ? bytes : piece.size(), MSG_NOSIGNAL);
            REQUIRE(sent > 0);
            for (std::size_t got = 0; got != static_cast<std::size_t>(sent);) {
                const auto n = ::recv(to, sink.data(), static_cast<std::size_t>(sent) - got, 0);
                REQUIRE(n > 0);
                got += static_cast<std::size_t>(n);
            }
            bytes -= static_cast<std::size_t>(sent);
        }
    }
};

/// A listener on loopback.
class doorstep {
public:
    doorstep() : listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(listener_, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0);
        REQUIRE(::listen(listener_, 64) == 0);
        socklen_t size = sizeof at_;
        REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&at_), &size) == 0);
    }
    doorstep(const doorstep&) = delete;
    doorstep& operator=(const doorstep&) = delete;
    ~doorstep() { ::close(listener_); }

    [[nodiscard]] std::uint16_t port() const { return ntohs(at_.sin_port); }
    /// As libzmq's events spell it.
    [[nodiscard]] std::string address() const { return "tcp://127.0.0.1:" + std::to_string(port()); }
    [[nodiscard]] caller visit() const {
        caller made;
        made.theirs = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(::connect(made.theirs, reinterpret_cast<const sockaddr*>(&at_), sizeof at_) == 0);
        made.ours = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        REQUIRE(made.ours >= 0);
        return made;
    }

private:
    int listener_;
    sockaddr_in at_{};
};

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A socket between two threads: it moves, and can do nothing else. Layer: socket.

#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/ownership.hpp>
#include <ironhouse/detail/socket_core.hpp>
#include <ironhouse/fwd.hpp>

#include <utility>

namespace ironhouse::inline IRONHOUSE_ABI {

/// A socket that no thread owns. Move it to another thread and attach it there; destroyed instead, its context closes it.
///
/// \threads  Any one at a time. The hand-over must be a synchronising one: a thread's start or end, a queue, a future.
/// \maps     libzmq's rule that a socket may migrate behind a full memory fence.
template <class Socket> class detached {
public:
    /// Takes the socket over; what it is taken from is empty, and attaching that terminates the process.
    detached(detached&&) noexcept = default;
    /// Closes what it holds, and takes the socket over.
    /// \param other  Empty afterwards.
    /// \return       This one.
    detached& operator=(detached&& other) noexcept {
        detail::socket_core taken{std::move(other.core_)};
        core_.swap(taken);
        return *this;
    }
    ~detached() = default;

    /// Makes the calling thread the owner. Written `auto socket = std::move(it).attach();`
    /// \threads  The new owner. Attaching twice terminates the process.
    [[nodiscard]] Socket attach() && {
        if (core_.handle == nullptr) detail::die("a detached socket was attached twice, or after it was moved from");
        return Socket{std::move(core_)};
    }

private:
    friend Socket;
    explicit detached(detail::socket_core&& core) noexcept : core_{std::move(core)} {}

    detail::socket_core core_;
};

} // namespace ironhouse::inline IRONHOUSE_ABI

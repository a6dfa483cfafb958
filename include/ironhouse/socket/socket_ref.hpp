// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A socket passed to functions and libraries without its limits and its security in the type. Layer: socket.

#include <ironhouse/core/error.hpp>
#include <ironhouse/core/message.hpp>
#include <ironhouse/core/pattern.hpp>
#include <ironhouse/core/status.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/socket_core.hpp>

#include <chrono>
#include <stop_token>
#include <string>

namespace ironhouse::inline IRONHOUSE_ABI {

/// Borrows a socket: same owner, same limits, same promises. It must not outlive the socket.
///
/// \threads  The socket's owner only; another thread or a forked child terminates the process.
/// \maps     none: a pointer.
template <messaging_pattern Pattern> class socket_ref {
public:
    /// Queues one message; see socket::send.
    /// \param m         Emptied when `queued`; otherwise unchanged.
    /// \param patience  Longest wait, in milliseconds.
    /// \return          See send_status.
    send_status send(any_message& m, std::chrono::milliseconds patience) requires can_send<Pattern> {
        return core_->send(m, patience);
    }
    /// \overload
    /// \param m         As above.
    /// \param patience  As above.
    /// \param stop      Ends the wait with `interrupted`.
    send_status send(any_message& m, std::chrono::milliseconds patience,
                     const std::stop_token& stop) requires can_send<Pattern> {
        return core_->send(m, patience, stop);
    }
    /// Queues one message if that is possible now; see socket::try_send.
    /// \param m  Emptied when `queued`; otherwise unchanged.
    /// \return   See send_status.
    send_status try_send(any_message& m) requires can_send<Pattern> {
        return core_->send(m, std::chrono::milliseconds{0});
    }

    /// Takes one message; see socket::receive.
    /// \param m         Holds the message after `received`, and nothing otherwise.
    /// \param patience  Longest wait, in milliseconds.
    /// \return          See receive_status.
    /// \throws error::misuse when `m` cannot hold what the socket's limits let in, whatever a peer sent.
    receive_status receive(any_message& m, std::chrono::milliseconds patience) requires can_receive<Pattern> {
        require_room(m);
        return core_->receive(m, patience);
    }
    /// \overload
    /// \param m         As above.
    /// \param patience  As above.
    /// \param stop      Ends the wait with `interrupted`.
    receive_status receive(any_message& m, std::chrono::milliseconds patience,
                           const std::stop_token& stop) requires can_receive<Pattern> {
        require_room(m);
        return core_->receive(m, patience, stop);
    }
    /// Takes one message if one is there; see socket::try_receive.
    /// \param m  Holds the message after `received`, and nothing otherwise.
    /// \return   See receive_status.
    receive_status try_receive(any_message& m) requires can_receive<Pattern> {
        return receive(m, std::chrono::milliseconds{0});
    }

private:
    template <class P, auto L, class S> friend class socket;
    friend class poller;
    explicit socket_ref(detail::socket_core& core) noexcept : core_{&core} {}

    void require_room(const any_message& m) const {
        const auto& in = core_->limits.in;
        if (m.capacity() < in.frames || m.frame_limit() < in.frame)
            throw error{error::misuse, "receive through a socket_ref",
                        "the message holds " + std::to_string(m.capacity()) + " frames of " +
                            std::to_string(m.frame_limit()) + " bytes; the socket lets in " +
                            std::to_string(in.frames) + " of " + std::to_string(in.frame)};
    }

    detail::socket_core* core_;
};

} // namespace ironhouse::inline IRONHOUSE_ABI

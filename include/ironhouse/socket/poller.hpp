// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Waits for several sockets of one thread at once. Layer: socket.

#include <ironhouse/core/error.hpp>
#include <ironhouse/core/pattern.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/row.hpp>
#include <ironhouse/detail/socket_core.hpp>
#include <ironhouse/socket/socket.hpp>
#include <ironhouse/socket/socket_ref.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>

#include <zmq.h>

namespace ironhouse::inline IRONHOUSE_ABI {

/// What a socket is waited for.
enum class poll_for : std::uint8_t {
    receiving, ///< A message is there.
    sending,   ///< There is room for one.
    both,      ///< Either of the two.
    nothing,   ///< Neither: only what the sentry asks of it is done.
};

/// What a wait came to.
enum class [[nodiscard]] poll_status : std::uint8_t{
    ready,       ///< At least one socket is ready; ask ready().
    timed_out,   ///< None was while the patience lasted.
    interrupted, ///< A stop was requested, or a signal handler ran.
    closing,     ///< The context of one of the sockets is shutting down.
};

/// Waits for any of several sockets. What the sentry asks of them is done meanwhile.
///
/// \threads  The owner of all its sockets. The sockets outlive it, or at least its last wait.
/// \maps     zmq_poll
class poller {
public:
    /// Names a socket within this poller.
    enum class token : std::size_t {};

    /// Adds a socket.
    /// \param which  A socket of this thread.
    /// \param what   What to wait for: to receive, where it can.
    /// \return   Its name within this poller.
    /// \throws   std::bad_alloc; nothing was added.
    /// \threads  The socket's owner; another thread terminates the process.
    template <class Pattern>
    token add(socket_ref<Pattern> which,
              poll_for what = can_receive<Pattern> ? poll_for::receiving : poll_for::sending) {
        (void)which.core_->must_look_up();
        entries_.reserve(entries_.size() + 1);
        items_.reserve(2 * entries_.size() + 2);
        entries_.push_back({which.core_,
                            static_cast<short>(what == poll_for::receiving ? ZMQ_POLLIN
                                               : what == poll_for::sending ? ZMQ_POLLOUT
                                               : what == poll_for::both    ? ZMQ_POLLIN | ZMQ_POLLOUT
                                                                           : 0),
                            0});
        return token{entries_.size() - 1};
    }
    /// \overload
    /// \param which  A socket of this thread.
    /// \param what   What to wait for: to receive, where it can.
    /// \return       Its name within this poller.
    template <class Pattern, auto Limits, class Security>
    token add(socket<Pattern, Limits, Security>& which,
              poll_for what = can_receive<Pattern> ? poll_for::receiving : poll_for::sending) {
        return add(which.ref(), what);
    }

    /// Waits until a socket is ready.
    /// \param patience  Longest wait, in milliseconds; zero only looks.
    /// \return  See poll_status.
    poll_status wait(std::chrono::milliseconds patience) { return wait_for(patience, nullptr); }
    /// \overload
    /// \param patience  Longest wait, in milliseconds; zero only looks.
    /// \param stop      Ends the wait with `interrupted`.
    poll_status wait(std::chrono::milliseconds patience, const std::stop_token& stop) {
        return wait_for(patience, &stop);
    }

    /// Whether the last wait found this socket ready for anything it was added for.
    /// \param which  What add() returned; false for anything else.
    [[nodiscard]] bool ready(token which) const noexcept { return found(which) != 0; }
    /// Whether a message was there.
    /// \param which  What add() returned; false for anything else.
    [[nodiscard]] bool can_receive_now(token which) const noexcept { return (found(which) & ZMQ_POLLIN) != 0; }
    /// Whether there was room for one.
    /// \param which  What add() returned; false for anything else.
    [[nodiscard]] bool can_send_now(token which) const noexcept { return (found(which) & ZMQ_POLLOUT) != 0; }

private:
    struct entry {
        detail::socket_core* core;
        short events;
        short ready;
    };
    struct ring {
        detail::wake* bell;
        void operator()() const noexcept {
            if (bell != nullptr) bell->raise();
        }
    };

    [[nodiscard]] short found(token which) const noexcept {
        const auto at = static_cast<std::size_t>(which);
        return at < entries_.size() ? entries_[at].ready : short{0};
    }

    poll_status wait_for(std::chrono::milliseconds patience, const std::stop_token* stop) {
        const auto until = detail::deadline_after(patience);
        for (entry& each : entries_) each.ready = 0;
        detail::wake* const bell = entries_.empty() ? nullptr : &entries_.front().core->record->bell;
        const std::stop_callback<ring> rings{stop != nullptr ? *stop : std::stop_token{}, ring{bell}};
        for (;;) {
            if (stop != nullptr && stop->stop_requested()) return poll_status::interrupted;
            items_.clear();
            for (const entry& each : entries_) {
                if (each.core->must_look_up() && each.core->attend()) return poll_status::closing;
                items_.push_back({each.core->handle, 0, each.events, 0});
            }
            for (const entry& each : entries_) items_.push_back({nullptr, each.core->record->bell.fd(), ZMQ_POLLIN, 0});
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - detail::wait_clock::now()).count();
            const int woke = ::zmq_poll(items_.data(), static_cast<int>(items_.size()),
                                        static_cast<long>(std::max<std::chrono::milliseconds::rep>(left, 0)));
            if (woke < 0) return ::zmq_errno() == EINTR ? poll_status::interrupted : poll_status::closing;
            bool any = false;
            for (std::size_t i = 0; i != entries_.size(); ++i) {
                entries_[i].ready = static_cast<short>(items_[i].revents & entries_[i].events);
                any = any || entries_[i].ready != 0;
                // Lowered before the reasons are looked at: one that comes later raises it again.
                if (items_[entries_.size() + i].revents != 0) entries_[i].core->record->bell.lower();
            }
            if (any) return poll_status::ready;
            if (left <= 0) return poll_status::timed_out;
        }
    }

    detail::row<entry> entries_;
    detail::row<zmq_pollitem_t> items_;
};

} // namespace ironhouse::inline IRONHOUSE_ABI

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Forwards whole messages between two sockets of one thread. Layer: threads.

#include <ironhouse/core/message.hpp>
#include <ironhouse/core/pattern.hpp>
#include <ironhouse/core/status.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/fwd.hpp>
#include <ironhouse/socket/poller.hpp>
#include <ironhouse/socket/socket.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace ironhouse::inline IRONHOUSE_ABI {

/// One of a proxy's two sockets.
enum class proxy_side : std::uint8_t {
    front, ///< The first.
    back,  ///< The second.
};

/// What forwarding came to.
enum class [[nodiscard]] proxy_status : std::uint8_t{
    forwarded,   ///< At least one message went on, or was dropped for a reason that counts() gives.
    timed_out,   ///< Nothing could be forwarded while the patience lasted.
    interrupted, ///< A stop was requested, or a signal handler ran.
    closing,     ///< The context is shutting down.
};

/// What a proxy has done since it was made.
struct proxy_counts {
    std::uint64_t to_back = 0;     ///< Messages of the front that the back took.
    std::uint64_t to_front = 0;    ///< Messages of the back that the front took.
    std::uint64_t gone = 0;        ///< Answers to a peer that had left, or that carried no address: dropped.
    std::uint64_t slow = 0;        ///< Answers to a peer whose queue was full: dropped.
    std::uint64_t unforwarded = 0; ///< Messages the other side's limits or pattern have no place for: dropped.
};

namespace detail {
template <class Socket> struct pattern_of_socket;
template <class Pattern, auto Limits, class Security> struct pattern_of_socket<socket<Pattern, Limits, Security>> {
    using type = Pattern;
};
template <class Socket, class Pattern>
inline constexpr bool is_a = std::same_as<typename pattern_of_socket<Socket>::type, Pattern>;
} // namespace detail

/// Forwards whole messages both ways, at the pace of whoever takes them: it holds at most one of each direction.
///
/// A message that finds no room stays here, and the side that it came from is not received from until it is gone: its
/// peers then fill their own queues. A router is the exception: an answer for a peer that does not read is dropped after
/// a moment, at once for as long as that peer still does not read, and counted, since others wait behind it.
///
/// Beside a router, the peer's routing id travels as a first frame, which the other side echoes (RFC 28: REP does so by
/// itself): the limits there need room for one frame more, and for 255 bytes in it. From an xpub to an xsub, subscriptions
/// alone are forwarded.
///
/// \tparam Front  A socket.
/// \tparam Back   A socket; at most one of both is a router.
/// \threads  The owner of both sockets, which outlive it.
/// \maps     zmq_proxy_steerable, which loses what it holds.
template <class Front, class Back> class proxy {
    static_assert(!(detail::is_a<Front, router> && detail::is_a<Back, router>),
                  "a proxy has one router at most: the routing ids of one mean nothing to the other");

public:
    /// \param front  A socket of this thread.
    /// \param back   Another.
    proxy(Front& front, Back& back) noexcept : front_{front}, back_{back} {}
    proxy(const proxy&) = delete;
    proxy& operator=(const proxy&) = delete;
    ~proxy() = default;

    /// Waits until something can be forwarded, and forwards what is there, at most 64 messages each way.
    /// \param patience  Longest wait, in milliseconds; zero only looks.
    /// \param stop      Ends the wait. Nothing is lost by it: what is held goes on with the next call.
    /// \return          See proxy_status.
    proxy_status forward(std::chrono::milliseconds patience, const std::stop_token& stop = {}) {
        const auto until = detail::deadline_after(patience);
        for (;;) {
            bool any = false;
            for (int i = 0; i != at_once && !stop.stop_requested(); ++i) {
                const bool there = move(front_, back_, there_, counts_.to_back);
                const bool here = move(back_, front_, here_, counts_.to_front);
                if (closing_) return proxy_status::closing;
                if (!there && !here) break;
                any = true;
            }
            if (any) return proxy_status::forwarded;
            if (stop.stop_requested()) return proxy_status::interrupted;
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - detail::wait_clock::now());
            switch (wait(std::max(left, std::chrono::milliseconds{0}), stop)) {
            case poll_status::ready: break;
            case poll_status::timed_out: return proxy_status::timed_out;
            case poll_status::interrupted: return proxy_status::interrupted;
            case poll_status::closing: return proxy_status::closing;
            }
        }
    }

    /// Takes nothing more from that side; what was taken before still goes on.
    /// \param side  Whose messages stay where they are.
    void pause(proxy_side side) noexcept { (side == proxy_side::front ? there_.paused : here_.paused) = true; }
    /// Takes from that side again.
    /// \param side  As for pause().
    void resume(proxy_side side) noexcept { (side == proxy_side::front ? there_.paused : here_.paused) = false; }

    /// Whether a message of that side was taken and has not gone on yet: it is lost when the proxy ends now.
    /// \param from  Where it came from.
    [[nodiscard]] bool holding(proxy_side from) const noexcept {
        return (from == proxy_side::front ? there_.held : here_.held) != nullptr;
    }
    /// What was done so far.
    [[nodiscard]] const proxy_counts& counts() const noexcept { return counts_; }

private:
    static constexpr int at_once = 64;
    static constexpr std::chrono::milliseconds a_moment{50};

    template <class From, class To> struct lane {
        typename From::message taken;
        typename To::message readdressed; // where a routing id becomes a frame, or the other way round
        any_message* held = nullptr;
        bool paused = false;
    };

    // Whether a message left that side: there may be more.
    template <class From, class To> bool move(From& from, To& to, lane<From, To>& on, std::uint64_t& forwarded) {
        if constexpr (can_receive<typename detail::pattern_of_socket<From>::type> &&
                      can_send<typename detail::pattern_of_socket<To>::type>) {
            if (on.held == nullptr) {
                if (on.paused) return false;
                const receive_status got = from.try_receive(on.taken);
                if (got == receive_status::closing) closing_ = true;
                if (got != receive_status::received) return false;
                on.held = address<From, To>(on);
                if (on.held == nullptr) return true;
            }
            return send(to, on.held, forwarded);
        } else {
            return false;
        }
    }

    // What is to be sent, or null when there is no place for it on the other side.
    template <class From, class To> any_message* address(lane<From, To>& on) {
        if constexpr (detail::is_a<From, router> || detail::is_a<To, router>) {
            constexpr bool to_router = detail::is_a<To, router>;
            any_message& made = on.readdressed;
            made.clear();
            if constexpr (to_router) {
                if (on.taken.size() < 2 || !made.to(on.taken[0].bytes())) return drop(counts_.gone);
            } else {
                if (!made.add(on.taken.routing_id())) return drop(counts_.unforwarded);
            }
            for (std::size_t i = to_router ? 1 : 0; i != on.taken.size(); ++i)
                if (!made.add(on.taken.take(i))) return drop(counts_.unforwarded);
            return &made;
        } else if constexpr (detail::is_a<From, xpub> && detail::is_a<To, xsub>) {
            const auto first = on.taken[0].bytes();
            if (on.taken.size() != 1 || first.empty() || static_cast<unsigned>(first[0]) > 1)
                return drop(counts_.unforwarded);
        }
        return &on.taken;
    }
    static any_message* drop(std::uint64_t& why) noexcept {
        ++why;
        return nullptr;
    }

    template <class To> bool send(To& to, any_message*& held, std::uint64_t& forwarded) {
        std::chrono::milliseconds patience{0};
        std::string to_whom;
        if constexpr (detail::is_a<To, router>) {
            const auto id = held->routing_id();
            to_whom.assign(reinterpret_cast<const char*>(id.data()), id.size());
            if (to_whom != slow_) patience = a_moment;
        }
        switch (to.send(*held, patience)) {
        case send_status::queued:
            ++forwarded;
            if (to_whom == slow_) slow_.clear();
            break;
        case send_status::full:
            if constexpr (!detail::is_a<To, router>) return false;
            slow_ = std::move(to_whom);
            ++counts_.slow;
            break;
        case send_status::unroutable: ++counts_.gone; break;
        case send_status::oversize: ++counts_.unforwarded; break;
        case send_status::no_peer:
        case send_status::interrupted: return false;
        case send_status::closing: closing_ = true; return false;
        }
        held = nullptr;
        return true;
    }

    // What to wait for at one side: for messages from it, unless one is held already; for room for what is held for it.
    template <class Socket, class Out, class In>
    [[nodiscard]] static poll_for wanted(const Out& from, const In& to) noexcept {
        using pattern = typename detail::pattern_of_socket<Socket>::type;
        const bool receives = can_receive<pattern> && from.held == nullptr && !from.paused;
        const bool sends = can_send<pattern> && to.held != nullptr;
        return receives ? (sends ? poll_for::both : poll_for::receiving)
                        : (sends ? poll_for::sending : poll_for::nothing);
    }
    poll_status wait(std::chrono::milliseconds patience, const std::stop_token& stop) {
        const auto front = wanted<Front>(there_, here_);
        const auto back = wanted<Back>(here_, there_);
        if (!poller_ || front != front_for_ || back != back_for_) {
            poller_.emplace();
            poller_->add(front_, front_for_ = front);
            poller_->add(back_, back_for_ = back);
        }
        return poller_->wait(patience, stop);
    }

    Front& front_;
    Back& back_;
    lane<Front, Back> there_;
    lane<Back, Front> here_;
    proxy_counts counts_;
    std::string slow_; // the peer whose queue was full last
    bool closing_ = false;
    poll_for front_for_ = poll_for::nothing, back_for_ = poll_for::nothing;
    std::optional<poller> poller_;
};

} // namespace ironhouse::inline IRONHOUSE_ABI

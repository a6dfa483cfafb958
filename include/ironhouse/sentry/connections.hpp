// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The connection table: every connection of every socket, held by a descriptor of our own. Layer: sentry.
///
/// libzmq's descriptor numbers are used again as soon as a connection has ended, while its events and messages are still on
/// their way. So a connection is its duplicate and its cookie here, and its handshake's serial number elsewhere.

#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/kernel_socket.hpp>
#include <ironhouse/detail/row.hpp>
#include <ironhouse/sentry/guard.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include <unistd.h>
#if defined(__linux__)
#include <sys/epoll.h>
#endif

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// How far a connection has come.
enum class stage : std::uint8_t {
    half_open,   // accepted, or connected, and not past its handshake
    established, // served
    leaving,     // hung up on; libzmq has not said yet that it is gone
    departed,    // gone; messages of it may still be unread
};

struct connection {
    std::uint64_t socket = 0; // the socket's number in its context
    int number = -1;          // libzmq's descriptor, for its events
    int held = -1;            // ours
    std::uint64_t cookie = 0;
    peer_address from;
    std::chrono::steady_clock::time_point since{}, looked_at{};
    detail::stage stage = detail::stage::half_open;
    std::uint64_t generation = 0; // with the runtime: what its number is registered by
    bool outgoing = false;
    bool served = false;         // it has been established
    std::uint64_t serial = 0;    // of its handshake; 0 until then, and where nobody authenticates
    std::string who = {};        // the key's name in the ring, or its fingerprint
    std::int64_t server_key = 0; // under which of the server's keys it came in
    unsigned char key[32] = {};  // once admitted
    std::chrono::sys_seconds until = std::chrono::sys_seconds::max(); // then it may not stay
    bool revoked = false;                                             // it may not stay
    account books = {};                                               // with the guard
    std::uint64_t missed = 0;    // when libzmq was first seen to have closed it without having said so
    std::uint64_t suspect = 0;   // when it was first seen to have sent too much for a handshake
    std::uint64_t gone_when = 0; // departed: once the owner has received so many messages, nothing of it is left

    // Event-driven: an idle connection is armed and not looked at; an active one is looked at until it has been quiet.
    bool active = false;
    bool queued = false;    // its place is among those that are looked at, also when the one that was there is gone
    bool listed = false;    // in the epoll set
    std::uint8_t quiet = 0; // looks in a row that saw nothing
    std::uint8_t skip = 0;  // looks to leave out
};

/// Owns the duplicates. Elements stay where they are until they are dropped.
class connection_table {
public:
    using index = std::uint32_t;
    static constexpr index none = ~index{0};

    connection_table() {
#if defined(__linux__)
        epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
#endif
        spare_ = duplicate(epoll_ >= 0 ? epoll_ : STDERR_FILENO);
    }
    connection_table(const connection_table&) = delete;
    connection_table& operator=(const connection_table&) = delete;
    ~connection_table() {
        for (connection& each : slots_)
            if (each.held >= 0) ::close(each.held);
        if (epoll_ >= 0) ::close(epoll_);
        if (spare_ >= 0) ::close(spare_);
    }

    /// Readable when an idle connection has something to look at; -1 where there is no such thing.
    [[nodiscard]] int fd() const noexcept { return epoll_; }
    [[nodiscard]] connection& at(index i) noexcept { return slots_[i]; }
    [[nodiscard]] bool empty() const noexcept { return used_ == 0; }

    /// Takes a connection in; `none` when it is gone already, or when the number is somebody else's by now. Where no
    /// descriptor is left for it, it is hung up on.
    [[nodiscard]] index take_in(std::uint64_t socket, int number, std::uint16_t port, bool outgoing, bool& hung_up) {
        hung_up = false;
        const int held = duplicate(number);
        if (held < 0) {
            if (errno == EMFILE || errno == ENFILE) hung_up = hang_up_without(number, port, outgoing);
            return none;
        }
        connection made;
        made.socket = socket;
        made.number = number;
        made.held = held;
        made.outgoing = outgoing;
        made.cookie = cookie_of(held);
        // The number may belong to another connection by now: then the ports are others.
        if (!look_up_peer(held, made.from) || (outgoing ? made.from.port_of_theirs : made.from.port_of_ours) != port) {
            ::close(held);
            return none;
        }
        made.since = made.looked_at = std::chrono::steady_clock::now();
        index where = 0;
        if (free_.empty()) {
            where = static_cast<index>(slots_.size());
            slots_.push_back({});
        } else {
            where = free_.back();
            free_.pop_back();
        }
        made.queued = slots_[where].queued;
        slots_[where] = std::move(made);
        ++used_;
        if (static_cast<std::size_t>(number) >= by_number_.size())
            by_number_.grow_to(static_cast<std::size_t>(number) + 64, none);
        by_number_[static_cast<std::size_t>(number)] = where;
        return where;
    }
    /// The connection that a socket's events call by that number.
    [[nodiscard]] index find(std::uint64_t socket, int number) const noexcept {
        const auto right = [&](index i) {
            const connection& it = slots_[i];
            return it.number == number && it.socket == socket && it.stage != stage::departed;
        };
        if (number >= 0 && static_cast<std::size_t>(number) < by_number_.size()) {
            const index likely = by_number_[static_cast<std::size_t>(number)];
            if (likely != none && right(likely)) return likely;
        }
        for (index i = 0; i != slots_.size(); ++i)
            if (right(i)) return i;
        return none;
    }
    /// The connection that the runtime knows by that number and generation.
    [[nodiscard]] index find_registered(int number, std::uint64_t generation) const noexcept {
        for (index i = 0; i != slots_.size(); ++i)
            if (slots_[i].number == number && slots_[i].generation == generation) return i;
        return none;
    }
    /// Forgets a connection. Whoever is at its other end learns now that it has ended, if libzmq has ended it.
    void drop(index i) noexcept {
        connection& gone = slots_[i];
        let_go(gone);
        if (gone.number >= 0 && static_cast<std::size_t>(gone.number) < by_number_.size() &&
            by_number_[static_cast<std::size_t>(gone.number)] == i)
            by_number_[static_cast<std::size_t>(gone.number)] = none;
        const bool queued = gone.queued;
        gone = connection{};
        gone.queued = queued;
        free_.push_back(i);
        --used_;
    }
    /// Gives our descriptor of a connection back: it was hung up on, and its end will be told by its number.
    void release(index i) noexcept { let_go(slots_[i]); }
    /// The connection has ended; what it left unread is still accounted for.
    void depart(index i) noexcept {
        let_go(slots_[i]);
        slots_[i].stage = stage::departed;
    }

    /// Calls for every connection in the table; the action may drop the one it is called for.
    template <class Action> void each(Action action) {
        for (index i = 0; i != slots_.size(); ++i)
            if (slots_[i].number >= 0) action(i, slots_[i]);
    }
    template <class Action> void each_of(std::uint64_t socket, Action action) {
        each([&](index i, connection& it) {
            if (it.socket == socket) action(i, it);
        });
    }

    /// Tells fd() to wake when this connection has something to read, once.
    void arm(index i) noexcept {
#if defined(__linux__)
        epoll_event wanted{};
        wanted.events = EPOLLIN | EPOLLONESHOT;
        wanted.data.u64 = (slots_[i].cookie << 32) | i;
        ::epoll_ctl(epoll_, std::exchange(slots_[i].listed, true) ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, slots_[i].held,
                    &wanted);
#else
        (void)i;
#endif
    }
    /// Which idle connections have something to read now; at most 64 at a time.
    void awake(row<index>& into) {
#if defined(__linux__)
        epoll_event events[64];
        const int many = ::epoll_wait(epoll_, events, 64, 0);
        for (int n = 0; n < many; ++n) {
            const auto i = static_cast<index>(events[n].data.u64 & 0xFFFFFFFFU);
            if (i >= slots_.size() || slots_[i].held < 0 || slots_[i].active) continue;
            if (static_cast<std::uint32_t>(slots_[i].cookie) != static_cast<std::uint32_t>(events[n].data.u64 >> 32))
                continue;
            into.push_back(i);
        }
#else
        (void)into;
#endif
    }
    /// Whether libzmq still has its own descriptor of this connection.
    [[nodiscard]] static bool libzmq_has(const connection& it) noexcept {
        return it.cookie == 0 || cookie_of(it.number) == it.cookie;
    }

private:
    // The last descriptor is kept for this.
    bool hang_up_without(int number, std::uint16_t port, bool outgoing) noexcept {
        if (spare_ < 0) return false;
        ::close(std::exchange(spare_, -1));
        bool done = false;
        if (const int held = duplicate(number); held >= 0) {
            try {
                peer_address from;
                done = look_up_peer(held, from) && (outgoing ? from.port_of_theirs : from.port_of_ours) == port;
            } catch (...) {}
            if (done) detail::hang_up(held);
            ::close(held);
        }
        spare_ = duplicate(epoll_ >= 0 ? epoll_ : STDERR_FILENO);
        return done;
    }
    void let_go(connection& gone) noexcept {
        // Closing a descriptor that is not the last one of its connection does not take it out of an epoll set.
#if defined(__linux__)
        if (gone.held >= 0 && gone.listed) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, gone.held, nullptr);
#endif
        if (gone.held >= 0) ::close(std::exchange(gone.held, -1));
    }

    int epoll_ = -1;
    int spare_ = -1;
    row<connection> slots_;
    row<index> free_;
    row<index> by_number_;
    std::size_t used_ = 0;
};

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

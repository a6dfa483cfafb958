// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The sentry as sockets see it: a small interface, so that a socket header stays cheap to parse. Layer: sentry.

#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/row.hpp>
#include <ironhouse/detail/subscription_book.hpp>
#include <ironhouse/detail/wake.hpp>
#include <ironhouse/fwd.hpp>
#include <ironhouse/sentry/events.hpp>
#include <ironhouse/sentry/routing_id.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// Why the owner's next operation should look up: bits of enrolment::attention.
enum attention : std::uint32_t { nothing = 0, mail = 1, closing = 2, question = 4 };

/// What a socket tells the sentry about itself when it opens.
struct terms {
    const char* pattern = "";
    std::string domain;                     // empty where nobody is authenticated
    std::shared_ptr<const keyring> clients; // none: every key is let in, if `authenticates`
    std::string role;                       // that a client's key must have; empty: none
    bool authenticates = false;
    bool client = false; // of CURVE: what is at the other end must prove itself
    const char* waiver = nullptr;
    const char* ipc_waiver = nullptr; // may do without a guard over ipc, and why
    std::size_t server_keys = 0;      // that a client trusts
    bool drops_revoked = true;        // what a key that may not stay has sent, and the owner has not received
    bool holds_topics = false;        // subscribers get what their certificates name, and no more

    // What it may receive, as the guard counts: zero where the pattern receives nothing.
    int type = 0;
    std::int64_t peers = 0, queue = 0, frames = 0, frame = 0;
};

/// Newcomers of one address go to the `which`th of its listeners, in the order in which they began to listen.
struct steering {
    int listener = -1; // a duplicate
    std::uint32_t which = 0;
};

/// One socket's record, shared by its owner and the sentry. Neither touches the other's half.
struct enrolment {
    enrolment(std::uint64_t n, terms&& t)
        : number{n}, what{std::move(t)}, zap_domain{what.domain.empty() ? "" : what.domain + '#' + std::to_string(n)} {}

    const std::uint64_t number;
    const terms what;
    const std::string zap_domain; // tells the handler which socket a newcomer knocks at

    // How often the owner has changed the server's key: newcomers under the n-th ask for zap_domain + "/n".
    std::atomic<std::uint32_t> keys{0};
    /// Under which of the server's keys a newcomer knocks here, counted from 0; -1 when it does not.
    [[nodiscard]] std::int64_t key_asked_for(std::string_view domain) const noexcept {
        if (zap_domain.empty() || !domain.starts_with(zap_domain)) return -1;
        domain.remove_prefix(zap_domain.size());
        if (domain.empty()) return 0;
        if (domain.front() != '/') return -1;
        std::int64_t which = 0;
        for (const char digit : domain.substr(1)) which = which * 10 + (digit - '0');
        return which;
    }

    // Written by the sentry, read by the owner: one load per operation.
    std::atomic<std::uint32_t> attention{nothing};
    std::atomic<std::uint32_t> live{0}; // connections past their handshake
    wake bell;                          // readable while there is mail or the context closes

    // Written by the owner when a message breaks a rule, collected by the sentry.
    // Frames, size, routing id, of a key that may not stay, subscription to what the certificate does not name.
    std::atomic<std::uint64_t> broken[5] = {};
    std::atomic<std::uint64_t> behind{0}; // how often a subscriber's queue was found full

    // Written by the owner for the guard: what it received, as it was on the line. Messages first, read the other way round.
    std::atomic<std::uint64_t> taken_messages{0}, taken_bytes{0};
    // The guard asks whether the queues are empty; the owner repeats the number once they are.
    std::atomic<std::uint32_t> question{0}, answer{0};
    // Why the owner has to see whose each message is.
    enum curiosity : std::uint8_t {
        shares_wanted = 1, // the guard keeps an account for each
        some_dropped = 2,  // some of what is queued is of keys that may not stay
    };
    std::atomic<std::uint8_t> curious{0};
    void wonder(curiosity about, bool yes) noexcept {
        if (yes)
            curious.fetch_or(about, std::memory_order_release);
        else
            curious.fetch_and(static_cast<std::uint8_t>(~about), std::memory_order_release);
    }

    std::mutex lock; // guards what follows
    // The owner's mailbox: endpoints to connect again. libzmq sockets are not touched from the sentry's thread.
    row<std::string> reconnect;
    row<std::string> next_key; // and those to connect again with the next of the servers' keys
    // Bytes received by handshake's serial number; where there is none, by descriptor number, counted down from -1.
    struct share {
        std::int64_t whose;
        std::int64_t bytes;
    };
    row<share> shares;
    // Handshakes whose messages are to be dropped, until the queue was found empty after the connection had ended.
    struct unwanted {
        std::uint64_t serial;
        enum : std::uint8_t { more, ended, nothing_left } has;
    };
    row<unwanted> dropped;
    // Who is there, from before the first message of each: at a router by name, with the routing id that was given, the latest one
    // last; at a publisher that enforces topics with these, and as each connection that it may be until that is known.
    struct guest {
        std::uint64_t serial;
        std::string says; // its name, or its topics with commas between them; none: all
        unsigned char id[routing_id_size] = {};
        int number = -1; // of libzmq's descriptor
        std::uint64_t cookie = 0;
    };
    row<guest> guests;

    // The owner's, of a publisher that enforces topics.
    bool in_doubt = false;                         // whose a subscription is cannot be told, until none is left
    std::uint64_t sent_away = 0;                   // the latest handshake whose connection may not stay
    std::chrono::steady_clock::time_point heard{}; // when a `pub` last took them in
    subscription_book book;                        // of an `xpub`
};

/// What a socket asks of the sentry. Every call is made on the socket's owner thread.
class door {
public:
    door() = default;
    door(const door&) = delete;
    door& operator=(const door&) = delete;
    virtual ~door() = default;

    /// The libzmq context that sockets are created in.
    [[nodiscard]] virtual void* zmq_context() noexcept = 0;
    /// Registers a socket and starts watching its monitor before it can be bound or connected.
    /// \throws error::closing, error::misuse (a domain that belongs to another keyring), error::unavailable.
    [[nodiscard]] virtual std::shared_ptr<enrolment> enrol(terms&& what, void* socket) = 0;
    /// The socket's monitor was stopped: forget it.
    virtual void leave(const std::shared_ptr<enrolment>& who) noexcept = 0;
    /// Closes a socket whose owner thread is not the one that destroys it.
    virtual void close_for(const std::shared_ptr<enrolment>& who, void* socket) noexcept = 0;
    /// The endpoint is the library's to keep connected from now on.
    virtual void supervise(const std::shared_ptr<enrolment>& who, const std::string& endpoint) = 0;
    /// From the end of the window on, only the server's key of that number is accepted. The descriptors are taken over.
    virtual void rotate(const std::shared_ptr<enrolment>& who, std::uint32_t key, std::chrono::milliseconds window,
                        row<steering>&& newcomers) = 0;
    /// No longer.
    virtual void release(const std::shared_ptr<enrolment>& who, const std::string& endpoint) noexcept = 0;
    /// Whether connections are guarded: false where somebody measures what that costs.
    [[nodiscard]] virtual bool guards() const noexcept = 0;
    /// Whether what comes in over ipc can be counted, and so guarded.
    [[nodiscard]] virtual bool counts_ipc() const noexcept = 0;
    /// libzmq may have ended connections of this socket without saying so.
    virtual void look_again(const std::shared_ptr<enrolment>& who) noexcept = 0;
    /// The connection of that serial number may not stay, for that reason: handshake_failed (it has another routing id than it
    /// was given), subscriber_spoke or subscription_unclear.
    virtual void may_not_stay(const std::shared_ptr<enrolment>& who, std::uint64_t serial, reason why) noexcept = 0;
    /// Something was counted in the record.
    virtual void collect() noexcept = 0;
    /// Reports something that happened on the owner's thread.
    virtual void report(reason why, const enrolment& who, const std::string& address) noexcept = 0;
};

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The sentry as sockets see it: a small interface, so that a socket header stays cheap to parse. Layer: sentry.

#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/row.hpp>
#include <ironhouse/detail/wake.hpp>
#include <ironhouse/keys/keyring.hpp>
#include <ironhouse/sentry/events.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// Why the owner's next operation should look up: bits of enrolment::attention.
enum attention : std::uint32_t { nothing = 0, mail = 1, closing = 2, question = 4 };

/// What a socket tells the sentry about itself when it opens.
struct terms {
    const char* pattern = "";
    std::string domain;             // empty where nobody is authenticated
    std::optional<keyring> clients; // none: every key is let in, if `authenticates`
    std::string role;               // that a client's key must have; empty: none
    bool authenticates = false;
    bool client = false; // of CURVE: what is at the other end must prove itself
    const char* waiver = nullptr;
    const char* ipc_waiver = nullptr; // may do without a guard over ipc, and why

    // What it may receive, as the guard counts: zero where the pattern receives nothing.
    int type = 0;
    std::int64_t peers = 0, queue = 0, frames = 0, frame = 0;
};

/// One socket's record, shared by its owner and the sentry. Neither touches the other's half.
struct enrolment {
    enrolment(std::uint64_t n, terms&& t)
        : number{n}, what{std::move(t)}, zap_domain{what.domain.empty() ? "" : what.domain + '#' + std::to_string(n)} {}

    const std::uint64_t number;
    const terms what;
    const std::string zap_domain; // tells the handler which socket a newcomer knocks at

    // Written by the sentry, read by the owner: one load per operation.
    std::atomic<std::uint32_t> attention{nothing};
    std::atomic<std::uint32_t> live{0}; // connections past their handshake
    wake bell;                          // readable while there is mail or the context closes

    // Written by the owner when a message breaks a rule, collected by the sentry.
    std::atomic<std::uint64_t> broken[3] = {}; // frames, size, routing id
    std::atomic<std::uint64_t> behind{0};      // how often a subscriber's queue was found full

    // Written by the owner for the guard: what it received, as it was on the line. Messages first, read the other way round.
    std::atomic<std::uint64_t> taken_messages{0}, taken_bytes{0};
    // The guard asks whether the queues are empty; the owner repeats the number once they are.
    std::atomic<std::uint32_t> question{0}, answer{0};
    // The guard wants to know whose each message was.
    std::atomic<bool> wants_shares{false};

    std::mutex lock; // guards what follows
    // The owner's mailbox: endpoints to connect again. libzmq sockets are not touched from the sentry's thread.
    std::vector<std::string> reconnect;
    // Bytes received by handshake's serial number; where there is none, by descriptor number, counted down from -1.
    struct share {
        std::int64_t whose;
        std::int64_t bytes;
    };
    row<share> shares;
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
    /// No longer.
    virtual void release(const std::shared_ptr<enrolment>& who, const std::string& endpoint) noexcept = 0;
    /// Whether connections are guarded: false where somebody measures what that costs.
    [[nodiscard]] virtual bool guards() const noexcept = 0;
    /// Whether what comes in over ipc can be counted, and so guarded.
    [[nodiscard]] virtual bool counts_ipc() const noexcept = 0;
    /// libzmq may have ended connections of this socket without saying so.
    virtual void look_again(const std::shared_ptr<enrolment>& who) noexcept = 0;
    /// Something was counted in the record.
    virtual void collect() noexcept = 0;
    /// Reports something that happened on the owner's thread.
    virtual void report(reason why, const enrolment& who, const std::string& address) noexcept = 0;
};

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

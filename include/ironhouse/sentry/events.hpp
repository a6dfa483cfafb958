// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What the sentry decided, and why: one enum of reasons, one counter each, one event type. Layer: sentry.

#include <ironhouse/detail/abi.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ironhouse::inline IRONHOUSE_ABI {

/// Why something was decided. Counters and events share it.
enum class reason : std::uint8_t {
    client_admitted,        ///< A key of the ring completed authentication.
    refused_unknown_key,    ///< The key is not in the ring.
    refused_not_yet_valid,  ///< The key's `not-before` lies ahead.
    refused_expired,        ///< The key's `not-after` has passed.
    refused_server_key,     ///< The client came under a key of ours that is no longer served.
    refused_ring_missing,   ///< Its keyring's directory is gone or cannot be trusted; see keyring_missing.
    refused_domain,         ///< The key's `domains` do not name the socket's.
    refused_pattern,        ///< The key's `patterns` do not name the socket's.
    refused_role,           ///< The key does not have the role that the socket asks for.
    refused_topics,         ///< The key's `topics` name some, and the publisher does not hold subscribers to them.
    refused_address,        ///< The key came from an address outside its `from`.
    refused_mechanism,      ///< The request was not CURVE.
    refused_malformed,      ///< The authentication request could not be read.
    refused_unknown_domain, ///< No socket owns the domain asked for.
    refused_full,           ///< `.peers` connections are served, or left messages that are unread; it was hung up on.
    refused_per_key,        ///< The key has as many connections as one key may have; the new one was hung up on.
    refused_per_address,    ///< The address, or its /24 or /64, has as many as it may have; the new one was hung up on.
    refused_after_cut,      ///< The key was cut off before (cut_over_budget) and has to stay away (10 s, then 60 s).
    refused_too_fast,       ///< The address opens connections, or fails at them, too fast; it was hung up on.
    address_barred,         ///< So many handshakes of the address failed in a row that it has to wait (100 ms to 10 s).
    refused_descriptors,    ///< Descriptors would have run short; a newcomer was hung up on.
    refused_unproven,       ///< A server said that it was done, but the handshake never took place; it was hung up on.
    evicted_half_open,      ///< A connection that had not finished its handshake made room for a newcomer.
    cut_long_handshake,     ///< A connection sent more than a handshake has before it was past it.
    cut_over_budget,        ///< A connection had sent more than the limits let wait; it was hung up on.
    memory_returned,        ///< What an attack had taken went back to the system (malloc_trim).
    handshake_failed,       ///< A connection ended before its handshake did.
    connected,              ///< A connection completed its handshake.
    revoked,                ///< The key was removed, ran out, or may no longer do this; its connection was ended.
    server_key_rotated,     ///< A socket serves its next key beside the present one; `detail` says for how long.
    server_key_retired,     ///< The window is over: a connection under a former key of ours was ended.
    disconnected,           ///< An established connection ended.
    reconnect_asked,        ///< libzmq gave a connection up; its owner was told to connect again.
    reconnected,            ///< The owner connected again.
    message_too_many_frames, ///< A message had more frames than the limits allow; it was dropped whole.
    message_frame_too_large, ///< A frame was larger than the limits allow; its message was dropped whole.
    message_bad_routing_id,  ///< A peer's routing id was longer than 255 bytes; its message was dropped whole.
    message_of_revoked,      ///< A message was still queued when its key was revoked; it was dropped.
    subscriber_behind,       ///< A subscriber's queue was full; it loses messages until it has room again.
    subscription_refused,    ///< A subscriber asked for what its key's `topics` do not name; it does not get it.
    subscriber_spoke,        ///< A subscriber sent a message where only subscriptions belong; it was hung up on.
    subscription_unclear, ///< A subscription came together with such a message; its connection was ended, to come again.
    runtime_not_in_effect,  ///< system/runtime.hpp is linked, and libzmq does without it; `detail` says why.
    keyring_replaced,       ///< A keyring was read again and took effect, or is open again; `detail` counts keys.
    keyring_refused,        ///< A keyring's directory holds a bad set; the old one stays. `detail` names the file.
    keyring_shrank,         ///< A set lacks so many names that it waits to be confirmed; `detail` says how.
    keyring_missing,        ///< A keyring's directory is gone or cannot be trusted: nobody new is let in.
    advisory_applies,       ///< A known weakness of this libzmq applies; `detail` is its id.
    waived,                 ///< insecure.hpp was used; `detail` is the reason given.
    secrets_may_be_swapped, ///< The system refused to lock secret memory (RLIMIT_MEMLOCK).
    sentry_failed,          ///< The sentry's own work failed; newcomers are refused from now on.
    callback_failed,        ///< The event callback threw; the event was dropped.
};

/// Number of reasons.
inline constexpr std::size_t reason_count = static_cast<std::size_t>(reason::callback_failed) + 1;

/// The reason as operators' metrics spell it.
/// \param why  A reason.
[[nodiscard]] constexpr std::string_view name(reason why) noexcept {
    constexpr std::string_view names[reason_count] = {
        "client_admitted",
        "refused_unknown_key",
        "refused_not_yet_valid",
        "refused_expired",
        "refused_server_key",
        "refused_ring_missing",
        "refused_domain",
        "refused_pattern",
        "refused_role",
        "refused_topics",
        "refused_address",
        "refused_mechanism",
        "refused_malformed",
        "refused_unknown_domain",
        "refused_full",
        "refused_per_key",
        "refused_per_address",
        "refused_after_cut",
        "refused_too_fast",
        "address_barred",
        "refused_descriptors",
        "refused_unproven",
        "evicted_half_open",
        "cut_long_handshake",
        "cut_over_budget",
        "memory_returned",
        "handshake_failed",
        "connected",
        "revoked",
        "server_key_rotated",
        "server_key_retired",
        "disconnected",
        "reconnect_asked",
        "reconnected",
        "message_too_many_frames",
        "message_frame_too_large",
        "message_bad_routing_id",
        "message_of_revoked",
        "subscriber_behind",
        "subscription_refused",
        "subscriber_spoke",
        "subscription_unclear",
        "runtime_not_in_effect",
        "keyring_replaced",
        "keyring_refused",
        "keyring_shrank",
        "keyring_missing",
        "advisory_applies",
        "waived",
        "secrets_may_be_swapped",
        "sentry_failed",
        "callback_failed",
    };
    return names[static_cast<std::size_t>(why)];
}

/// One decision, or many alike: an attack cannot flood a log, since equal reasons of one socket come once a second.
///
/// \secrets  none: names, fingerprints, addresses, counts. Texts are valid during the callback only.
struct event {
    reason why{};                  ///< What happened.
    std::uint64_t count = 1;       ///< How many like this since the last one; the texts are the latest one's.
    std::uint64_t socket = 0;      ///< The socket's number in its context; 0 for the context itself.
    std::string_view domain = {};  ///< The socket's domain, or its pattern where it has none.
    std::string_view peer = {};    ///< Name or fingerprint of the key, where known.
    std::string_view address = {}; ///< Peer address or endpoint, where known.
    std::string_view detail = {};  ///< An advisory's id, a waiver's reason, an error's text.
};

/// Receives events: anything that can be called with a `const event&`. Copies share what they call.
class event_callback {
public:
    /// Nobody listens.
    event_callback() = default;
    /// \param to  Called on the sentry's thread, one event at a time; it must not block. An empty std::function is nobody.
    template <class F>
        requires(!std::is_same_v<F, event_callback> && std::is_invocable_v<F&, const event&>)
    event_callback(F to) {
        if constexpr (std::is_constructible_v<bool, F> && !std::is_empty_v<F>)
            if (!static_cast<bool>(to)) return;
        call_ = [](void* of, const event& what) { (void)(*static_cast<F*>(of))(what); };
        of_ = std::make_shared<F>(std::move(to));
    }
    /// Whether anybody listens.
    explicit operator bool() const noexcept { return of_ != nullptr; }
    /// Tells it.
    /// \param what  What happened.
    void operator()(const event& what) const { call_(of_.get(), what); }

private:
    // Not std::function: its header would be a tenth of what everybody parses.
    std::shared_ptr<void> of_;
    void (*call_)(void*, const event&) = nullptr;
};

} // namespace ironhouse::inline IRONHOUSE_ABI

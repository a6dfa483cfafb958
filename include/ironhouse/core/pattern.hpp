// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The eleven messaging patterns: which way each one talks, which limits it takes, and its hardened defaults.
/// Layer: core.

#include <ironhouse/core/limits.hpp>
#include <ironhouse/detail/abi.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

#include <zmq.h>

namespace ironhouse::inline IRONHOUSE_ABI {

namespace detail {

/// One libzmq option, and whether libzmq lets it be read back.
struct option_setting {
    int option;
    int value;
    const char* name;
    bool readable = true;
};

/// Some of them. Not a std::span, whose first use costs every including file more than all of this header.
struct option_settings {
    constexpr option_settings() noexcept = default;
    // NOLINTNEXTLINE(google-explicit-constructor): written as an array in each pattern
    template <std::size_t N>
    constexpr option_settings(const option_setting (&all)[N]) noexcept : first{all}, last{all + N} {}
    [[nodiscard]] constexpr const option_setting* begin() const noexcept { return first; }
    [[nodiscard]] constexpr const option_setting* end() const noexcept { return last; }

    const option_setting* first = nullptr;
    const option_setting* last = nullptr;
};

/// What the non-template parts need to know of a pattern.
struct pattern_traits {
    int type;
    const char* name;
    bool sends;
    bool receives;
    option_settings defaults;
};

// Every socket: a finite linger, a short handshake, dead peers noticed by TCP itself, reconnects that back off.
// ZMTP heartbeats stay off: a peer that dies behind a full queue makes them abort the receiving process.
inline constexpr option_setting common_defaults[] = {
    {ZMQ_LINGER, 1'000, "ZMQ_LINGER"},
    {ZMQ_HANDSHAKE_IVL, 5'000, "ZMQ_HANDSHAKE_IVL"},
    {ZMQ_TCP_KEEPALIVE, 1, "ZMQ_TCP_KEEPALIVE"},
    {ZMQ_TCP_KEEPALIVE_IDLE, 30, "ZMQ_TCP_KEEPALIVE_IDLE"},
    {ZMQ_TCP_KEEPALIVE_INTVL, 10, "ZMQ_TCP_KEEPALIVE_INTVL"},
    {ZMQ_TCP_KEEPALIVE_CNT, 3, "ZMQ_TCP_KEEPALIVE_CNT"},
    {ZMQ_TCP_MAXRT, 60'000, "ZMQ_TCP_MAXRT"},
    {ZMQ_CONNECT_TIMEOUT, 5'000, "ZMQ_CONNECT_TIMEOUT"},
    {ZMQ_RECONNECT_IVL, 100, "ZMQ_RECONNECT_IVL"},
    {ZMQ_RECONNECT_IVL_MAX, 10'000, "ZMQ_RECONNECT_IVL_MAX"},
    {ZMQ_BACKLOG, 1'024, "ZMQ_BACKLOG"}, // a full one makes newcomers wait for a second: their SYN is lost
    {ZMQ_IMMEDIATE, 0, "ZMQ_IMMEDIATE"},
    {ZMQ_HEARTBEAT_IVL, 0, "ZMQ_HEARTBEAT_IVL"},
    {ZMQ_CONFLATE, 0, "ZMQ_CONFLATE"},
};

inline constexpr option_setting router_defaults[] = {
    {ZMQ_ROUTER_MANDATORY, 1, "ZMQ_ROUTER_MANDATORY", false},
    {ZMQ_ROUTER_HANDOVER, 0, "ZMQ_ROUTER_HANDOVER", false},
};
inline constexpr option_setting req_defaults[] = {
    {ZMQ_REQ_RELAXED, 1, "ZMQ_REQ_RELAXED", false},
    {ZMQ_REQ_CORRELATE, 1, "ZMQ_REQ_CORRELATE", false},
};
// NODROP: libzmq says when a subscriber's queue is full; send() then drops for that one alone, and counts it.
// IMMEDIATE: without it the subscriptions of a subscriber that a publisher connects to outlive each of its connections, and
// add up. A publisher's message to nobody is lost anyway.
inline constexpr option_setting pub_defaults[] = {
    {ZMQ_XPUB_NODROP, 1, "ZMQ_XPUB_NODROP", false},
    {ZMQ_IMMEDIATE, 1, "ZMQ_IMMEDIATE"},
};

} // namespace detail

/// Sends to one of its peers in turn. \maps ZMQ_PUSH
struct push {
    using limits = outbound; ///< It only sends.
    /// \cond
    static constexpr detail::pattern_traits traits{ZMQ_PUSH, "push", true, false, {}};
    /// \endcond
};
/// Receives from all its peers in turn. \maps ZMQ_PULL
struct pull {
    using limits = inbound; ///< It only receives.
    /// \cond
    static constexpr detail::pattern_traits traits{ZMQ_PULL, "pull", false, true, {}};
    /// \endcond
};
/// Sends to every subscriber; never waits for a slow one. \maps ZMQ_PUB
struct pub {
    using limits = outbound; ///< It only sends.
    /// \cond
    static constexpr detail::pattern_traits traits{ZMQ_PUB, "pub", true, false, detail::pub_defaults};
    /// \endcond
};
/// Receives what it subscribed to. \maps ZMQ_SUB
struct sub {
    using limits = inbound; ///< It only receives.
    /// \cond
    static constexpr detail::pattern_traits traits{ZMQ_SUB, "sub", false, true, {}};
    /// \endcond
};
/// A publisher that also receives its subscribers' subscriptions. \maps ZMQ_XPUB
struct xpub {
    using limits = duplex; ///< It sends and receives.
    /// \cond
    static constexpr detail::pattern_traits traits{ZMQ_XPUB, "xpub", true, true, detail::pub_defaults};
    /// \endcond
};
/// A subscriber that sends its subscriptions as messages. \maps ZMQ_XSUB
struct xsub {
    using limits = duplex; ///< It sends and receives.
    /// \cond
    static constexpr detail::pattern_traits traits{ZMQ_XSUB, "xsub", true, true, {}};
    /// \endcond
};
/// Asks, then waits for the answer; may ask again when none came. Requests carry a number that the answer must echo.
/// \maps ZMQ_REQ with REQ_RELAXED and REQ_CORRELATE
struct req {
    using limits = duplex; ///< It sends and receives.
    /// \cond
    static constexpr detail::pattern_traits traits{ZMQ_REQ, "req", true, true, detail::req_defaults};
    /// \endcond
};
/// Answers one request at a time. \maps ZMQ_REP
struct rep {
    using limits = duplex; ///< It sends and receives.
    /// \cond
    static constexpr detail::pattern_traits traits{ZMQ_REP, "rep", true, true, {}};
    /// \endcond
};
/// Sends to its peers in turn, receives from all. \maps ZMQ_DEALER
struct dealer {
    using limits = duplex; ///< It sends and receives.
    /// \cond
    static constexpr detail::pattern_traits traits{ZMQ_DEALER, "dealer", true, true, {}};
    /// \endcond
};
/// Addresses each peer by routing id; an unknown one is reported, a taken one stays with its owner.
/// \maps ZMQ_ROUTER with ROUTER_MANDATORY, without ROUTER_HANDOVER
struct router {
    using limits = duplex; ///< It sends and receives.
    /// \cond
    static constexpr detail::pattern_traits traits{ZMQ_ROUTER, "router", true, true, detail::router_defaults};
    /// \endcond
};
/// Talks to exactly one peer. \maps ZMQ_PAIR
struct pair {
    using limits = duplex; ///< It sends and receives.
    /// \cond
    static constexpr detail::pattern_traits traits{ZMQ_PAIR, "pair", true, true, {}};
    /// \endcond
};

/// One of the eleven patterns above.
template <class P> concept messaging_pattern = requires {
    typename P::limits;
    { P::traits } -> std::convertible_to<detail::pattern_traits>;
};

/// The pattern has a way to send.
template <class P> concept can_send = messaging_pattern<P> && P::traits.sends;

/// The pattern has a way to receive.
template <class P> concept can_receive = messaging_pattern<P> && P::traits.receives;

/// The pattern chooses topics.
template <class P> concept can_subscribe = std::same_as<P, sub> || std::same_as<P, xsub>;

} // namespace ironhouse::inline IRONHOUSE_ABI

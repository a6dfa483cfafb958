// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A typed pair of sockets between two threads. Layer: threads.

#include <ironhouse/core/limits.hpp>
#include <ironhouse/core/message.hpp>
#include <ironhouse/core/pattern.hpp>
#include <ironhouse/core/status.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/socket_core.hpp>
#include <ironhouse/fwd.hpp>
#include <ironhouse/security/in_process.hpp>
#include <ironhouse/socket/context.hpp>
#include <ironhouse/socket/detached.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include <sodium/randombytes.h>
#include <zmq.h>

namespace ironhouse::inline IRONHOUSE_ABI {

/// A value that means the same on both sides of a channel: plain bytes, no pointer at its top.
template <class T>
concept travels_by_value =
    std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T> && !std::is_pointer_v<T>;

/// One end of a channel: sends and receives values of one type.
///
/// \threads  The thread that attached it; as a socket.
/// \maps     ZMQ_PAIR on inproc.
template <class Value> class channel_end {
    static_assert(travels_by_value<Value>,
                  "a channel carries values: plain bytes, no pointer, nothing that owns memory");

public:
    channel_end(const channel_end&) = delete;
    channel_end& operator=(const channel_end&) = delete;
    ~channel_end() = default;

    /// Queues one value for the other end.
    /// \param value     Copied.
    /// \param patience  Longest wait for space, in milliseconds.
    /// \return          `queued`, `full`, `closing` or `interrupted`.
    send_status send(const Value& value, std::chrono::milliseconds patience) {
        letter out;
        if (!out.add_object(value)) return send_status::oversize;
        return core_.send(out, patience);
    }
    /// \overload
    /// \param value     As above.
    /// \param patience  As above.
    /// \param stop      Ends the wait with `interrupted`.
    send_status send(const Value& value, std::chrono::milliseconds patience, const std::stop_token& stop) {
        letter out;
        if (!out.add_object(value)) return send_status::oversize;
        return core_.send(out, patience, stop);
    }
    /// Takes one value.
    /// \param value     Changed only by `received`.
    /// \param patience  Longest wait, in milliseconds.
    /// \return          See receive_status.
    receive_status receive(Value& value, std::chrono::milliseconds patience) {
        return unpack(value, core_.receive(in_, patience));
    }
    /// \overload
    /// \param value     As above.
    /// \param patience  As above.
    /// \param stop      Ends the wait with `interrupted`.
    receive_status receive(Value& value, std::chrono::milliseconds patience, const std::stop_token& stop) {
        return unpack(value, core_.receive(in_, patience, stop));
    }
    /// Hands this end to another thread.
    [[nodiscard]] detached<channel_end> detach() {
        if (core_.must_look_up()) (void)core_.attend();
        core_.owner = detail::socket_core::nobody;
        return detached<channel_end>{std::move(core_)};
    }

private:
    using letter = message<detail::unchecked<frames>(1), detail::unchecked<bytes>(sizeof(Value))>;

    template <travels_by_value V>
    friend std::pair<detached<channel_end<V>>, detached<channel_end<V>>> make_channel(context& within, messages queue);
    friend class detached<channel_end>;

    explicit channel_end(detail::socket_core&& core) noexcept : core_{std::move(core)} {
        core_.owner = detail::number_this_thread();
    }
    static detached<channel_end> wrap(detail::socket_core&& core) {
        core.owner = detail::socket_core::nobody;
        return detached<channel_end>{std::move(core)};
    }

    receive_status unpack(Value& value, receive_status status) {
        if (status != receive_status::received) return status;
        // Only our other end is connected, and it sends nothing else.
        if (const auto got = in_.template object<Value>(0)) value = *got;
        return status;
    }

    detail::socket_core core_;
    letter in_;
};

/// Opens a channel: two ends, each to be attached by the thread that uses it.
///
/// \param within  The context.
/// \param queue   Values that may wait at each end, in each direction; at least 2.
/// \throws  error::misuse for a queue below 2; as opening a socket.
/// \threads  Any; the ends come detached.
/// \maps     two ZMQ_PAIR on an inproc name that nobody else knows, and that is given up once they are connected.
template <travels_by_value Value>
[[nodiscard]] std::pair<detached<channel_end<Value>>, detached<channel_end<Value>>> make_channel(context& within,
                                                                                                 messages queue) {
    const auto most = detail::unchecked<peers>(1);
    const auto one = detail::unchecked<frames>(1);
    const auto size = detail::unchecked<bytes>(sizeof(Value));
    const duplex limits{.in = {.peers = most, .queue = queue, .frames = one, .frame = size},
                        .out = {.peers = most, .queue = queue, .frames = one, .frame = size}};
    if (const char* complaint = detail::limits_complaint(limits))
        throw error{error::misuse, "open a channel", complaint};

    std::array<unsigned char, 16> secret{};
    ::randombytes_buf(secret.data(), secret.size());
    std::string name = "inproc://ironhouse-channel-";
    for (const unsigned char each : secret) name += static_cast<char>('a' + each % 26);

    detail::socket_core first, second;
    first.open(within.door(), pair::traits, detail::to_flow(limits), in_process{}.armour(), {});
    second.open(within.door(), pair::traits, detail::to_flow(limits), in_process{}.armour(), {});
    first.bind(name.c_str(), transport::inproc, false);
    second.connect(name.c_str(), transport::inproc, false);
    ::zmq_unbind(first.handle, name.c_str());
    return {channel_end<Value>::wrap(std::move(first)), channel_end<Value>::wrap(std::move(second))};
}

} // namespace ironhouse::inline IRONHOUSE_ABI

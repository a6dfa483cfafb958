// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What a send or a receive came to. No exception on the hot path: one per hostile message would be an attack.
/// Layer: core.

#include <ironhouse/detail/abi.hpp>

#include <cstdint>

namespace ironhouse::inline IRONHOUSE_ABI {

/// What became of a message to be sent. Only `queued` takes it; with every other status it is still the caller's.
enum class [[nodiscard]] send_status : std::uint8_t{
    queued,      ///< Accepted here. It may still be lost with the connection: a bad answer loses the queue.
    full,        ///< The queue stayed full for as long as the patience lasted. Retry is safe.
    no_peer,     ///< Nobody is connected to a socket that was bound. Retry is safe.
    unroutable,  ///< A router knows no peer by this routing id, or the message carries none.
    oversize,    ///< More frames, or a larger frame, than the socket's limits allow.
    closing,     ///< The context is shutting down.
    interrupted, ///< A stop was requested, or a signal handler ran, before there was room. Retry is safe.
};

/// What a receive came to. The message holds something only after `received`.
enum class [[nodiscard]] receive_status : std::uint8_t{
    received,    ///< A message within the limits is here.
    timed_out,   ///< None came while the patience lasted. What broke a rule was dropped and counted.
    interrupted, ///< A stop was requested, or a signal handler ran.
    closing,     ///< The context is shutting down.
};

} // namespace ironhouse::inline IRONHOUSE_ABI

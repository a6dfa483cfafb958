// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The one exception of the library, sorted by who must act. Layer: core.

#include <ironhouse/detail/abi.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace ironhouse::inline IRONHOUSE_ABI {

/// What goes wrong while a socket, key or limit is opened or configured; nothing is left half open.
///
/// Messages in flight never throw: the hot path returns enums. The text names the operation, the value and the limit,
/// and never holds a secret.
///
/// \threads  Values; copies may cross threads.
/// \secrets  Callers pass public text only: endpoints, names, numbers, fingerprints.
/// \maps     zmq_errno(), captured at the call that failed; 0 where libzmq was not involved.
class error : public std::runtime_error {
public:
    /// Who must act.
    enum class kind : std::uint8_t {
        misuse,      ///< The call itself is wrong. Fix the program; never retry. No peer can cause it.
        rejected,    ///< The peer or the file is not what it must be. Never retry unchanged.
        exhausted,   ///< A system limit was hit. Retry after releasing something.
        unavailable, ///< This machine or this libzmq cannot do it. Install or configure.
        closing,     ///< The context is shutting down. Unwind.
    };
    // Spelled out, not `using enum`: GCC 12 fails internally on that inside templates.
    static constexpr kind misuse = kind::misuse;           ///< See kind::misuse.
    static constexpr kind rejected = kind::rejected;       ///< See kind::rejected.
    static constexpr kind exhausted = kind::exhausted;     ///< See kind::exhausted.
    static constexpr kind unavailable = kind::unavailable; ///< See kind::unavailable.
    static constexpr kind closing = kind::closing;         ///< See kind::closing.

    /// \param why       Who must act.
    /// \param during    The operation, for example "bind tcp://127.0.0.1:5555".
    /// \param text      What was wrong: the value, and the limit it broke.
    /// \param zmq_code  libzmq's or the system's error number; 0 for none.
    error(kind why, const std::string& during, const std::string& text, int zmq_code = 0)
        : std::runtime_error{during + ": " + text}, during_{during}, zmq_code_{zmq_code}, why_{why} {}

    /// Who must act.
    [[nodiscard]] kind why() const noexcept { return why_; }
    /// The operation that failed.
    [[nodiscard]] const char* during() const noexcept { return during_.what(); }
    /// libzmq's or the system's error number; 0 for none.
    [[nodiscard]] int zmq_code() const noexcept { return zmq_code_; }

private:
    std::runtime_error during_; // a string whose copy cannot throw, as an exception's must not
    int zmq_code_;
    kind why_;
};

} // namespace ironhouse::inline IRONHOUSE_ABI

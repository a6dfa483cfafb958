// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The one way out. Nothing in the library includes this header: the include is the decision, and a search finds it.

#include <ironhouse/core/endpoint.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/security/policy.hpp>

#include <cstddef>

namespace ironhouse::inline IRONHOUSE_ABI::insecure {

/// A server's `clients`: any key is let in. Traffic stays encrypted; who sent it is known by fingerprint only.
///
/// The reason becomes an event when the socket opens.
/// \maps  a ZAP handler that accepts every CURVE key.
class any_client {
public:
    /// \param reason  Why, in a sentence; a literal.
    // Not consteval: Clang 14 crashes on a second consteval constructor in one designated list.
    template <std::size_t N> constexpr explicit any_client(const char (&reason)[N]) noexcept : reason_{reason} {
        static_assert(N > 10, "insecure::any_client: say why, in a sentence");
    }
    /// The reason given.
    [[nodiscard]] constexpr const char* reason() const noexcept { return reason_; }

private:
    const char* reason_;
};

/// A policy without encryption and without authentication: anyone on the path reads, changes and sends.
///
/// Limits, ownership and endpoints stay as strict as elsewhere. The reason becomes an event when the socket opens.
/// \maps  the NULL mechanism.
class plaintext {
public:
    /// Transports this policy allows.
    static constexpr transports protects{.tcp = true, .ipc = true, .inproc = false};

    /// \param reason  Why, in a sentence; a literal.
    template <std::size_t N> constexpr plaintext(const char (&reason)[N]) noexcept : reason_{reason} {
        static_assert(N > 10, "insecure::plaintext: say why, in a sentence");
    }
    /// What the socket is opened with.
    [[nodiscard]] detail::armour armour() && {
        detail::armour plain;
        plain.waiver = reason_;
        return plain;
    }

private:
    const char* reason_;
};

/// An ipc socket of several peers without system/runtime.hpp: one of them can fill memory with a message that never ends.
///
/// For `socket_options::ipc_guard`. The folder of an ipc path is closed to others, so it is about programs of the same user.
/// The reason becomes an event when the socket opens.
/// \maps  none
class unguarded_ipc {
public:
    /// \param reason  Why, in a sentence; a literal.
    template <std::size_t N> constexpr explicit unguarded_ipc(const char (&reason)[N]) noexcept : reason_{reason} {
        static_assert(N > 10, "insecure::unguarded_ipc: say why, in a sentence");
    }
    /// The reason given.
    [[nodiscard]] constexpr const char* reason() const noexcept { return reason_; }

private:
    const char* reason_;
};

} // namespace ironhouse::inline IRONHOUSE_ABI::insecure

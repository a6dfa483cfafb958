// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The policy for sockets that never leave the process. Layer: security.

#include <ironhouse/core/endpoint.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/security/policy.hpp>

namespace ironhouse::inline IRONHOUSE_ABI {

/// Threads of one process need no keys: inproc only, and nothing else.
///
/// \maps  the NULL mechanism on inproc, where libzmq ignores CURVE and ZAP.
struct in_process {
    /// Transports this policy protects.
    static constexpr transports protects{.tcp = false, .ipc = false, .inproc = true};
    /// What the socket is opened with.
    [[nodiscard]] detail::armour armour() && { return {}; }
};

} // namespace ironhouse::inline IRONHOUSE_ABI

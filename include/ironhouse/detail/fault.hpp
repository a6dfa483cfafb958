// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Faults on purpose, for tests and the gauntlet: what holds when a part has failed. Layer: detail.

#include <ironhouse/detail/abi.hpp>
#include <ironhouse/socket/context.hpp>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// Makes the sentry's next step fail, as running out of memory would.
inline void kill_authenticator(context& within) { within.sentry_->fail_for_test(); }

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

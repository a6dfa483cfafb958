// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Faults on purpose, for tests and the gauntlet: what holds when a part has failed. Layer: detail.

#include <ironhouse/detail/abi.hpp>
#include <ironhouse/socket/context.hpp>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// Makes the sentry's next step fail, as running out of memory would.
inline void kill_authenticator(context& within) { within.sentry_->fail_for_test(); }

/// Sockets opened from now on are not guarded: for measuring what guarding costs, and nothing else.
inline void switch_off_guard(context& within) { within.sentry_->switch_off_guard(); }

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

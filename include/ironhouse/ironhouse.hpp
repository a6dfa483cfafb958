// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The whole library, except the way out: insecure.hpp is included by name or not at all.

#include <ironhouse/core/domain.hpp>
#include <ironhouse/core/endpoint.hpp>
#include <ironhouse/core/error.hpp>
#include <ironhouse/core/limits.hpp>
#include <ironhouse/core/message.hpp>
#include <ironhouse/core/pattern.hpp>
#include <ironhouse/core/status.hpp>
#include <ironhouse/core/units.hpp>

#include <ironhouse/keys/address_range.hpp>
#include <ironhouse/keys/certificate.hpp>
#include <ironhouse/keys/key_source.hpp>
#include <ironhouse/keys/keypair.hpp>
#include <ironhouse/keys/keyring.hpp>
#include <ironhouse/keys/public_key.hpp>
#include <ironhouse/keys/secret_key.hpp>

#include <ironhouse/security/curve.hpp>
#include <ironhouse/security/in_process.hpp>
#include <ironhouse/security/policy.hpp>

#include <ironhouse/sentry/admission.hpp>
#include <ironhouse/sentry/events.hpp>

#include <ironhouse/socket/advisory.hpp>
#include <ironhouse/socket/context.hpp>
#include <ironhouse/socket/detached.hpp>
#include <ironhouse/socket/poller.hpp>
#include <ironhouse/socket/socket.hpp>
#include <ironhouse/socket/socket_ref.hpp>

#include <ironhouse/threads/channel.hpp>
#include <ironhouse/threads/thread.hpp>

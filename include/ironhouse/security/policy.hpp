// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What a socket is opened with: the security policy, written to libzmq in one place and read back. Layer: security.

#include <ironhouse/core/domain.hpp>
#include <ironhouse/core/endpoint.hpp>
#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/fwd.hpp>
#include <ironhouse/keys/keypair.hpp>
#include <ironhouse/keys/public_key.hpp>

#include <concepts>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sodium/randombytes.h>
#include <sodium/utils.h>
#include <zmq.h>

namespace ironhouse::inline IRONHOUSE_ABI {

namespace detail {

// ZMQ_ZAP_ENFORCE_DOMAIN: called "draft" by libzmq's headers, accepted by every stable library since 4.3.0.
inline constexpr int zap_enforce_domain = 93;

enum class mechanism : std::uint8_t { null, curve };
enum class side : std::uint8_t { server, client, none };

/// A policy, no longer a template: what the socket and the sentry work with. A ring and a certificate are known here by
/// their names only, so that who includes a socket does not parse how files are read.
struct armour {
    detail::mechanism mechanism = mechanism::null;
    detail::side side = side::none;
    std::optional<ironhouse::domain> domain;
    std::shared_ptr<const keyring> clients; // none on a server: every key is let in, and `waiver` says why
    std::string role;                       // that a client's key must have; empty: none
    std::optional<keypair> identity;
    std::optional<public_key> server; // the one it believes in at the moment, of
    std::vector<public_key> servers;  // these
    const char* waiver = nullptr;     // the reason given to insecure.hpp
};

inline void set_option(void* socket, int option, const void* value, std::size_t size, const char* name) {
    if (::zmq_setsockopt(socket, option, value, size) != 0) {
        const int code = ::zmq_errno();
        throw error{error::unavailable, std::string{"set "} + name, ::zmq_strerror(code), code};
    }
}

inline void set_option(void* socket, int option, int value, const char* name) {
    set_option(socket, option, &value, sizeof value, name);
}

/// Sets an option and reads it back: what libzmq does not hold as written is refused.
inline void set_and_check(void* socket, int option, int value, const char* name) {
    set_option(socket, option, value, name);
    int held = 0;
    std::size_t size = sizeof held;
    if (::zmq_getsockopt(socket, option, &held, &size) != 0) {
        const int code = ::zmq_errno();
        throw error{error::unavailable, std::string{"read back "} + name, ::zmq_strerror(code), code};
    }
    if (held != value)
        throw error{error::unavailable, std::string{"read back "} + name,
                    "wrote " + std::to_string(value) + ", libzmq holds " + std::to_string(held)};
}

inline void check_int(void* socket, int option, int expected, const char* name) {
    int held = -1;
    std::size_t size = sizeof held;
    if (::zmq_getsockopt(socket, option, &held, &size) != 0 || held != expected)
        throw error{error::unavailable, std::string{"read back "} + name,
                    "expected " + std::to_string(expected) + ", libzmq holds " + std::to_string(held)};
}

inline void set_and_check_key(void* socket, int option, const unsigned char* key, const char* name) {
    set_option(socket, option, key, 32, name);
    unsigned char held[32];
    std::size_t size = sizeof held;
    const bool same =
        ::zmq_getsockopt(socket, option, held, &size) == 0 && size == 32 && ::sodium_memcmp(held, key, 32) == 0;
    ::sodium_memzero(held, sizeof held);
    if (!same)
        throw error{error::unavailable, std::string{"read back "} + name, "libzmq does not hold the key written"};
}

/// Writes the policy to a socket that is about to bind or connect, and reads every part of it back.
///
/// libzmq copies these options to each listener and connection when it opens it, so they are written right before and
/// the secret is taken away again right after (disarm): zmq_getsockopt() then has no secret to give.
inline void arm(void* socket, const armour& what, const std::string& zap_domain) {
    if (what.mechanism == mechanism::null) {
        check_int(socket, ZMQ_MECHANISM, ZMQ_NULL, "ZMQ_MECHANISM");
        return;
    }
    const unsigned char* const secret = what.identity->secret().expose().data();
    if (what.side == side::server) {
        // All three or none: without the domain, or without ENFORCE, libzmq lets any key in.
        set_option(socket, ZMQ_ZAP_DOMAIN, zap_domain.data(), zap_domain.size(), "ZMQ_ZAP_DOMAIN");
        char held[256] = {};
        std::size_t size = sizeof held;
        if (::zmq_getsockopt(socket, ZMQ_ZAP_DOMAIN, held, &size) != 0 || zap_domain.empty() || zap_domain != held)
            throw error{error::unavailable, "read back ZMQ_ZAP_DOMAIN", "libzmq does not hold the domain written"};
        set_and_check(socket, zap_enforce_domain, 1, "ZMQ_ZAP_ENFORCE_DOMAIN");
        set_and_check(socket, ZMQ_CURVE_SERVER, 1, "ZMQ_CURVE_SERVER");
        set_and_check_key(socket, ZMQ_CURVE_PUBLICKEY, what.identity->public_key().raw().data(), "ZMQ_CURVE_PUBLICKEY");
        set_and_check_key(socket, ZMQ_CURVE_SECRETKEY, secret, "ZMQ_CURVE_SECRETKEY");
        check_int(socket, ZMQ_CURVE_SERVER, 1, "ZMQ_CURVE_SERVER");
    } else {
        set_and_check_key(socket, ZMQ_CURVE_SERVERKEY, what.server->raw().data(), "ZMQ_CURVE_SERVERKEY");
        set_and_check_key(socket, ZMQ_CURVE_PUBLICKEY, what.identity->public_key().raw().data(), "ZMQ_CURVE_PUBLICKEY");
        set_and_check_key(socket, ZMQ_CURVE_SECRETKEY, secret, "ZMQ_CURVE_SECRETKEY");
        check_int(socket, ZMQ_CURVE_SERVER, 0, "ZMQ_CURVE_SERVER");
    }
    check_int(socket, ZMQ_MECHANISM, ZMQ_CURVE, "ZMQ_MECHANISM");
}

/// Takes the secret out of the socket's options. A random one replaces it, not zeros: whoever opened an endpoint behind
/// the library's back would get a key that fits nobody.
inline void disarm(void* socket, const armour& what) noexcept {
    if (what.mechanism != mechanism::curve) return;
    unsigned char nobody[32];
    ::randombytes_buf(nobody, sizeof nobody);
    const int done = ::zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, nobody, sizeof nobody);
    ::sodium_memzero(nobody, sizeof nobody);
    if (done != 0) die("libzmq kept a secret key it was told to forget");
}

} // namespace detail

/// What a type needs to be the third template argument of a socket: the transports it protects, and what to open with.
template <class P> concept security_policy = std::movable<P> && requires(P&& policy) {
    { P::protects } -> std::convertible_to<transports>;
    { std::move(policy).armour() } -> std::same_as<detail::armour>;
};

} // namespace ironhouse::inline IRONHOUSE_ABI

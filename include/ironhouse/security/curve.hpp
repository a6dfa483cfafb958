// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// CURVE: who may come in, and whom to trust. Layer: security.

#include <ironhouse/core/domain.hpp>
#include <ironhouse/core/endpoint.hpp>
#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/owed.hpp>
#include <ironhouse/detail/refuse.hpp>
#include <ironhouse/fwd.hpp>
#include <ironhouse/keys/certificate.hpp>
#include <ironhouse/keys/keyring.hpp>
#include <ironhouse/keys/public_key.hpp>
#include <ironhouse/security/policy.hpp>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ironhouse::inline IRONHOUSE_ABI {

/// A server's clients: a keyring. The other choice, everybody, is named insecure::any_client and lives in insecure.hpp.
class admitted {
public:
    /// \param ring  Who may come in.
    // NOLINTNEXTLINE(google-explicit-constructor): written as `.clients = keyring::from_directory(...)`
    admitted(keyring ring) : ring_{new keyring{std::move(ring)}} {}
    /// \param waiver  An insecure::any_client: everybody, with the reason why.
    template <std::same_as<insecure::any_client> Anyone>
    // NOLINTNEXTLINE(google-explicit-constructor)
    constexpr admitted(Anyone waiver) noexcept : waiver_{waiver.reason()} {}

private:
    template <class Owed> friend struct basic_curve_server;
    std::shared_ptr<const keyring> ring_;
    const char* waiver_ = nullptr;
};

/// Whom a client trusts: one key, or several, of which it tries one after the other. Two of them while its server changes
/// from one to the other: the new one first.
class server_keys {
public:
    /// \param only  The one key there is.
    // NOLINTNEXTLINE(google-explicit-constructor): written as `.server = key`
    server_keys(const public_key& only) : keys_{only} {}
    /// \param any  1 to 8 keys, the most likely one first: `.server = {next, present}`.
    /// \throws  error::misuse when there are none, more than 8, or one of them twice.
    server_keys(std::initializer_list<public_key> any) : keys_{any} {
        if (keys_.empty() || keys_.size() > 8)
            throw error{error::misuse, "trust a server",
                        std::to_string(keys_.size()) + " keys are given; allowed are 1 to 8"};
        for (std::size_t i = 0; i != keys_.size(); ++i)
            for (std::size_t j = 0; j != i; ++j)
                if (keys_[i] == keys_[j])
                    throw error{error::misuse, "trust a server",
                                "the key " + keys_[i].fingerprint() + " is given twice"};
    }

private:
    template <class Owed> friend struct basic_curve_client;
    std::vector<public_key> keys_;
};

/// The role that a key must have to come in at a server's socket. Left out, every key of its ring comes in.
///
/// \threads  A value.
/// \secrets  none
class required_role {
public:
    /// No role.
    required_role() = default;
    /// Takes a literal.
    /// \param literal  1 to 32 of A-Z a-z 0-9 . _ - as in certificates.
    /// \throws         `error::misuse` with the rule that it breaks.
    // Not consteval: Clang 14 crashes on a second consteval constructor in one designated list.
    template <std::size_t N>
    required_role(const char (&literal)[N]) // NOLINT(google-explicit-constructor): `.role = "trader"`
        : required_role{from_config({literal, N - 1})} {}
    /// Takes a role that the program learns at run time; an empty text is refused, as it would ask for nothing.
    /// \param text  The role.
    /// \throws      `error::misuse` with the rule that it breaks.
    [[nodiscard]] static required_role from_config(std::string_view text) {
        const char* const complaint = detail::role_complaint(text);
        if (complaint != nullptr) detail::refuse(error::misuse, "role that a server asks for", {"it ", complaint});
        required_role made;
        made.text_ = text;
        return made;
    }
    /// The role; empty when none is asked for.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    std::string text_;
};

namespace detail {
template <class Owed> struct leaves_out_domain : owed<ironhouse::domain> {
    static_assert(never<Owed>, "curve_server leaves out .domain: what this service is called in events and metrics");
};
template <class Owed> struct leaves_out_clients : owed<admitted> {
    static_assert(never<Owed>, "curve_server leaves out .clients: the keyring of those who may come in");
};
template <class Owed> struct server_leaves_out_identity : owed<certificate> {
    static_assert(never<Owed>, "curve_server leaves out .identity: the certificate this server proves itself with");
};
template <class Owed> struct client_leaves_out_identity : owed<certificate> {
    static_assert(never<Owed>, "curve_client leaves out .identity: the certificate this client proves itself with");
};
template <class Owed> struct leaves_out_server : owed<server_keys> {
    static_assert(never<Owed>, "curve_client leaves out .server: the public key of the server it will trust");
};
/// What CURVE protects: libzmq ignores it on inproc, and sends plaintext on pgm and norm.
inline constexpr transports curve_protects{.tcp = true, .ipc = true, .inproc = false, .curve_spelling = true};
} // namespace detail

/// Lets in who holds a key of the ring, and proves itself by its own. Every field but the role is owed.
///
/// \maps    ZMQ_CURVE_SERVER, ZMQ_CURVE_SECRETKEY, ZMQ_ZAP_DOMAIN, ZMQ_ZAP_ENFORCE_DOMAIN; RFC 26 and RFC 27.
template <class Owed> struct basic_curve_server {
    /// What this service is called in events and metrics. One domain belongs to one keyring.
    ironhouse::domain domain = detail::leaves_out_domain<Owed>::value();
    /// Who may come in.
    admitted clients = detail::leaves_out_clients<Owed>::value();
    /// Who we are.
    certificate identity = detail::server_leaves_out_identity<Owed>::value();
    /// What a key's certificate must name as a role, besides being in the ring.
    required_role role = {};

    /// Transports this policy protects.
    static constexpr transports protects = detail::curve_protects;
    /// What the socket is opened with.
    [[nodiscard]] detail::armour armour() && {
        if (!role.text().empty() && !clients.ring_)
            detail::refuse(error::misuse, "open a curve_server",
                           {"the role \"", role.text(), "\" is asked for, and any key is let in: it needs a keyring"});
        detail::armour worn;
        worn.mechanism = detail::mechanism::curve;
        worn.side = detail::side::server;
        worn.role = role.text();
        worn.domain = domain;
        worn.clients = std::move(clients.ring_);
        worn.waiver = clients.waiver_;
        worn.identity.emplace(std::move(identity).take_keys());
        return worn;
    }
};
/// Lets in who holds a key of the ring, and proves itself by its own.
using curve_server = basic_curve_server<void>;

/// Talks to the one server that holds the named key, or one of several, and proves itself by its own. Every field is owed.
///
/// \maps    ZMQ_CURVE_SERVERKEY, ZMQ_CURVE_PUBLICKEY, ZMQ_CURVE_SECRETKEY; RFC 26.
template <class Owed> struct basic_curve_client {
    /// Who we are.
    certificate identity = detail::client_leaves_out_identity<Owed>::value();
    /// Whom we trust. With several keys, one is tried after the other, three handshakes each, until one succeeds.
    server_keys server = detail::leaves_out_server<Owed>::value();

    /// Transports this policy protects.
    static constexpr transports protects = detail::curve_protects;
    /// What the socket is opened with.
    [[nodiscard]] detail::armour armour() && {
        detail::armour worn;
        worn.mechanism = detail::mechanism::curve;
        worn.side = detail::side::client;
        worn.identity.emplace(std::move(identity).take_keys());
        worn.servers = std::move(server.keys_);
        worn.server.emplace(worn.servers.front());
        return worn;
    }
};
/// Talks to the one server that holds the named key, and proves itself by its own.
using curve_client = basic_curve_client<void>;

} // namespace ironhouse::inline IRONHOUSE_ABI

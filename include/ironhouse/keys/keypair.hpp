// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A secret key and the public key that belongs to it. Layer: keys.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/refuse.hpp>
#include <ironhouse/detail/sodium.hpp>
#include <ironhouse/detail/z85.hpp>
#include <ironhouse/keys/public_key.hpp>
#include <ironhouse/keys/secret_key.hpp>

#include <string>
#include <string_view>
#include <utility>

#include <sodium/crypto_scalarmult.h>
#include <zmq.h>

namespace ironhouse::inline IRONHOUSE_ABI {

namespace detail {

/// The public key of a secret, derived; refuses the secrets everybody has, which the derived key shows.
[[nodiscard]] inline ironhouse::public_key public_of(const secret_key& secret, const std::string& during) {
    unsigned char bytes[32];
    const bool derived = ::crypto_scalarmult_base(bytes, secret.expose().data()) == 0;
    scrub_stack();
    const char* const complaint = derived ? key_complaint(bytes) : "cannot be derived";
    if (complaint != nullptr) refuse(error::rejected, during, {"the secret's public key ", complaint});
    return key_access::checked(bytes);
}

} // namespace detail

/// A secret key with its public key; they belong together by construction.
///
/// \threads  Reading is safe from many threads; moving is the owner's.
/// \secrets  See secret_key.
class keypair : detail::a_secret_is_never_copied {
public:
    /// Makes a fresh pair from the system's randomness; its text form never leaves guarded memory.
    ///
    /// \throws  `error::unavailable` when this libzmq was built without CURVE or there is no randomness;
    ///          `error::exhausted` when guarded memory is refused.
    /// \threads Any.
    /// \maps    zmq_curve_keypair, after sodium_init.
    [[nodiscard]] static keypair generate() {
        static constexpr std::size_t with_terminator = detail::z85_key_length + 1;
        const std::string during = "generate a key pair";
        detail::guarded_memory text{2 * with_terminator};
        char* const public_text = reinterpret_cast<char*>(text.data());
        char* const secret_text = public_text + with_terminator;
        const int failed = ::zmq_curve_keypair(public_text, secret_text);
        const int code = failed != 0 ? ::zmq_errno() : 0;
        detail::scrub_stack();
        if (failed != 0) detail::refuse(error::unavailable, during, {"this libzmq was built without CURVE"}, code);

        detail::guarded_memory raw{32};
        const bool decoded = detail::z85_decode(secret_text, detail::z85_key_length, raw.data());
        detail::scrub_stack();
        if (!decoded) detail::refuse(error::unavailable, during, {"libzmq gave a secret key that is not Z85"});
        keypair made = from_secret(detail::secret_access::adopt(std::move(raw), during));
        if (made.public_.z85().compare(public_text) != 0) {
            detail::refuse(error::unavailable, during, {"libzmq gave a public key that does not belong to its secret"});
        }
        return made;
    }

    /// Completes a secret with the public key it implies.
    ///
    /// \param secret  Taken over.
    /// \throws        `error::rejected` for a secret that everybody has.
    [[nodiscard]] static keypair from_secret(secret_key secret) {
        auto derived = detail::public_of(secret, "derive a public key");
        return keypair{std::move(secret), derived};
    }

    /// The half to give away.
    [[nodiscard]] const ironhouse::public_key& public_key() const& noexcept { return public_; }
    /// \overload
    [[nodiscard]] ironhouse::public_key public_key() && noexcept { return public_; }

    /// The half to keep.
    [[nodiscard]] const secret_key& secret() const& noexcept { return secret_; }
    const secret_key& secret() && = delete;

    /// The half to keep, moved out; the pair is used up.
    [[nodiscard]] secret_key take_secret() && noexcept { return std::move(secret_); }

private:
    friend class certificate;
    keypair(secret_key&& secret, const ironhouse::public_key& derived) noexcept
        : secret_{std::move(secret)}, public_{derived} {}

    secret_key secret_;
    ironhouse::public_key public_;
};

} // namespace ironhouse::inline IRONHOUSE_ABI

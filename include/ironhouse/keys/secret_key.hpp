// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The secret half of a CURVE key, held so that it is hard to lose. Layer: keys.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/ownership.hpp>
#include <ironhouse/detail/refuse.hpp>
#include <ironhouse/detail/sodium.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <utility>

namespace ironhouse::inline IRONHOUSE_ABI {

namespace detail {

struct secret_access;
struct text_access;

// Never satisfied; each is the sentence the compiler prints.
template <class Other> concept secrets_can_be_compared = false;
template <class Stream> concept secrets_can_be_printed = false;

} // namespace detail

/// Holds 32 secret bytes in guarded, read-only memory: moved but never copied, compared or printed, and zeroed at the end.
///
/// keypair, certificate and key_source make them.
///
/// \threads  Reading is safe from many threads; moving is the owner's.
/// \secrets  Never in text, an error, or a core dump; in swap only where locked() is false.
/// \maps     The 32 bytes libzmq takes as ZMQ_CURVE_SECRETKEY.
class secret_key : detail::a_secret_is_never_copied {
public:
    /// The bytes, for the one C call that needs them. Every use is a place to review; the name makes them easy to find.
    ///
    /// \return  Valid as long as this key. Using a key that was moved from terminates the process.
    /// \secrets  A copy made from it is the caller's to wipe.
    [[nodiscard]] std::span<const unsigned char, 32> expose() const& noexcept {
        if (memory_.data() == nullptr) detail::die("a secret key was used after it was moved elsewhere");
        return std::span<const unsigned char, 32>{memory_.data(), 32};
    }
    std::span<const unsigned char, 32> expose() && = delete;

    /// Whether the system keeps it out of swap; false where RLIMIT_MEMLOCK is too small. All other protection holds anyway.
    [[nodiscard]] bool locked() const noexcept { return memory_.locked(); }

    /// Not a way to compare: what tells secrets apart also leaks them. Compare public keys.
    template <class Other>
        requires detail::secrets_can_be_compared<Other>
    friend bool operator==(const secret_key& a, const Other& b);

    /// Not a way to print.
    template <class Stream>
        requires detail::secrets_can_be_printed<Stream>
    friend Stream& operator<<(Stream& out, const secret_key& key);

private:
    explicit secret_key(detail::guarded_memory&& memory) noexcept : memory_{std::move(memory)} {}
    friend struct detail::secret_access;

    detail::guarded_memory memory_;
};

namespace detail {

/// The inner door: guarded memory that holds 32 bytes becomes a key, without a copy.
struct secret_access {
    [[nodiscard]] static secret_key adopt(guarded_memory&& memory, const std::string& during) {
        if (memory.size() != 32) refuse(error::rejected, during, {"a secret key has 32 bytes"});
        if (::sodium_is_zero(memory.data(), 32) == 1) {
            refuse(error::rejected, during, {"the secret key is all zeros, which stands for \"no secret\""});
        }
        memory.protect();
        return secret_key{std::move(memory)};
    }
};

} // namespace detail
} // namespace ironhouse::inline IRONHOUSE_ABI

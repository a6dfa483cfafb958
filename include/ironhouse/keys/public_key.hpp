// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The public half of a CURVE key: a value that can be compared, printed and looked up. Layer: keys.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/refuse.hpp>
#include <ironhouse/detail/sodium.hpp>
#include <ironhouse/detail/z85.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include <sodium/crypto_generichash.h>
#include <sodium/crypto_shorthash.h>
#include <sodium/randombytes.h>

namespace ironhouse::inline IRONHOUSE_ABI {

namespace detail {

/// Why nobody, or everybody, could own this key; nullptr for a good one.
///
/// Only the one canonical encoding of a point is a key: otherwise one peer could pass for two. Of the canonical ones exactly
/// five have low order (on the curve or its twist): with them, every secret agrees on the same all-zero session key.
[[nodiscard]] inline const char* key_complaint(const unsigned char* key) noexcept {
    static constexpr unsigned char low_order[][32] = {
        {1},
        {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
         0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
        {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
         0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    };
    // Belongs to the all-zero secret, which libzmq uses where nobody set one.
    static constexpr unsigned char of_no_secret[32] = {0x2f, 0xe5, 0x7d, 0xa3, 0x47, 0xcd, 0x62, 0x43, 0x15, 0x28, 0xda,
                                                       0xac, 0x5f, 0xbb, 0x29, 0x07, 0x30, 0xff, 0xf6, 0x84, 0xaf, 0xc4,
                                                       0xcf, 0xc2, 0xed, 0x90, 0x99, 0x5f, 0x58, 0xcb, 0x3b, 0x74};

    if (::sodium_is_zero(key, 32) == 1) return "is the null key";
    if ((key[31] & 0x80) != 0) return "is not the canonical spelling of a key: its highest bit is set";
    bool above = key[31] == 0x7f && key[0] >= 0xed;
    for (int at = 1; at < 31; ++at) above = above && key[at] == 0xff;
    if (above) return "is not the canonical spelling of a key: it is not below 2^255 - 19";
    for (const auto& known : low_order) {
        if (std::memcmp(key, known, 32) == 0) return "has low order: it would let anybody compute the session key";
    }
    if (std::memcmp(key, of_no_secret, 32) == 0) return "belongs to the all-zero secret, which everybody has";
    return nullptr;
}

/// nullptr, and the key in `out`; or what is wrong with the text, which is never quoted: it may be a secret in the wrong place.
[[nodiscard]] inline const char* parse_key(std::string_view text, unsigned char* out) noexcept {
    if (text.size() != z85_key_length) return "is not 40 characters long";
    if (!z85_decode(text.data(), text.size(), out)) return "is not Z85";
    return key_complaint(out);
}

/// A hash nobody outside the process can aim at, so that crafted keys do not pile up in one place.
[[nodiscard]] inline std::uint64_t keyed_hash(const unsigned char* key) noexcept {
    struct hash_key {
        hash_key() noexcept { ::randombytes_buf(bytes, sizeof bytes); }
        unsigned char bytes[crypto_shorthash_KEYBYTES];
    };
    static const hash_key random;
    std::uint64_t hash = 0;
    static_assert(sizeof hash == crypto_shorthash_BYTES);
    ::crypto_shorthash(reinterpret_cast<unsigned char*>(&hash), key, 32, random.bytes);
    return hash;
}

// Never satisfied; each is the sentence the compiler prints.
template <class Text> concept text_becomes_a_key_through_from_z85 = false;

struct key_access;

} // namespace detail

/// Says who a peer is: 32 bytes of Curve25519 that somebody can own; a value that exists has been checked.
///
/// \threads  A value.
/// \secrets  None: it may be printed, logged and sent.
/// \maps     The 32 bytes libzmq takes as ZMQ_CURVE_PUBLICKEY and ZMQ_CURVE_SERVERKEY.
class public_key {
public:
    /// Makes a key from the 40 characters people exchange.
    ///
    /// \param text  Z85. Anything else, and null, non-canonical and low-order keys, are refused.
    /// \throws      `error::misuse`; the text is not quoted, since it may be a secret in the wrong place.
    [[nodiscard]] static public_key from_z85(std::string_view text) {
        detail::init_sodium();
        bytes_type bytes{};
        const char* const complaint = detail::parse_key(text, bytes.data());
        if (complaint != nullptr) {
            detail::refuse(error::misuse, "read a public key",
                           {"the text of ", std::to_string(text.size()), " characters ", complaint});
        }
        return public_key{bytes};
    }

    /// Makes a key from its 32 bytes, with the same checks.
    ///
    /// \param raw  As libzmq takes and gives them.
    /// \throws  `error::misuse` for null, non-canonical and low-order keys.
    [[nodiscard]] static public_key from_bytes(std::span<const std::byte, 32> raw) {
        detail::init_sodium();
        bytes_type bytes{};
        std::memcpy(bytes.data(), raw.data(), bytes.size());
        const char* const complaint = detail::key_complaint(bytes.data());
        if (complaint != nullptr) detail::refuse(error::misuse, "read a public key", {"the key ", complaint});
        return public_key{bytes};
    }

    /// Not a way in: text can be mistyped, so it goes through from_z85().
    /// \param text  Never taken.
    template <class Text>
        requires detail::text_becomes_a_key_through_from_z85<Text> public_key(const Text& text);

    /// The 40 characters from_z85() takes.
    [[nodiscard]] std::string z85() const {
        std::string text(detail::z85_key_length, '\0');
        detail::z85_encode(bytes_.data(), bytes_.size(), text.data());
        return text;
    }

    /// The 32 bytes, for C interfaces; valid as long as this key.
    [[nodiscard]] std::span<const unsigned char, 32> raw() const& noexcept { return bytes_; }
    std::span<const unsigned char, 32> raw() && = delete;

    /// What two people read to each other to compare keys: "ih1:" and 128 bits of BLAKE2b of the 32 bytes, as 8 groups
    /// of 4 hexadecimal digits.
    [[nodiscard]] std::string fingerprint() const {
        std::array<unsigned char, 16> digest{};
        ::crypto_generichash(digest.data(), digest.size(), bytes_.data(), bytes_.size(), nullptr, 0);
        static constexpr char digits[] = "0123456789abcdef";
        std::string text = "ih1:";
        for (std::size_t at = 0; at < digest.size(); ++at) {
            if (at != 0 && at % 2 == 0) text += '-';
            text += digits[digest[at] >> 4];
            text += digits[digest[at] & 15];
        }
        return text;
    }

    /// Takes the same time whatever the keys are.
    friend bool operator==(const public_key& a, const public_key& b) noexcept {
        return ::sodium_memcmp(a.bytes_.data(), b.bytes_.data(), a.bytes_.size()) == 0;
    }

private:
    using bytes_type = std::array<unsigned char, 32>;
    explicit public_key(const bytes_type& checked) noexcept : bytes_{checked} {}
    friend struct detail::key_access;

    bytes_type bytes_;
};

namespace detail {

/// The inner door for keys that were checked where they came from.
struct key_access {
    [[nodiscard]] static public_key checked(const unsigned char* bytes) noexcept {
        public_key::bytes_type copy{};
        std::memcpy(copy.data(), bytes, copy.size());
        return public_key{copy};
    }
};

} // namespace detail
} // namespace ironhouse::inline IRONHOUSE_ABI

/// \cond Doxygen does not find a home for it
/// Keys in unordered containers; peers cannot aim at collisions.
template <> struct std::hash<ironhouse::public_key> {
    [[nodiscard]] std::size_t operator()(const ironhouse::public_key& key) const noexcept {
        return static_cast<std::size_t>(ironhouse::detail::keyed_hash(key.raw().data()));
    }
};
/// \endcond

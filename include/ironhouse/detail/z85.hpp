// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Z85 (ZeroMQ RFC 32), strict, with no look-up by secret value. Layer: detail.

#include <ironhouse/detail/abi.hpp>

#include <cstddef>
#include <cstdint>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// Length in Z85 of a CURVE key.
inline constexpr std::size_t z85_key_length = 40;

inline constexpr char z85_alphabet[] =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
static_assert(sizeof z85_alphabet == 85 + 1);

// All 85 are looked at whatever is asked: a table indexed by a secret would leave a trace in the cache.
constexpr char z85_symbol(std::uint32_t digit) noexcept {
    unsigned found = 0;
    for (std::uint32_t at = 0; at < 85; ++at) {
        const unsigned same = 0U - static_cast<unsigned>(at == digit);
        found |= same & static_cast<unsigned char>(z85_alphabet[at]);
    }
    return static_cast<char>(found);
}

constexpr std::uint32_t z85_digit(char symbol) noexcept { // 85 and above: not in the alphabet
    std::uint32_t found = 0;
    for (std::uint32_t at = 0; at < 85; ++at) {
        const std::uint32_t same = 0U - static_cast<std::uint32_t>(z85_alphabet[at] == symbol);
        found |= same & (at + 1);
    }
    return found - 1;
}

/// Writes `size / 4 * 5` characters, no terminator. `size` is a multiple of 4.
constexpr void z85_encode(const unsigned char* bytes, std::size_t size, char* text) noexcept {
    for (std::size_t at = 0; at < size; at += 4, text += 5) {
        std::uint32_t word = 0;
        for (std::size_t i = 0; i < 4; ++i) word = word << 8 | bytes[at + i];
        for (std::size_t i = 5; i-- > 0; word /= 85) text[i] = z85_symbol(word % 85);
    }
}

/// The exact inverse: false, for any other text. Then `bytes` holds nothing meant to be used.
constexpr bool z85_decode(const char* text, std::size_t length, unsigned char* bytes) noexcept {
    if (length % 5 != 0) return false;
    std::uint64_t broken = 0;
    for (std::size_t at = 0; at < length; at += 5, bytes += 4) {
        std::uint64_t word = 0;
        for (std::size_t i = 0; i < 5; ++i) {
            const std::uint32_t digit = z85_digit(text[at + i]);
            broken |= static_cast<std::uint64_t>(digit > 84);
            word = word * 85 + digit;
        }
        broken |= word >> 32; // five characters can spell more than four bytes hold
        for (std::size_t i = 4; i-- > 0; word >>= 8) bytes[i] = static_cast<unsigned char>(word & 0xff);
    }
    return broken == 0;
}

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

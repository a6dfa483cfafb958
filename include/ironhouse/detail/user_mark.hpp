// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What tells a user id of ours from one a peer gave itself. Layer: detail.

#include <ironhouse/detail/abi.hpp>

#include <string_view>

#include <sodium/randombytes.h>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// The metadata that carries a user id where "User-Id" cannot: see sentry::answer().
inline constexpr const char* user_property = "X-Ironhouse-User";

/// Ends every user id that a sentry of this process gives. Metadata that peers send becomes metadata of their messages: a
/// server towards its client, or anybody in plaintext, may call itself by any user id, but cannot know this.
inline std::string_view user_mark() noexcept {
    struct drawn {
        drawn() noexcept {
            unsigned char random[16];
            ::randombytes_buf(random, sizeof random);
            char* to = text;
            *to++ = '#';
            for (const unsigned char byte : random) {
                *to++ = "0123456789abcdef"[byte >> 4];
                *to++ = "0123456789abcdef"[byte & 15];
            }
        }
        char text[33];
    };
    static const drawn once;
    return {once.text, sizeof once.text};
}

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

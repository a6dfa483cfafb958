// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The name under which a server's clients are authenticated (its ZAP domain). Layer: core.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

namespace ironhouse::inline IRONHOUSE_ABI {

namespace detail {

// Never defined: a literal that breaks a rule calls the one whose name is the reason.
void domain_must_not_be_empty();
void domain_is_longer_than_64_characters();
void domain_has_a_character_that_does_not_belong_there();

// Never defined either: what a deleted constructor is called for, so that the compiler says why it is deleted.
struct text_becomes_a_domain_through_from_config;

enum class domain_fault : unsigned char { none, empty, too_long, character };

inline constexpr std::size_t longest_domain = 64;

/// Printable ASCII; spaces, quotes, '/' and '#' are kept for the library and for logs that a person can read.
[[nodiscard]] constexpr domain_fault judge_domain(std::string_view text) noexcept {
    if (text.empty()) return domain_fault::empty;
    if (text.size() > longest_domain) return domain_fault::too_long;
    for (const char c : text) {
        if (c <= ' ' || c > '~' || c == '/' || c == '#' || c == '"' || c == '\'' || c == '`')
            return domain_fault::character;
    }
    return domain_fault::none;
}

} // namespace detail

/// The name of one group of clients: a domain belongs to one keyring, and libzmq asks nobody without one.
///
/// 1 to 64 printable ASCII characters, without spaces, quotes, '/' and '#'. There is no empty domain: with it, libzmq
/// lets any key in.
///
/// \threads  A value.
/// \secrets  none
/// \maps     ZMQ_ZAP_DOMAIN
class domain {
public:
    /// Takes a literal, checked by the compiler.
    ///
    /// \param literal  For example "orders".
    template <std::size_t N>
    consteval domain(const char (&literal)[N]) { // NOLINT(google-explicit-constructor): `.domain = "orders"`
        switch (detail::judge_domain({literal, N - 1})) {
        case detail::domain_fault::none: break;
        case detail::domain_fault::empty: detail::domain_must_not_be_empty(); break;
        case detail::domain_fault::too_long: detail::domain_is_longer_than_64_characters(); break;
        case detail::domain_fault::character: detail::domain_has_a_character_that_does_not_belong_there(); break;
        }
        take({literal, N - 1});
    }
    template <std::convertible_to<std::string_view> Text, class Why = detail::text_becomes_a_domain_through_from_config>
    domain(const Text&) = delete;

    /// Takes a name that the program learns at run time, under the same rules.
    ///
    /// \param text  The name.
    /// \return      The domain.
    /// \throws      `error::misuse` with the rule that it breaks.
    /// \threads  Any.
    /// \secrets  none
    /// \maps     none
    [[nodiscard]] static domain from_config(std::string_view text) {
        switch (detail::judge_domain(text)) {
        case detail::domain_fault::none: break;
        case detail::domain_fault::empty: throw error{error::misuse, "domain from configuration", "it is empty"};
        case detail::domain_fault::too_long:
            throw error{error::misuse, "domain from configuration",
                        std::to_string(text.size()) + " characters are more than " +
                            std::to_string(detail::longest_domain)};
        case detail::domain_fault::character:
            throw error{error::misuse, "domain from configuration",
                        "only printable ASCII without spaces, quotes, '/' and '#' is allowed"};
        }
        domain made;
        made.take(text);
        return made;
    }

    /// The name.
    [[nodiscard]] constexpr std::string_view text() const noexcept { return {text_, size_}; }

    friend constexpr bool operator==(const domain& a, const domain& b) noexcept { return a.text() == b.text(); }

private:
    constexpr domain() noexcept = default;

    constexpr void take(std::string_view text) noexcept {
        for (const char c : text) {
            if (size_ == detail::longest_domain) return;
            text_[size_++] = c;
        }
    }

    char text_[detail::longest_domain + 1] = {};
    std::size_t size_ = 0;
};

} // namespace ironhouse::inline IRONHOUSE_ABI

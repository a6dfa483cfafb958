// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Throws an error whose text comes in pieces. Layer: detail.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>

#include <initializer_list>
#include <string>
#include <string_view>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

// One function each, since every `+` between strings costs whoever includes it a search through dozens of overloads.

[[nodiscard]] inline std::string joined(std::initializer_list<std::string_view> pieces) {
    std::string text;
    for (const std::string_view piece : pieces) text.append(piece.data(), piece.size());
    return text;
}

[[noreturn, gnu::cold]] inline void refuse(error::kind why, const std::string& during,
                                           std::initializer_list<std::string_view> pieces, int code = 0) {
    throw error{why, during, joined(pieces), code};
}

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

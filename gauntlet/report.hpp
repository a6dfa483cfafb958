// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// One run of the gauntlet as a page: a single file that needs nothing else, neither a network nor scripts. Gauntlet.

#include "attacks.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

namespace gauntlet {

struct finished_row {
    const attack* what;
    outcome bare;
    outcome ironhouse;
    double seconds;

    [[nodiscard]] std::string figure() const {
        const auto shown = [](const std::string& figure) { return figure.empty() ? std::string{"-"} : figure; };
        return fmt::format("{}: {} / {}", what->figure, shown(bare.figure), shown(ironhouse.figure));
    }
};

struct report {
    std::vector<finished_row> rows{};
    std::vector<std::pair<std::string, std::string>> versions{};
    std::string date{};
    std::string command{}; ///< what repeats this run
    double seconds = 0;
};

/// The page: well-formed as XML too. What a program under attack said is in it, and nothing in it is trusted.
[[nodiscard]] std::string report_page(const report& of);

/// Text as content or attribute value. Control characters, and bytes that are no UTF-8, become U+FFFD.
[[nodiscard]] std::string escaped(std::string_view text);

/// An axis for bytes from 0 to a round number of MiB that holds the largest of them.
struct byte_axis {
    std::uint64_t top;
    unsigned intervals; ///< between the marks, all alike

    [[nodiscard]] static byte_axis holding(std::uint64_t largest);
};

/// Seconds between two marks on an axis that long: 1, 2 or 5 and zeros, 0.02 at least; six marks at most after the first.
[[nodiscard]] double step_for(double seconds);

} // namespace gauntlet

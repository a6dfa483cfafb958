// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The rows over and over, against Ironhouse programs that are not started anew: whether anything adds up. Gauntlet.

#include "attacks.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace gauntlet {

/// A program after a pass, when it has had time to let go of what the last attack left.
struct resting {
    std::uint64_t resident = 0; ///< bytes
    std::size_t descriptors = 0;
};

/// One time through all rows.
struct pass {
    double seconds = 0; ///< since the beginning
    std::size_t rows = 0, held = 0;
    std::size_t sent = 0, delivered = 0; ///< of the honest peers beside them
    resting sink{}, feed{};              ///< zero where no row needed it
    std::vector<std::string> complaints{};

    /// What may be more than after the first pass: pieces of memory that the allocator keeps vary by as much.
    static constexpr std::uint64_t memory_varies = 4ULL << 20U;
    /// What is worse than it was after the first pass, in words; empty when nothing is.
    [[nodiscard]] std::string worse_than(const pass& first) const;
    [[nodiscard]] bool held_all() const { return held == rows && delivered == sent; }
    [[nodiscard]] std::string text(std::size_t number) const;
};

/// Runs the rows until the time is over, and twice at least. `tick` is called with what is under way, many times a second;
/// `done` after each pass.
[[nodiscard]] std::vector<pass> endure(std::span<const attack* const> rows, const surroundings& where,
                                       std::chrono::duration<double> time,
                                       const std::function<void(const std::string&)>& tick,
                                       const std::function<void(const pass&, std::size_t number)>& done);

} // namespace gauntlet

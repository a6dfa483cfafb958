// SPDX-License-Identifier: MIT
#pragma once

// Medians, and intervals for them that assume nothing about how the values are distributed.

#include <algorithm>
#include <cstddef>
#include <vector>

namespace bench {

struct interval {
    double low = 0;
    double high = 0;
    [[nodiscard]] double half_width() const noexcept { return (high - low) / 2; }
};

[[nodiscard]] inline double median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Contains the true median in at least 95 of 100 cases: how many of n values lie below it is binomial with one half, so
/// that two of the sorted values enclose it. Fewer than six values cannot say that; then it is their range.
[[nodiscard]] inline interval median_interval(std::vector<double> values) {
    if (values.empty()) return {};
    std::sort(values.begin(), values.end());
    double probability = 1; // that exactly k values lie below the median
    for (std::size_t i = 0; i != values.size(); ++i) probability /= 2;
    double below = 0; // that at most k do
    std::size_t outside = 0;
    for (std::size_t k = 0; 2 * (k + 1) < values.size(); ++k) {
        below += probability;
        if (below > 0.025) break;
        outside = k;
        probability = probability * static_cast<double>(values.size() - k) / static_cast<double>(k + 1);
    }
    return {values[outside], values[values.size() - 1 - outside]};
}

} // namespace bench

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The library's version and the name its symbols carry. Layer 0.

#if __cplusplus < 202002L
#error "Ironhouse needs C++20 or later: compile with -std=c++20"
#endif

/// Version of the headers as one number: 10'000 × major + 100 × minor + patch.
#define IRONHOUSE_VERSION 100

/// Inline namespace of every symbol: two versions in one program are a link error, not silent damage.
#define IRONHOUSE_ABI v0_1

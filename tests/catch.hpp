// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The test framework, whichever version this system ships: Catch2 3 where it is, Catch2 2 otherwise.

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

// SPDX-License-Identifier: MIT

/// \file
/// A target whose promise does not hold, to show that a replay notices.

#include "fuzz/property.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzzing::must(fuzzing::as_text(data, size).find("<>") == std::string_view::npos, "no input holds these two");
    return 0;
}

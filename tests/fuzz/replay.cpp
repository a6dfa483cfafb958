// SPDX-License-Identifier: MIT

/// \file
/// Runs a fuzz target without a fuzzer, for every compiler and in every test run: each file of the folders it is given,
/// whole and cut short at every byte.

#include "fuzz/property.hpp"

#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

int main(int count, char** folders) try {
    std::size_t files = 0;
    std::size_t runs = 0;
    for (int at = 1; at < count; ++at) {
        for (const auto& item : std::filesystem::directory_iterator{folders[at]}) {
            std::ifstream file{item.path(), std::ios::binary};
            const std::vector<char> input{std::istreambuf_iterator<char>{file}, {}};
            if (!file.good() && !file.eof()) {
                std::fprintf(stderr, "cannot read %s\n", item.path().c_str());
                return 2;
            }
            std::printf("%s\n", item.path().c_str());
            std::fflush(stdout); // what breaks a promise ends the process
            // Memory of exactly that size, so that a sanitizer sees a read past its end.
            const auto cut = [&](std::size_t size) {
                const std::vector<std::uint8_t> part{input.begin(), input.begin() + static_cast<std::ptrdiff_t>(size)};
                std::snprintf(fuzzing::replayed, sizeof fuzzing::replayed, "%s, %zu of %zu bytes", item.path().c_str(),
                              size, input.size());
                LLVMFuzzerTestOneInput(part.data(), part.size());
                ++runs;
            };
            cut(input.size());
            // Long inputs are cut at some places only: all together stay a matter of a second.
            const std::size_t step = 1 + input.size() / 400;
            for (std::size_t size = 0; size < input.size(); size += step) cut(size);
            ++files;
        }
    }
    std::printf("%zu files, %zu runs, no promise broken\n", files, runs);
    return files == 0 ? 2 : 0; // an empty corpus proves nothing
} catch (const std::exception& failure) {
    std::fprintf(stderr, "\n%s\n", failure.what());
    return 1;
}

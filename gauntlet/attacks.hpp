// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The rows of the gauntlet: what is tried, against which of the two programs, and what came of it. Gauntlet.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace gauntlet {

class stage;

/// Which of the two programs with the same job.
enum class program : std::uint8_t { bare, ironhouse };

/// What the bare program does about keys. Ironhouse has no such choice.
enum class bare_keys : std::uint8_t {
    none,          ///< nothing set: the first example of every tutorial
    curve,         ///< server key set, nobody asked whose keys the clients have
    authenticator, ///< server key set and a ZAP handler with a list of keys: as good as tutorials get
};

/// What came of one attack against one program.
struct outcome {
    bool held = false;    ///< the program kept what it promises, and the honest peer did not notice
    std::string text{};   ///< in a few words
    std::string figure{}; ///< what was measured
};

struct attack {
    const char* id;
    const char* threats; ///< rows of docs/threat-model.md
    const char* what;    ///< what the attacker does
    bare_keys keys;
    const char* bare;   ///< what the bare program is, and why people write it so
    const char* figure; ///< what the two figures count
    outcome (*run)(stage&);
};

/// Every row, in the order of the table.
[[nodiscard]] std::span<const attack> all_attacks();

/// Where the programs are, and where keys may be put.
struct surroundings {
    std::filesystem::path programs;
    std::filesystem::path scratch;
};

/// Runs one attack against one program. Never throws: what could not be run has not held.
[[nodiscard]] outcome run(const attack& what, program against, const surroundings& where) noexcept;

} // namespace gauntlet

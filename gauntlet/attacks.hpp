// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The rows of the gauntlet: what is tried, against which of the two programs, and what came of it. Gauntlet.

#include "memory.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

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

/// How the honest peer fared during an attack.
struct honest_figures {
    std::size_t sent = 0;
    std::size_t delivered = 0; ///< in order and unaltered
    /// From handing an order to libzmq until the program had taken it, of those that arrived.
    std::optional<double> median_ms{};
    std::optional<double> p90_ms{};
};

/// What came of one attack against one program.
struct outcome {
    bool held = false;                      ///< the program kept what it promises, and the honest peer did not notice
    std::string text{};                     ///< in a few words
    std::string figure{};                   ///< what was measured
    std::optional<honest_figures> honest{}; ///< empty where no honest peer took part, or not to the end
    std::vector<process_memory> memory{};
};

/// What a row's plots show beside resident memory.
enum class plotted : std::uint8_t { resident, address_space_too };

/// Which program an attack may meet when it is repeated.
enum class repeated_on : std::uint8_t {
    the_same, ///< one that has met all others before
    a_new_one ///< it changes or ends the program, or is about how it starts
};

struct attack {
    const char* id;
    const char* threats; ///< rows of docs/threat-model.md
    const char* what;    ///< what the attacker does
    bare_keys keys;
    const char* bare;   ///< what the bare program is, and why people write it so
    const char* figure; ///< what the two figures count
    outcome (*run)(stage&);
    plotted plots = plotted::resident;
    repeated_on repeats = repeated_on::the_same;
};

/// Every row, in the order of the table.
[[nodiscard]] std::span<const attack> all_attacks();

/// Where the programs are, and where keys may be put.
struct surroundings {
    std::filesystem::path programs;
    std::filesystem::path scratch;
};

/// Programs that go on from one attack to the next.
struct lodging;

/// Runs one attack against one program; its times count from `since`. Never throws: what could not be run has not held.
/// With a lodging, against the program that lives there.
[[nodiscard]] outcome run(const attack& what, program against, const surroundings& where,
                          std::chrono::steady_clock::time_point since, lodging* with = nullptr) noexcept;

} // namespace gauntlet

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Passphrases from a terminal or a file. Never from arguments or the environment, which other processes can read.

#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <ironhouse/keys/key_source.hpp>

namespace tool {

/// The two options every subcommand with a passphrase takes.
struct passphrase_options {
    bool ask = false;
    std::string file = {};

    void add_to(CLI::App& to, const std::string& what);
    [[nodiscard]] bool given() const noexcept { return ask || !file.empty(); }

    /// Reads it; `twice` asks a person to repeat it.
    /// \throws failure without a terminal or when the two differ, ih::error for a file others can read.
    [[nodiscard]] ironhouse::secret_text read(bool twice) const;
};

} // namespace tool

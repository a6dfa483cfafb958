// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What several subcommands say about certificates.

#include "command.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <ironhouse/keys/certificate.hpp>

namespace tool {

[[nodiscard]] inline std::chrono::sys_seconds now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

/// The file beside others with this ending: "ann" -> "DIRECTORY/ann.key".
[[nodiscard]] inline std::string in_folder(const std::string& folder, const std::string& name) {
    return folder.empty() || folder == "." ? name : folder.ends_with('/') ? folder + name : folder + "/" + name;
}

/// A name that is also the beginning of two file names.
inline void require_file_name(const std::string& name) {
    if (name.find('/') != std::string::npos || name.starts_with('.') || name.starts_with('-'))
        throw failure{fmt::format("the name \"{}\" cannot name a file: it holds '/', or begins with '.' or '-'", name),
                      "Choose a plain name; --directory says where the files go.", wrong_usage};
}

/// "valid", or why not.
[[nodiscard]] inline std::string validity(const ironhouse::public_certificate& cert) {
    if (cert.not_before() && now() < *cert.not_before()) return "not valid yet";
    if (cert.not_after() && now() > *cert.not_after()) return "EXPIRED";
    return "valid";
}

[[nodiscard]] inline std::string joined(const std::vector<std::string>& words) {
    std::string all;
    for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
    return all;
}

} // namespace tool

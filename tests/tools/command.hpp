// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Runs the command and says what came of it.

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/stat.h>

#include "support/scratch.hpp"
#include "support/sockets.hpp"
#include "wire/support/process.hpp"

namespace tools {

using namespace std::chrono_literals;

struct ended {
    int code = -1;
    std::string said; // stdout, and stderr where asked for
};

[[nodiscard]] inline ended finished(wire::child child) {
    child.close_stdin();
    ended end;
    end.said = child.read_rest(60s);
    const auto status = child.wait(20s);
    if (status && status->code) end.code = *status->code;
    return end;
}

/// The command with these arguments; stdout and stderr together.
[[nodiscard]] inline ended run(const std::vector<std::string>& arguments) {
    std::vector<std::string> all{IRONHOUSE_COMMAND};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return finished(wire::child::start(all, {.errors_too = true}));
}
/// A line of shell in which $ironhouse is the command.
[[nodiscard]] inline ended shell(const std::string& line) {
    return finished(wire::child::start(
        {"/bin/sh", "-c", line}, {.environment = {std::string{"ironhouse="} + IRONHOUSE_COMMAND}, .errors_too = true}));
}

using support::scratch;

[[nodiscard]] inline std::string text_of(const std::string& path) {
    std::ostringstream all;
    all << std::ifstream{path, std::ios::binary}.rdbuf();
    return all.str();
}

[[nodiscard]] inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// The forty characters between quotes after "secret-key"; empty when there are none.
[[nodiscard]] inline std::string secret_in(const std::string& file) {
    const std::string text = text_of(file);
    const auto at = text.find("secret-key");
    if (at == std::string::npos) return {};
    const auto open = text.find('"', at);
    return text.substr(open + 1, 40);
}

[[nodiscard]] inline ::mode_t mode_of(const std::string& path) {
    struct ::stat found {};
    return ::lstat(path.c_str(), &found) == 0 ? found.st_mode & 07777U : 0;
}

} // namespace tools

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// How a process ends that breaks the owner's rule: tried in a forked child, so that the test goes on.

#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <string>

#include "wire/support/process.hpp"

namespace support {

struct ending {
    std::string said; ///< All it wrote, to stdout and stderr.
    std::optional<int> code;
    std::optional<int> signal;

    /// It aborted, and the one thing it said is this line.
    [[nodiscard]] bool fatal(const std::string& line) const {
        return signal == SIGABRT && said == "ironhouse: fatal: " + line + "\n";
    }
};

/// Runs `body` in a forked child; its result is the exit code.
inline ending in_child(const std::function<int()>& body) {
    wire::child_options options;
    options.errors_too = true;
    auto child = wire::child::running(
        [&body] {
            std::signal(SIGABRT, SIG_DFL); // the test framework's own handler would have its say
            return body();
        },
        options);
    ending end;
    end.said = child.read_rest(std::chrono::seconds{30});
    if (const auto status = child.wait(std::chrono::seconds{30})) {
        end.code = status->code;
        end.signal = status->signal;
    }
    return end;
}

inline const std::string used_by_another_thread =
    "a socket was used by a thread that does not own it; detach() hands it over";
inline const std::string used_in_forked_child =
    "a socket was used in a forked child; only the process that opened it may";
inline const std::string context_in_forked_child =
    "a context was used in a forked child; only the process that opened it may";
inline const std::string used_after_close = "a socket was used after close() or detach()";
inline const std::string attached_twice = "a detached socket was attached twice, or after it was moved from";

} // namespace support

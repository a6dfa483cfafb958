// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What the subcommands share: how they are added, how they end, how they print.

#include <csignal>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

namespace tool {

/// How the command ends, for scripts. Documented in docs/tools.md.
enum exit_code : int {
    done = 0,         ///< Done; for probe and audit: all is well.
    answer_is_no = 1, ///< probe: not enforced. audit: this libzmq is refused.
    wrong_usage = 2,  ///< The command line makes no sense.
    failed = 3,       ///< It could not be done; nothing was left half written.
    unreachable = 4,  ///< probe: nobody accepts connections there.
    not_zmtp = 5,     ///< probe: whoever answers does not speak ZMTP.
    unclear = 6,      ///< probe: what was found is not enough for an answer.
};

/// Ends the command with a sentence, and one on what to do next.
class failure : public std::runtime_error {
public:
    explicit failure(const std::string& what, std::string next = {}, int code = failed)
        : std::runtime_error{what}, next_{std::move(next)}, code_{code} {}

    [[nodiscard]] const std::string& next() const noexcept { return next_; }
    [[nodiscard]] int code() const noexcept { return code_; }

private:
    std::string next_;
    int code_;
};

/// As long as one lives, signals that would end the command wait: what is half done is finished, or taken back, first.
class uninterrupted {
public:
    uninterrupted() {
        sigset_t stops;
        ::sigemptyset(&stops);
        for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::sigaddset(&stops, number);
        ::sigprocmask(SIG_BLOCK, &stops, &before_);
    }
    uninterrupted(const uninterrupted&) = delete;
    uninterrupted& operator=(const uninterrupted&) = delete;
    ~uninterrupted() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_;
};

/// What the command line chose, run after all of it was understood.
using action = std::function<int()>;

void add_keygen(CLI::App& all, action& chosen);
void add_show(CLI::App& all, action& chosen);
void add_enroll(CLI::App& all, action& chosen);
void add_probe(CLI::App& all, action& chosen);
void add_audit(CLI::App& all, action& chosen);
void add_proxy(CLI::App& all, action& chosen);

} // namespace tool

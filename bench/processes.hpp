// SPDX-License-Identifier: MIT
#pragma once

// Runs the measured programs, each for a limited time, and none of them longer than we live.

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {

/// What a program printed on both streams. It is ended after `seconds`; one that fails is an exception with its last words.
inline std::string output_of(const std::vector<std::string>& command, unsigned seconds) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error{"no pipe to be had"};
    std::vector<char*> arguments;
    for (const auto& each : command) arguments.push_back(const_cast<char*>(each.c_str()));
    arguments.push_back(nullptr);
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error{"no process to be had"};
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(127);
        ::alarm(seconds); // stays over exec
        ::dup2(ends[1], 1);
        ::dup2(ends[1], 2);
        ::execvp(arguments[0], arguments.data());
        ::_exit(127);
    }
    ::close(ends[1]);
    std::string said;
    char buffer[4096];
    for (;;) {
        const auto got = ::read(ends[0], buffer, sizeof buffer);
        if (got > 0)
            said.append(buffer, static_cast<std::size_t>(got));
        else if (got == 0 || errno != EINTR)
            break;
    }
    ::close(ends[0]);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return said;
    const std::string why = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM
                                ? fmt::format("did not end within {} s", seconds)
                            : WIFSIGNALED(status)        ? fmt::format("was ended by signal {}", WTERMSIG(status))
                            : WEXITSTATUS(status) == 127 ? std::string{"could not be started; is it installed?"}
                                                         : fmt::format("failed with code {}", WEXITSTATUS(status));
    constexpr std::size_t last_words = 2'000;
    if (said.size() > last_words) said.erase(0, said.size() - last_words);
    throw std::runtime_error{fmt::format("{} {}\n{}", command.front(), why, said)};
}

/// A folder that is gone when this is.
class scratch {
public:
    scratch() {
        std::string pattern = std::filesystem::temp_directory_path() / "ironhouse-bench-XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"cannot make a folder like " + pattern};
        path_ = pattern;
    }
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;
    ~scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    std::string path_;
};

} // namespace bench

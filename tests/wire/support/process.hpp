// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Child processes with limits, deadlines and figures. Test support: none outlives the test that started it.

#include "bytes.hpp"
#include "descriptor.hpp"
#include "eventually.hpp"
#include "tcp.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace wire {

/// This thread, and those that it starts, may not reconfigure the network for as long as this lives: a service's usual lot.
class without_net_admin {
public:
    without_net_admin() {
        kept_ = now();
        auto less = kept_;
        less.of[0].effective &= ~(1U << CAP_NET_ADMIN);
        set(less);
    }
    ~without_net_admin() { set(kept_); }
    without_net_admin(const without_net_admin&) = delete;
    without_net_admin& operator=(const without_net_admin&) = delete;

private:
    struct sets {
        __user_cap_data_struct of[2] = {};
    };
    static sets now() {
        sets got;
        __user_cap_header_struct mine{_LINUX_CAPABILITY_VERSION_3, 0};
        (void)::syscall(SYS_capget, &mine, got.of);
        return got;
    }
    static void set(sets to) {
        __user_cap_header_struct mine{_LINUX_CAPABILITY_VERSION_3, 0};
        (void)::syscall(SYS_capset, &mine, to.of);
    }
    sets kept_;
};

struct child_options {
    std::optional<std::uint64_t> address_space{}; ///< RLIMIT_AS in bytes; not together with AddressSanitizer
    std::optional<std::uint64_t> descriptors{};   ///< RLIMIT_NOFILE
    std::vector<std::string> environment{};       ///< "NAME=value", replacing what the test inherited
    bool errors_too = false;                      ///< stderr goes where stdout goes; otherwise it is the test's
};

struct exit_status {
    std::optional<int> code{};   ///< when it ended by itself
    std::optional<int> signal{}; ///< when a signal ended it

    [[nodiscard]] bool clean() const noexcept { return code == 0; }
    [[nodiscard]] std::string text() const {
        if (signal) return std::string{"killed by "} + ::strsignal(*signal);
        return "exit code " + std::to_string(code.value_or(-1));
    }
};

namespace detail {

inline std::string read_proc(pid_t pid, const char* file) {
    const std::string path = "/proc/" + std::to_string(pid) + "/" + file;
    const descriptor fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    std::string all;
    char chunk[4096];
    for (;;) {
        const ssize_t n = fd.open() ? ::read(fd.get(), chunk, sizeof chunk) : 0;
        if (n <= 0) return all;
        all.append(chunk, static_cast<std::size_t>(n));
    }
}

/// The number after "Name:" in bytes; such files count in kB.
inline std::optional<std::uint64_t> kilobytes_after(const std::string& text, std::string_view name) {
    std::size_t at = text.rfind(std::string{"\n"}.append(name));
    if (at == std::string::npos) return std::nullopt;
    at = text.find_first_of("0123456789", at);
    if (at == std::string::npos) return std::nullopt;
    std::uint64_t value = 0;
    std::from_chars(text.data() + at, text.data() + text.size(), value);
    return value * 1024;
}

} // namespace detail

/// Resident bytes of a process, pages it shares included; 0 when it is gone.
[[nodiscard]] inline std::uint64_t resident_bytes(pid_t pid) {
    if (const auto rss = detail::kilobytes_after(detail::read_proc(pid, "smaps_rollup"), "Rss:")) return *rss;
    return detail::kilobytes_after(detail::read_proc(pid, "status"), "VmRSS:").value_or(0);
}

/// The most it ever had, or had since reset_peak(); 0 when it is gone.
[[nodiscard]] inline std::uint64_t peak_resident_bytes(pid_t pid) {
    return detail::kilobytes_after(detail::read_proc(pid, "status"), "VmHWM:").value_or(0);
}

/// Address space in use, which is what RLIMIT_AS counts; 0 when it is gone.
[[nodiscard]] inline std::uint64_t address_space_bytes(pid_t pid) {
    return detail::kilobytes_after(detail::read_proc(pid, "status"), "VmSize:").value_or(0);
}

/// Makes the peak start over from now; false where the kernel has no such thing.
inline bool reset_peak(pid_t pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/clear_refs";
    const descriptor fd{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    return fd.open() && ::write(fd.get(), "5", 1) == 1;
}

[[nodiscard]] inline std::size_t open_descriptors(pid_t pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/fd";
    DIR* const dir = ::opendir(path.c_str());
    if (dir == nullptr) return 0;
    std::size_t n = 0;
    while (const dirent* entry = ::readdir(dir)) {
        if (entry->d_name[0] != '.') ++n;
    }
    ::closedir(dir);
    return n;
}

/// Whether every thread of this process but the one that asks is asleep in the kernel.
[[nodiscard]] inline bool others_asleep() {
    DIR* const dir = ::opendir("/proc/self/task");
    if (dir == nullptr) return true;
    const std::string me = std::to_string(::gettid());
    bool asleep = true;
    while (const dirent* entry = ::readdir(dir)) {
        if (entry->d_name[0] == '.' || me == entry->d_name) continue;
        const std::string file = std::string{"task/"} + entry->d_name + "/stat";
        const std::string stat = detail::read_proc(::getpid(), file.c_str());
        // "number (name) state ...": the name may hold anything, so its end is looked for from behind.
        const auto name_ends = stat.rfind(')');
        if (name_ends != std::string::npos && stat.compare(name_ends, 3, ") S") != 0) asleep = false;
    }
    ::closedir(dir);
    return asleep;
}

/// A running program. It dies with this object, and with the thread that started it should that end first.
class child {
public:
    /// Starts a program; its stdin and stdout are ours. Throws when it cannot be executed.
    [[nodiscard]] static child start(const std::vector<std::string>& command, const child_options& options = {}) {
        if (command.empty()) throw broken_setup{"no command"};
        std::vector<char*> argv;
        argv.reserve(command.size() + 1);
        for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
        argv.push_back(nullptr);
        std::vector<char*> envp = environment_with(options.environment);
        return begin(
            options, [&] { ::execvpe(argv[0], argv.data(), envp.data()); }, command.front());
    }

    /// Runs a function in a forked child and exits with what it returns: for what must terminate a process.
    /// The environment of the options is not applied.
    [[nodiscard]] static child running(const std::function<int()>& body, const child_options& options = {}) {
        // AddressSanitizer's allocator is not made for forks: what another thread holds of it, the child would wait for forever.
        (void)eventually(others_asleep, std::chrono::seconds{2});
        return begin(options, [&] { ::_exit(body()); }, {});
    }

    child(child&& other) noexcept
        : pid_{std::exchange(other.pid_, -1)}, out_{std::move(other.out_)}, in_{std::move(other.in_)},
          buffer_{std::move(other.buffer_)}, ended_{other.ended_} {}
    child& operator=(child&&) = delete;
    ~child() { kill(); }

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    [[nodiscard]] bool alive() { return !reap(WNOHANG); }

    /// The next line of its stdout without the newline; empty at its end or the deadline's.
    [[nodiscard]] std::optional<std::string> read_line(const deadline& until = default_patience) {
        for (;;) {
            if (const auto end = buffer_.find('\n'); end != std::string::npos) {
                std::string line = buffer_.substr(0, end);
                buffer_.erase(0, end + 1);
                return line;
            }
            if (!read_more(until)) return std::nullopt;
        }
    }

    /// Reads on until a line contains that text; empty when none does.
    [[nodiscard]] std::optional<std::string> read_line_with(std::string_view text,
                                                            const deadline& until = default_patience) {
        while (auto line = read_line(until)) {
            if (line->find(text) != std::string::npos) return line;
            if (until.passed()) break;
        }
        return std::nullopt;
    }

    /// All it still says until it closes its stdout, or the deadline passes.
    [[nodiscard]] std::string read_rest(const deadline& until = default_patience) {
        while (!until.passed() && read_more(until)) {}
        return std::exchange(buffer_, {});
    }

    /// False when it no longer reads.
    [[nodiscard]] bool write_line(std::string_view text) {
        const std::string line = std::string{text} + "\n";
        const ssize_t n = ::send(in_.get(), line.data(), line.size(), MSG_NOSIGNAL);
        return n == static_cast<ssize_t>(line.size());
    }
    void close_stdin() noexcept { in_.close(); }

    /// How it ended; empty when it has not before the deadline.
    [[nodiscard]] std::optional<exit_status> wait(const deadline& until = default_patience) {
        if (!eventually([this] { return reap(WNOHANG); }, until)) return std::nullopt;
        return ended_;
    }

    /// Sends a signal, unless it has ended and its number may belong to somebody else by now.
    void signal(int number) {
        if (pid_ > 0 && alive()) ::kill(pid_, number);
    }

    /// Ends it at once and waits for that.
    void kill() noexcept {
        if (pid_ <= 0 || ended_) return;
        ::kill(pid_, SIGKILL);
        (void)reap(0);
    }

private:
    child(pid_t pid, descriptor out, descriptor in) noexcept : pid_{pid}, out_{std::move(out)}, in_{std::move(in)} {}

    static std::vector<char*> environment_with(const std::vector<std::string>& more) {
        std::vector<char*> envp;
        for (char** entry = environ; *entry != nullptr; ++entry) {
            const std::string_view inherited{*entry};
            const std::string_view name = inherited.substr(0, inherited.find('=') + 1);
            bool replaced = false;
            for (const std::string& m : more) replaced = replaced || m.starts_with(name);
            if (!replaced) envp.push_back(*entry);
        }
        for (const std::string& m : more) envp.push_back(const_cast<char*>(m.c_str()));
        envp.push_back(nullptr);
        return envp;
    }

    /// Forks. Up to the body only calls that are safe in a forked child of a program with threads.
    template <class Body>
    static child begin(const child_options& options, const Body& body, const std::string& program) {
        int out[2];
        int in[2];
        int report[2];
        if (::pipe2(out, O_CLOEXEC) != 0) throw broken_setup{"pipe", errno};
        descriptor out_read{out[0]};
        const descriptor out_write{out[1]};
        // A socket rather than a pipe: writing to a dead child must not raise SIGPIPE in the test.
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0) throw broken_setup{"socketpair", errno};
        descriptor in_write{in[0]};
        const descriptor in_read{in[1]};
        if (::pipe2(report, O_CLOEXEC) != 0) throw broken_setup{"pipe", errno};
        const descriptor report_read{report[0]};
        descriptor report_write{report[1]};

        const pid_t parent = ::getpid();
        const pid_t pid = ::fork();
        if (pid < 0) throw broken_setup{"fork", errno};
        if (pid == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (::getppid() != parent) ::_exit(126);
            if (::dup2(in_read.get(), STDIN_FILENO) < 0 || ::dup2(out_write.get(), STDOUT_FILENO) < 0) ::_exit(126);
            if (options.errors_too && ::dup2(out_write.get(), STDERR_FILENO) < 0) ::_exit(126);
#ifdef SYS_close_range
            constexpr unsigned mark_only = 4; // CLOSE_RANGE_CLOEXEC: what a library left open stays behind
            ::syscall(SYS_close_range, 3U, ~0U, mark_only);
#endif
            if (!limit(RLIMIT_CORE, 0)) ::_exit(126);
            if (options.descriptors && !limit(RLIMIT_NOFILE, *options.descriptors)) ::_exit(126);
            if (options.address_space && !limit(RLIMIT_AS, *options.address_space)) ::_exit(126);
            if (program.empty()) {
                // No exec() will close these; the parent waits for the end of the report.
                ::close(report_write.get());
                ::close(out_read.get());
                ::close(in_write.get());
            }
            body();
            const int code = errno;
            (void)!::write(report_write.get(), &code, sizeof code);
            ::_exit(127);
        }
        child made{pid, std::move(out_read), std::move(in_write)};
        report_write.close();
        int code = 0;
        ssize_t n = 0;
        while ((n = ::read(report_read.get(), &code, sizeof code)) < 0 && errno == EINTR) {}
        if (n > 0) throw broken_setup{"cannot execute " + program, code};
        return made;
    }

    static bool limit(decltype(RLIMIT_CORE) what, std::uint64_t value) noexcept {
        const rlimit both{static_cast<rlim_t>(value), static_cast<rlim_t>(value)};
        return ::setrlimit(what, &both) == 0;
    }

    bool read_more(const deadline& until) {
        if (!out_.open() || !detail::wait_for(out_.get(), POLLIN, until)) return false;
        char chunk[4096];
        const ssize_t n = ::read(out_.get(), chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) return true;
        if (n <= 0) {
            out_.close();
            return false;
        }
        buffer_.append(chunk, static_cast<std::size_t>(n));
        return true;
    }

    /// True once it has ended.
    bool reap(int options) noexcept {
        if (ended_ || pid_ <= 0) return true;
        int status = 0;
        pid_t got = 0;
        while ((got = ::waitpid(pid_, &status, options)) < 0 && errno == EINTR) {}
        if (got == 0) return false;
        exit_status end;
        if (got > 0 && WIFSIGNALED(status)) {
            end.signal = WTERMSIG(status);
        } else {
            end.code = got > 0 ? WEXITSTATUS(status) : -1;
        }
        ended_ = end;
        return true;
    }

    pid_t pid_ = -1;
    descriptor out_;
    descriptor in_;
    std::string buffer_;
    std::optional<exit_status> ended_;
};

} // namespace wire

// SPDX-License-Identifier: MIT
#include "passphrase.hpp"

#include "command.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>

#include <fcntl.h>
#include <fmt/core.h>
#include <sodium.h>
#include <termios.h>
#include <unistd.h>

namespace tool {

namespace {

volatile std::sig_atomic_t stopped_by = 0;

/// The terminal without echo, as long as this lives. A signal that ends the program waits until echo is back.
class quiet_terminal {
public:
    quiet_terminal() : fd_{::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)} {
        if (fd_ < 0 || ::tcgetattr(fd_, &before_) != 0) {
            if (fd_ >= 0) ::close(fd_);
            throw failure{"there is no terminal to ask for the passphrase on",
                          "Give --passphrase-file FILE, a file with mode 0600."};
        }
        struct sigaction note {};
        note.sa_handler = [](int number) { stopped_by = number; };
        for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &note, &handlers_[i]);
        termios silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        silent.c_lflag |= ECHONL;
        ::tcsetattr(fd_, TCSAFLUSH, &silent);
    }
    quiet_terminal(const quiet_terminal&) = delete;
    quiet_terminal& operator=(const quiet_terminal&) = delete;
    ~quiet_terminal() {
        ::tcsetattr(fd_, TCSAFLUSH, &before_);
        for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &handlers_[i], nullptr);
        ::close(fd_);
        if (stopped_by != 0) ::raise(stopped_by);
    }

    [[nodiscard]] ironhouse::secret_text ask(std::string_view question) const {
        if (::write(fd_, question.data(), question.size()) < 0) throw failure{"the terminal does not take output"};
        ironhouse::secret_text line;
        for (;;) {
            char c = 0;
            const ssize_t n = ::read(fd_, &c, 1);
            if (stopped_by != 0) throw failure{"interrupted; nothing was written"};
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) throw failure{"the terminal ended before the passphrase did"};
            if (c == '\n') return line;
            line.append({&c, 1});
            ::sodium_memzero(&c, 1);
            if (line.size() > 1024) throw failure{"a passphrase has at most 1024 bytes", {}, wrong_usage};
        }
    }

private:
    static constexpr std::array<int, 4> signals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    int fd_;
    termios before_{};
    std::array<struct sigaction, signals.size()> handlers_{};
};

} // namespace

void passphrase_options::add_to(CLI::App& to, const std::string& what) {
    auto* const asked = to.add_flag("--passphrase", ask, "Ask on the terminal for the passphrase " + what);
    to.add_option("--passphrase-file", file, "Read it from the first line of this file, mode 0600")->excludes(asked);
}

ironhouse::secret_text passphrase_options::read(bool twice) const {
    if (!file.empty()) return ironhouse::key_source::file(file).read();
    const quiet_terminal terminal;
    ironhouse::secret_text once = terminal.ask("Passphrase: ");
    if (twice) {
        const ironhouse::secret_text again = terminal.ask("Again: ");
        if (once.size() != again.size() ||
            ::sodium_memcmp(once.expose().data(), again.expose().data(), once.size()) != 0)
            throw failure{"the two passphrases differ; nothing was written", "Run it again."};
    }
    if (once.size() == 0) throw failure{"an empty passphrase protects nothing", {}, wrong_usage};
    return once;
}

} // namespace tool

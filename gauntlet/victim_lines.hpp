// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What both victims share: the lines they exchange with the gauntlet. Gauntlet.
///
/// To the gauntlet:   ready <port> [<ceiling> <slack>] | refused <why> | delivered <number> <from> <bytes> <text>
///                    | strange <bytes> | pong | paused | resumed | dead | queued <number> | file | no-file | bye
///                    | delayed | answered | kept | revoked | reloaded | rotated | renewed | acknowledged <number> <microseconds> | held <number>
/// From the gauntlet: ping | pause | resume | kill-authenticator | second-thread | open-file | send <count>
///                    | publish <number> | delay | answer | keep | revoke <name> | reload | rotate <milliseconds> | renew | hold | stop

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <poll.h>
#include <unistd.h>

namespace victim_lines {

/// One line to the gauntlet in one write, so that two threads cannot mix theirs. No reader left: the run is over.
inline void say(std::string line) {
    line += '\n';
    std::string_view rest = line;
    while (!rest.empty()) {
        const ssize_t written = ::write(1, rest.data(), rest.size());
        if (written <= 0) ::_exit(4);
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
}

/// The first bytes of a body, safe to print: a peer chose them.
inline std::string printable(std::string_view body) {
    constexpr std::size_t longest = 64;
    std::string text{body.substr(0, longest)};
    for (char& c : text)
        if (c < ' ' || c > '~') c = '.';
    return text;
}

/// What the body of an honest order says, so that the gauntlet can compare it with what arrives.
inline std::string honest_body(std::string_view from, std::uint64_t number) {
    return std::string{from} + " orders one thousand widgets, no. " + std::to_string(1'000'000 + number);
}

/// What the first frame of an order says: who sends, and which one it is.
struct order_head {
    std::string_view from;
    std::uint64_t number;
};

inline std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

inline std::optional<order_head> parse_head(std::string_view frame) {
    const auto blank = frame.find(' ');
    if (blank == 0 || blank == std::string_view::npos || blank > 32) return std::nullopt;
    for (const char c : frame.substr(0, blank))
        if (c < '!' || c > '~') return std::nullopt;
    const auto value = number(frame.substr(blank + 1));
    if (!value) return std::nullopt;
    return order_head{frame.substr(0, blank), *value};
}

inline void delivered(std::uint64_t order, std::string_view from, std::string_view body) {
    say("delivered " + std::to_string(order) + ' ' + std::string{from} + ' ' + std::to_string(body.size()) + ' ' +
        printable(body));
}

/// What follows a word and a blank, when the command begins with them.
inline std::optional<std::string_view> argument(std::string_view command, std::string_view word) {
    if (!command.starts_with(word) || command.substr(word.size(), 1) != " ") return std::nullopt;
    return command.substr(word.size() + 1);
}

/// What a client knows of its orders: which are due, which are under way, and which have been acknowledged.
class order_book {
public:
    using clock = std::chrono::steady_clock;
    static constexpr std::size_t batch = 10;             ///< orders at a time, for which no acknowledgement is awaited
    static constexpr std::size_t under_way = 40;         ///< no more without acknowledgement
    static constexpr std::chrono::milliseconds pace{20}; ///< from one batch to the next
    static constexpr std::chrono::milliseconds patience{250}; ///< with a server that acknowledges nothing

    /// Whether a batch is to be sent now.
    [[nodiscard]] bool batch_due() const {
        return !held_ && open_.size() + batch <= under_way && clock::now() >= next_;
    }
    /// The number of a new order, which is sent now.
    [[nodiscard]] std::uint64_t take() {
        const auto now = clock::now();
        if (open_.empty()) heard_ = now;
        next_ = now + pace;
        open_[++last_] = now;
        return last_;
    }
    void acknowledge(std::uint64_t order) {
        const auto found = open_.find(order);
        if (found == open_.end()) return; // of one that was sent twice
        heard_ = clock::now();
        const auto took = std::chrono::duration_cast<std::chrono::microseconds>(heard_ - found->second);
        open_.erase(found);
        say("acknowledged " + std::to_string(order) + ' ' + std::to_string(took.count()));
    }
    /// Nothing was acknowledged for long, although something is under way. Asked again after as long.
    [[nodiscard]] bool is_ignored() {
        const auto now = clock::now();
        if (open_.empty() || now < heard_ + patience) return false;
        heard_ = now;
        return true;
    }
    /// Orders that nobody has acknowledged, and since when.
    [[nodiscard]] const std::map<std::uint64_t, clock::time_point>& open() const { return open_; }
    /// No new orders from now on.
    void hold() {
        held_ = true;
        say("held " + std::to_string(last_));
    }

private:
    std::map<std::uint64_t, clock::time_point> open_;
    std::uint64_t last_ = 0;
    bool held_ = false;
    clock::time_point next_ = clock::now();
    clock::time_point heard_ = clock::now();
};

/// Opens a file, as a program does that writes a log or reads its configuration again.
inline void open_file() { say(std::ifstream{"/proc/self/stat"}.is_open() ? "file" : "no-file"); }

/// Commands on standard input, line by line.
class commands {
public:
    /// The next command; nothing when none came in time. "stop" when the gauntlet is gone.
    std::optional<std::string> next(int patience_ms) {
        for (;;) {
            if (const auto end = held_.find('\n'); end != std::string::npos) {
                std::string line = held_.substr(0, end);
                held_.erase(0, end + 1);
                return line;
            }
            pollfd input{0, POLLIN, 0};
            if (::poll(&input, 1, patience_ms) <= 0) return std::nullopt;
            char some[512];
            const ssize_t got = ::read(0, some, sizeof some);
            if (got <= 0) return "stop";
            held_.append(some, static_cast<std::size_t>(got));
        }
    }

private:
    std::string held_;
};

} // namespace victim_lines

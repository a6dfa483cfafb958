// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The table on the screen: wrapped to the terminal, in colour and with a moving last line where there is one. Gauntlet.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace gauntlet {

enum class colour : unsigned char { none, good, bad, faint, strong };

struct cell {
    std::string text;
    colour shade = colour::none;
};

class table {
public:
    static constexpr std::size_t columns = 4;

    explicit table(bool may_move)
        : moving_{may_move && ::isatty(STDOUT_FILENO) == 1}, coloured_{moving_ && std::getenv("NO_COLOR") == nullptr} {
        const std::size_t room = std::clamp<std::size_t>(terminal_width(), 88, 150) - first_ - 2 * columns;
        widths_ = {first_, room * 31 / 100, room * 31 / 100, room - 2 * (room * 31 / 100)};
    }

    [[nodiscard]] bool moving() const noexcept { return moving_; }

    void head(const std::array<cell, columns>& cells) {
        row(cells);
        std::size_t all = 2 * columns;
        for (const std::size_t width : widths_) all += width;
        line({std::string(all - 1, '-'), colour::faint});
    }

    /// A finished row; replaces the moving line.
    void row(const std::array<cell, columns>& cells) {
        erase();
        std::array<std::vector<std::string>, columns> wrapped;
        std::size_t height = 1;
        for (std::size_t i = 0; i != columns; ++i) {
            wrapped[i] = wrap(cells[i].text, widths_[i]);
            height = std::max(height, wrapped[i].size());
        }
        for (std::size_t y = 0; y != height; ++y) {
            std::string out;
            for (std::size_t i = 0; i != columns; ++i) {
                const std::string text = y < wrapped[i].size() ? wrapped[i][y] : std::string{};
                out += ' ' + shaded({text, cells[i].shade});
                if (i + 1 != columns) out += std::string(widths_[i] - std::min(widths_[i], text.size()) + 1, ' ');
            }
            fmt::print("{}\n", out);
        }
        std::fflush(stdout);
    }

    void line(const cell& text) {
        erase();
        fmt::print("{}\n", shaded(text));
        std::fflush(stdout);
    }

    /// What is going on, on the last line; nothing where the output is no terminal.
    void progress(std::string text) {
        if (!moving_) return;
        constexpr std::string_view turning = "|/-\\";
        const std::size_t width = terminal_width();
        text = fmt::format(" {} {}", turning[turns_++ % turning.size()], text);
        if (text.size() >= width) text.resize(width - 1);
        erase();
        fmt::print("{}", shaded({text, colour::faint}));
        std::fflush(stdout);
        drawn_ = true;
    }

    /// Takes the moving line away.
    void erase() {
        if (drawn_) fmt::print("\r\033[2K");
        drawn_ = false;
    }

private:
    static std::size_t terminal_width() {
        winsize size{};
        return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 132;
    }

    [[nodiscard]] std::string shaded(const cell& c) const {
        constexpr std::array<const char*, 5> codes{"", "\033[32m", "\033[31m", "\033[2m", "\033[1m"};
        if (!coloured_ || c.shade == colour::none || c.text.empty()) return c.text;
        return codes[static_cast<std::size_t>(c.shade)] + c.text + "\033[0m";
    }

    static std::vector<std::string> wrap(std::string_view text, std::size_t width) {
        std::vector<std::string> lines;
        while (text.size() > width) {
            auto cut = text.rfind(' ', width);
            if (cut == std::string_view::npos || cut == 0) cut = width;
            lines.emplace_back(text.substr(0, cut));
            text.remove_prefix(cut);
            while (text.starts_with(' ')) text.remove_prefix(1);
        }
        lines.emplace_back(text);
        return lines;
    }

    static constexpr std::size_t first_ = 26; // the longest id, and a blank
    std::array<std::size_t, columns> widths_{};
    bool moving_;
    bool coloured_;
    bool drawn_ = false;
    std::size_t turns_ = 0;
};

} // namespace gauntlet

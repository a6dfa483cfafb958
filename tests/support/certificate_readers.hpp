// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Models of how CZMQ and pyzmq read the keys of a certificate file, for tests that hold our reader against theirs.

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace foreign_readers {

inline bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

inline std::string_view trim(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

template <class Each> void each_line(std::string_view text, Each&& each) {
    while (!text.empty()) {
        const auto end = text.find('\n');
        each(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
}

struct two_keys {
    std::string pub;
    std::string sec;
    friend bool operator==(const two_keys&, const two_keys&) = default;
};

// How pyzmq reads: sections do not matter, the last line that begins like a key wins until both are there.
inline std::optional<two_keys> like_pyzmq(std::string_view text) {
    two_keys found;
    bool any = false;
    bool both = false;
    each_line(text, [&](std::string_view line) {
        line = trim(line);
        if (both || line.starts_with('#')) return;
        for (const bool is_public : {true, false}) {
            if (!line.starts_with(is_public ? "public-key" : "secret-key")) continue;
            const auto equals = line.find('=');
            std::string_view value = equals == std::string_view::npos ? "" : line.substr(equals + 1);
            const auto ragged = [](char c) { return c == ' ' || c == '\t' || c == '\'' || c == '"'; };
            while (!value.empty() && ragged(value.front())) value.remove_prefix(1);
            while (!value.empty() && ragged(value.back())) value.remove_suffix(1);
            (is_public ? found.pub : found.sec) = value;
            any = any || is_public;
        }
        both = !found.pub.empty() && !found.sec.empty();
    });
    if (!any) return std::nullopt;
    return found;
}

// How CZMQ reads: a tree by indentation, the first of equal names wins, '#' ends a value without quotes.
inline std::optional<two_keys> like_czmq(std::string_view text) {
    struct node {
        std::size_t level;
        std::string name;
        std::string value;
    };
    std::vector<node> nodes;
    bool valid = true;
    each_line(text, [&](std::string_view line) {
        line = line.substr(0, line.find('\0'));
        while (!line.empty() && is_space(line.back())) line.remove_suffix(1);
        std::size_t indent = 0;
        while (indent < line.size() && line[indent] == ' ') ++indent;
        if (indent % 4 != 0) valid = false;
        std::size_t at = indent;
        const auto in_name = [](char c) {
            return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                   std::string_view{"$-_@.&+/"}.find(c) != std::string_view::npos;
        };
        while (at < line.size() && in_name(line[at])) ++at;
        const std::string_view name = line.substr(indent, at - indent);
        std::string_view rest = trim(line.substr(at));
        const auto ends = [&](std::string_view tail) {
            valid = valid && (trim(tail).empty() || trim(tail).front() == '#');
        };
        if (name.empty()) return ends(rest);
        if (name.front() == '/' || name.back() == '/') valid = false;
        std::string value;
        if (rest.starts_with('=')) {
            rest = trim(rest.substr(1));
            if (rest.starts_with('"') || rest.starts_with('\'')) {
                const auto close = rest.find(rest.front(), 1);
                if (close == std::string_view::npos) {
                    valid = false;
                    return;
                }
                value = rest.substr(1, close - 1);
                ends(rest.substr(close + 1));
            } else {
                value = trim(rest.substr(0, rest.find('#')));
            }
        } else {
            ends(rest);
        }
        if (indent / 4 > (nodes.empty() ? 0 : nodes.back().level + 1)) valid = false;
        nodes.push_back({indent / 4, std::string{name}, value});
    });
    if (!valid) return std::nullopt;
    const auto curve =
        std::find_if(nodes.begin(), nodes.end(), [](const node& n) { return n.level == 0 && n.name == "curve"; });
    if (curve == nodes.end()) return std::nullopt;
    two_keys found;
    bool any = false;
    for (auto at = curve + 1; at != nodes.end() && at->level > 0; ++at) {
        if (at->level != 1) continue;
        if (at->name == "public-key" && !any) {
            found.pub = at->value;
            any = true;
        }
        if (at->name == "secret-key" && found.sec.empty()) found.sec = at->value;
    }
    if (!any || found.pub.size() != 40) return std::nullopt;
    return found;
}

} // namespace foreign_readers

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The subset of ZPL (ZeroMQ RFC 4) that certificate files use, read so that no two readers can differ. Layer: detail.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/files.hpp>
#include <ironhouse/detail/refuse.hpp>
#include <ironhouse/detail/z85.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// Longest line: CZMQ loses count above 1024.
inline constexpr std::size_t zpl_line_limit = 1000;
/// Longest value.
inline constexpr std::size_t zpl_value_limit = 512;
/// Most metadata lines in one file.
inline constexpr std::size_t zpl_metadata_limit = 64;

/// What a certificate file says, as views into its text. Nothing has been decoded yet.
struct zpl_certificate {
    struct item {
        std::string_view name;
        std::string_view value;
    };
    std::array<item, zpl_metadata_limit> metadata;
    std::size_t metadata_size = 0;
    std::string_view public_key;
    std::string_view secret_key; // empty: none in the file
};

[[nodiscard]] constexpr bool zpl_is_control(char c) noexcept {
    const auto code = static_cast<unsigned char>(c);
    return code < 0x20 || code == 0x7f;
}

[[nodiscard]] constexpr bool zpl_is_name(std::string_view text) noexcept {
    if (text.empty() || text.size() > 64) return false;
    for (const char c : text) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && std::string_view{"$-_@.&+"}.find(c) == std::string_view::npos) return false;
    }
    return true;
}

/// pyzmq takes any line that begins like a key for one, whatever section it is in.
[[nodiscard]] constexpr bool zpl_looks_like_a_key(std::string_view name) noexcept {
    return name.starts_with("public-key") || name.starts_with("secret-key");
}

/// A value that reads the same quoted in every reader: ZPL has no escapes.
[[nodiscard]] constexpr const char* zpl_value_complaint(std::string_view value) noexcept {
    if (value.size() > zpl_value_limit) return "is longer than 512 bytes";
    for (const char c : value) {
        if (c == '"' || c == '\'') return "holds a quote, which the file format cannot escape";
        if (zpl_is_control(c)) return "holds a control character";
    }
    return nullptr;
}

/// Reads one certificate file's text.
///
/// Strict: whatever CZMQ and pyzmq could understand differently is refused, and so is everything neither of them writes.
/// Errors name the line and the rule, never the text: it may hold a secret.
/// \throws  error::rejected.
[[nodiscard]] inline zpl_certificate parse_zpl(std::string_view text, const std::string& during) {
    enum class section { none, metadata, curve };
    zpl_certificate found;
    section now = section::none;
    bool seen_metadata = false;
    bool seen_curve = false;
    bool seen_public = false;
    bool seen_secret = false;
    std::size_t number = 0;
    const auto no = [&](std::string_view why, const char* more = "") {
        refuse(error::rejected, during, {"line ", std::to_string(number), " ", why, more});
    };

    if (text.size() > file_limit) refuse(error::rejected, during, {"the text is longer than 65536 bytes"});
    while (!text.empty()) {
        ++number;
        const std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.size() > zpl_line_limit) no("is longer than 1000 bytes");
        for (const char c : line) {
            if (zpl_is_control(c)) no("holds a control character (a tab or a carriage return counts)");
        }
        if (line.empty() || line.front() == '#') continue;

        if (line.front() != ' ') {
            if (line == "metadata" && !seen_metadata) {
                seen_metadata = true;
                now = section::metadata;
            } else if (line == "curve" && !seen_curve) {
                seen_curve = true;
                now = section::curve;
            } else if (line == "metadata" || line == "curve") {
                no("begins a section for the second time");
            } else {
                no("is not a section of a certificate: \"metadata\" or \"curve\"");
            }
            continue;
        }

        if (!line.starts_with("    ") || line.size() == 4 || line[4] == ' ') no("is not indented by four spaces");
        if (line[4] == '#') no("is an indented comment");
        line.remove_prefix(4);
        const std::size_t equals = line.find(" = ");
        if (equals == std::string_view::npos) no("is not of the form: name = \"value\"");
        const std::string_view name = line.substr(0, equals);
        std::string_view value = line.substr(equals + 3);
        if (!zpl_is_name(name)) no("has a name with characters that names do not have");
        const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
        if (quoted) value = value.substr(1, value.size() - 2);

        if (now == section::none) {
            no("stands before any section");
        } else if (now == section::curve) {
            if (!quoted) no("has a key without double quotes"); // CZMQ would cut it at its first '#'
            const bool is_public = name == "public-key";
            if (!is_public && name != "secret-key") no("is neither public-key nor secret-key");
            bool& seen = is_public ? seen_public : seen_secret;
            if (seen) no("gives a key for the second time");
            seen = true;
            if (value.size() != 40) no("has a key that is not 40 characters long");
            for (const char c : value) {
                if (z85_digit(c) > 84) no("has a key that is not Z85"); // pyzmq would cut quotes and spaces off
            }
            (is_public ? found.public_key : found.secret_key) = value;
        } else {
            if (zpl_looks_like_a_key(name)) no("has a key in the metadata");
            const char* const complaint = zpl_value_complaint(value);
            if (complaint != nullptr) no("has a value that ", complaint);
            if (!quoted) {
                if (value.empty() || value.front() == ' ' || value.back() == ' ') no("has an empty or ragged value");
                if (value.find('#') != std::string_view::npos) no("has a '#' in a value without quotes");
            }
            for (std::size_t at = 0; at < found.metadata_size; ++at) {
                if (found.metadata[at].name == name) no("gives a metadata name for the second time");
            }
            if (found.metadata_size == zpl_metadata_limit) no("is the 65th line of metadata; 64 are read");
            found.metadata[found.metadata_size++] = {name, value};
        }
    }
    if (!seen_metadata) refuse(error::rejected, during, {"the section \"metadata\" is missing"});
    if (!seen_curve) refuse(error::rejected, during, {"the section \"curve\" is missing"});
    if (!seen_public) refuse(error::rejected, during, {"the public key is missing"});
    return found;
}

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

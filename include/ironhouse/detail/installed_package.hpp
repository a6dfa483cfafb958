// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Which distribution package the loaded libzmq comes from, and how Debian orders versions. Layer: detail.

#include <ironhouse/detail/abi.hpp>

#include <climits>
#include <compare>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include <dlfcn.h>
#include <zmq.h>

namespace ironhouse::inline IRONHOUSE_ABI {

namespace detail {

/// Debian's order of version texts: epoch, then upstream version, then revision; `~` sorts before everything.
class debian_version {
public:
    constexpr explicit debian_version(std::string_view text) noexcept {
        if (const auto colon = text.find(':'); colon != std::string_view::npos) {
            epoch_ = text.substr(0, colon);
            text.remove_prefix(colon + 1);
        }
        if (const auto dash = text.rfind('-'); dash != std::string_view::npos) {
            revision_ = text.substr(dash + 1);
            text = text.substr(0, dash);
        }
        upstream_ = text;
    }

    /// The part the authors of the software chose.
    [[nodiscard]] constexpr std::string_view upstream() const noexcept { return upstream_; }

    friend constexpr std::strong_ordering operator<=>(const debian_version& a, const debian_version& b) noexcept {
        if (const auto order = compare(a.epoch_, b.epoch_); order != 0) return order;
        if (const auto order = compare(a.upstream_, b.upstream_); order != 0) return order;
        return compare(a.revision_, b.revision_);
    }
    friend constexpr bool operator==(const debian_version& a, const debian_version& b) noexcept {
        return (a <=> b) == 0;
    }

private:
    static constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

    // The end of a text and a digit weigh the same: both end a run of other characters. Letters come before the rest.
    static constexpr int weight(std::string_view text) noexcept {
        if (text.empty() || is_digit(text.front())) return 0;
        const char c = text.front();
        if (c == '~') return -1;
        const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        return letter ? c : static_cast<unsigned char>(c) + 256;
    }

    static constexpr std::string_view take_number(std::string_view& text) noexcept {
        while (!text.empty() && text.front() == '0') text.remove_prefix(1);
        std::size_t length = 0;
        while (length != text.size() && is_digit(text[length])) ++length;
        const auto number = text.substr(0, length);
        text.remove_prefix(length);
        return number;
    }

    static constexpr std::strong_ordering compare(std::string_view a, std::string_view b) noexcept {
        while (!a.empty() || !b.empty()) {
            while ((!a.empty() && !is_digit(a.front())) || (!b.empty() && !is_digit(b.front()))) {
                if (const auto order = weight(a) <=> weight(b); order != 0) return order;
                if (!a.empty()) a.remove_prefix(1);
                if (!b.empty()) b.remove_prefix(1);
            }
            const auto left = take_number(a);
            const auto right = take_number(b);
            if (const auto order = left.size() <=> right.size(); order != 0) return order;
            if (const int order = left.compare(right); order != 0)
                return order < 0 ? std::strong_ordering::less : std::strong_ordering::greater;
        }
        return std::strong_ordering::equal;
    }

    std::string_view epoch_;
    std::string_view upstream_;
    std::string_view revision_;
};

/// Version of a package that is fully installed, by the text of dpkg's status file. Nothing when it is absent, half
/// configured, or installed in several versions at once.
[[nodiscard]] inline std::optional<std::string> package_version(std::string_view status, std::string_view package) {
    std::optional<std::string> found;
    std::string_view name;
    std::string_view state;
    std::string_view version;
    bool ambiguous = false;
    const auto end_of_paragraph = [&] {
        constexpr std::string_view installed = " ok installed";
        if (name == package && state.ends_with(installed) && !version.empty()) {
            if (found && *found != version) ambiguous = true;
            found = std::string{version};
        }
        name = state = version = {};
    };
    const auto field = [](std::string_view line, std::string_view key, std::string_view& value) {
        if (line.starts_with(key)) value = line.substr(key.size());
    };
    while (!status.empty()) {
        const auto newline = status.find('\n');
        const auto line = status.substr(0, newline);
        status.remove_prefix(newline == std::string_view::npos ? status.size() : newline + 1);
        if (line.empty()) end_of_paragraph();
        field(line, "Package: ", name);
        field(line, "Status: ", state);
        field(line, "Version: ", version);
    }
    end_of_paragraph();
    return ambiguous ? std::nullopt : found;
}

/// The file the loaded libzmq was mapped from, when that is a shared library in a folder only packages write to.
[[nodiscard]] inline bool libzmq_is_the_systems() noexcept {
    Dl_info where{};
    if (::dladdr(reinterpret_cast<const void*>(&::zmq_version), &where) == 0 || where.dli_fname == nullptr)
        return false;
    char resolved[PATH_MAX];
    if (::realpath(where.dli_fname, resolved) == nullptr) return false;
    const std::string_view path{resolved};
    const auto name = path.substr(path.rfind('/') + 1);
    return name.starts_with("libzmq.so.5") && (path.starts_with("/usr/lib/") || path.starts_with("/lib/"));
}

/// Package version of the loaded libzmq, where it is Debian's or a relative's. Nothing in every case of doubt: then the
/// version libzmq itself names is all that counts.
[[nodiscard]] inline std::optional<std::string> installed_libzmq() {
    if (!libzmq_is_the_systems()) return std::nullopt;
    struct opened {
        opened() noexcept : file{std::fopen("/var/lib/dpkg/status", "re")} {}
        opened(const opened&) = delete;
        opened& operator=(const opened&) = delete;
        ~opened() {
            if (file != nullptr) std::fclose(file);
        }
        std::FILE* const file;
    } const list;
    if (list.file == nullptr) return std::nullopt;
    constexpr std::size_t longest = std::size_t{64} << 20;
    std::string status;
    char block[65536];
    while (const std::size_t count = std::fread(block, 1, sizeof block, list.file)) {
        if (status.size() + count > longest) return std::nullopt;
        status.append(block, count);
    }
    if (std::ferror(list.file) != 0) return std::nullopt;
    return package_version(status, "libzmq5");
}

} // namespace detail

} // namespace ironhouse::inline IRONHOUSE_ABI

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Bytes as they appear on a wire. Test support: depends on no header of the library under test.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace wire {

using bytes = std::vector<std::uint8_t>;

/// Read-only bytes owned by somebody else; built from text as well, so that a test can write `peer.send("hello")`.
class view {
public:
    view() noexcept = default;
    view(const std::uint8_t* data, std::size_t size) noexcept : data_{data}, size_{size} {}
    view(const bytes& b) noexcept : data_{b.data()}, size_{b.size()} {}
    view(std::string_view text) noexcept
        : data_{reinterpret_cast<const std::uint8_t*>(text.data())}, size_{text.size()} {}
    view(const std::string& text) noexcept : view{std::string_view{text}} {}
    view(const char* text) noexcept : view{std::string_view{text}} {}
    template <std::size_t N> view(const std::array<std::uint8_t, N>& a) noexcept : data_{a.data()}, size_{N} {}

    [[nodiscard]] const std::uint8_t* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] const std::uint8_t* begin() const noexcept { return data_; }
    [[nodiscard]] const std::uint8_t* end() const noexcept { return data_ + size_; }
    [[nodiscard]] std::uint8_t operator[](std::size_t i) const noexcept { return data_[i]; }

    /// The part from `at` on, at most `n` bytes; empty when `at` lies behind the end.
    [[nodiscard]] view part(std::size_t at, std::size_t n = SIZE_MAX) const noexcept {
        if (at >= size_) return {};
        return {data_ + at, std::min(n, size_ - at)};
    }
    [[nodiscard]] bool starts_with(view prefix) const noexcept {
        return size_ >= prefix.size_ && std::equal(prefix.begin(), prefix.end(), begin());
    }
    [[nodiscard]] bytes copy() const { return {begin(), end()}; }
    [[nodiscard]] std::string text() const { return {begin(), end()}; }

    friend bool operator==(view a, view b) noexcept { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

private:
    const std::uint8_t* data_ = nullptr;
    std::size_t size_ = 0;
};

[[nodiscard]] inline bytes to_bytes(view v) { return v.copy(); }
[[nodiscard]] inline std::string to_text(view v) { return v.text(); }

[[nodiscard]] inline bool contains(view haystack, view needle) {
    return std::search(haystack.begin(), haystack.end(), needle.begin(), needle.end()) != haystack.end() ||
           needle.empty();
}

inline void append(bytes& to, view what) { to.insert(to.end(), what.begin(), what.end()); }

/// Appends a number in network byte order, `Width` bytes wide.
template <std::size_t Width> void append_number(bytes& to, std::uint64_t value) {
    for (std::size_t i = Width; i-- > 0;) to.push_back(static_cast<std::uint8_t>((value >> (8 * i)) & 0xFF));
}

/// Reads a number in network byte order that takes up all of `from` (at most eight bytes).
[[nodiscard]] inline std::uint64_t read_number(view from) noexcept {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : from) value = (value << 8) | byte;
    return value;
}

} // namespace wire

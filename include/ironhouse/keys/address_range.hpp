// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Addresses that a key may come from: IPv4 and IPv6 ranges in CIDR notation. No sockets here. Layer: keys.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/refuse.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include <arpa/inet.h>

namespace ironhouse::inline IRONHOUSE_ABI {

namespace detail {

/// An address as 16 bytes; an IPv4 one is IPv4-mapped.
struct ip_address {
    unsigned char bytes[16] = {};

    [[nodiscard]] bool is_v4() const noexcept {
        static constexpr unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
        return std::memcmp(bytes, mapped, sizeof mapped) == 0;
    }
};

/// False when the text is no address: of an ipc peer, ZAP gives a user and a process.
[[nodiscard]] inline bool read_ip(std::string_view text, ip_address& into) noexcept {
    char buffer[INET6_ADDRSTRLEN] = "";    // inet_pton() wants an end
    text = text.substr(0, text.find('%')); // a link-local address's interface
    if (text.size() >= sizeof buffer) return false;
    text.copy(buffer, text.size());
    if (std::strlen(buffer) != text.size()) return false;
    if (::inet_pton(AF_INET6, buffer, into.bytes) == 1) return true;
    into = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
    return ::inet_pton(AF_INET, buffer, into.bytes + 12) == 1;
}

[[nodiscard]] inline std::string ip_text(const ip_address& address) {
    char buffer[INET6_ADDRSTRLEN] = "";
    const bool v4 = address.is_v4();
    ::inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? address.bytes + 12 : address.bytes, buffer, sizeof buffer);
    return buffer;
}

struct address_range_access;

} // namespace detail

/// A range of addresses such as 10.1.0.0/16 or 2001:db8::/32; one address is a range too: 10.1.2.3/32.
///
/// \threads  A value.
/// \secrets  None.
class address_range {
public:
    /// Reads a range. Each has one spelling: bits behind the prefix are zero, and the address is as inet_ntop() writes it.
    ///
    /// \param text  For example "10.1.0.0/16".
    /// \throws      `error::misuse` with the text and the rule that it breaks.
    [[nodiscard]] static address_range parse(std::string_view text);

    /// Whether an address lies in it. An IPv4 address lies in IPv4 ranges alone.
    /// \param address  16 bytes; an IPv4 address is IPv4-mapped.
    [[nodiscard]] bool contains(std::span<const unsigned char, 16> address) const noexcept {
        detail::ip_address asked;
        std::memcpy(asked.bytes, address.data(), sizeof asked.bytes);
        if (asked.is_v4() != first_.is_v4()) return false; // ::/0 means IPv6
        const std::size_t whole = std::size_t{bits_} / 8;
        const int rest = bits_ % 8;
        if (std::memcmp(first_.bytes, asked.bytes, whole) != 0) return false;
        return rest == 0 || ((first_.bytes[whole] ^ asked.bytes[whole]) >> (8 - rest)) == 0;
    }
    /// As parse() reads it.
    [[nodiscard]] std::string text() const {
        return detail::joined({detail::ip_text(first_), "/", std::to_string(bits_ - (first_.is_v4() ? 96 : 0))});
    }

    friend bool operator==(const address_range& a, const address_range& b) noexcept {
        return a.bits_ == b.bits_ && std::memcmp(a.first_.bytes, b.first_.bytes, sizeof a.first_.bytes) == 0;
    }

private:
    address_range() = default;
    friend struct detail::address_range_access;

    detail::ip_address first_;
    std::uint8_t bits_ = 0; // of 128
};

namespace detail {

struct address_range_access {
    /// To read one into.
    [[nodiscard]] static address_range blank() noexcept { return {}; }

    /// Why a text is no range; nullptr for a good one.
    [[nodiscard]] static const char* read(std::string_view text, address_range& into) {
        const std::size_t slash = text.find('/');
        if (slash == std::string_view::npos)
            return "has no prefix length: one address is 10.1.2.3/32 or 2001:db8::1/128";
        const std::string_view length = text.substr(slash + 1);
        address_range made;
        if (text.find('%') != std::string_view::npos || !read_ip(text.substr(0, slash), made.first_))
            return "does not begin with an IPv4 or IPv6 address";
        const bool v4 = made.first_.is_v4();
        unsigned bits = 0;
        for (const char c : length) bits = c >= '0' && c <= '9' && bits < 1000 ? bits * 10 + unsigned(c - '0') : 1000;
        if (length.empty() || (length.size() > 1 && length.front() == '0') || bits > (v4 ? 32U : 128U))
            return "has a prefix length that is not 0 to 32 (IPv4) or 0 to 128 (IPv6)";
        made.bits_ = static_cast<std::uint8_t>(bits + (v4 ? 96U : 0U));
        for (unsigned bit = made.bits_; bit < 128; ++bit) {
            if ((made.first_.bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return "has bits set behind its prefix";
        }
        if (text.compare(made.text()) != 0) return "is not spelled as addresses are: 10.1.0.0/16, 2001:db8::/32";
        into = made;
        return nullptr;
    }
};

} // namespace detail

inline address_range address_range::parse(std::string_view text) {
    address_range made;
    const char* const complaint = detail::address_range_access::read(text, made);
    if (complaint != nullptr) {
        const std::string_view shown = text.substr(0, INET6_ADDRSTRLEN + 4);
        detail::refuse(error::misuse, "read an address range", {"\"", shown, "\" ", complaint});
    }
    return made;
}

} // namespace ironhouse::inline IRONHOUSE_ABI

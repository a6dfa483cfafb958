// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A filter in the kernel for listeners: the first packet of newcomers from some addresses is dropped, so that there is no
/// connection to accept. Connections that exist go on. Linux, and CAP_NET_ADMIN. Layer: detail.

#include <ironhouse/detail/abi.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/filter.h>
#endif

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// Whom to drop: an IPv4 address, or an IPv6 /64.
struct dropped_address {
    std::uint32_t words[2] = {}; // in host order; of IPv4, the first
    bool is_v6 = false;

    [[nodiscard]] bool operator==(const dropped_address&) const = default;
    /// False where the text is no address that a packet could be known by.
    [[nodiscard]] bool read(const char* text) noexcept {
        in_addr v4{};
        in6_addr v6{};
        if (::inet_pton(AF_INET, text, &v4) == 1) {
            words[0] = ntohl(v4.s_addr);
            return true;
        }
        if (::inet_pton(AF_INET6, text, &v6) != 1) return false;
        is_v6 = !IN6_IS_ADDR_V4MAPPED(&v6);
        std::memcpy(words, v6.s6_addr + (is_v6 ? 0 : 12), is_v6 ? 8 : 4);
        for (std::uint32_t& word : words) word = ntohl(word);
        return true;
    }
};

/// As many as one filter takes.
inline constexpr std::size_t most_dropped = 64;

#if defined(__linux__)

/// What a listener's filter is to drop from now on; `many` of zero takes the filter away. False where that is not permitted.
///
/// Whoever is accepted meanwhile inherits the filter. It lets everything pass that is not a connection's first packet.
[[nodiscard]] inline bool drop_newcomers(int listener, const dropped_address* who, std::size_t many) noexcept {
    if (many == 0) {
        int unused = 0;
        (void)::setsockopt(listener, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused); // or there was none
        return true;
    }
    constexpr auto network = static_cast<std::uint32_t>(SKF_NET_OFF);
    constexpr std::uint32_t keep = 0xFFFF'FFFF, syn = 0x02;
    constexpr std::uint16_t load_byte = BPF_LD | BPF_B | BPF_ABS, load_word = BPF_LD | BPF_W | BPF_ABS,
                            equal = BPF_JMP | BPF_JEQ | BPF_K, verdict = BPF_RET | BPF_K;
    sock_filter code[16 + 5 * most_dropped];
    std::uint16_t size = 0;
    const auto add = [&](std::uint16_t what, std::uint32_t k, std::uint8_t if_so = 0, std::uint8_t if_not = 0) {
        code[size++] = {what, if_so, if_not, k};
    };
    add(load_byte, 13); // the flags of TCP
    add(BPF_JMP | BPF_JSET | BPF_K, syn, 1, 0);
    add(verdict, keep);
    add(load_byte, network); // the version of IP
    add(BPF_ALU | BPF_AND | BPF_K, 0xF0);
    add(equal, 0x60, 0, 1);
    const std::uint16_t to_v6 = size;
    add(BPF_JMP | BPF_JA, 0);
    add(load_word, network + 12);
    for (std::size_t i = 0; i != many && i != most_dropped; ++i) {
        if (who[i].is_v6) continue;
        add(equal, who[i].words[0], 0, 1);
        add(verdict, 0);
    }
    add(verdict, keep);
    code[to_v6].k = static_cast<std::uint32_t>(size - to_v6 - 1);
    for (std::size_t i = 0; i != many && i != most_dropped; ++i) {
        if (!who[i].is_v6) continue;
        add(load_word, network + 8);
        add(equal, who[i].words[0], 0, 3);
        add(load_word, network + 12);
        add(equal, who[i].words[1], 0, 1);
        add(verdict, 0);
    }
    add(verdict, keep);
    const sock_fprog program{size, code};
    return ::setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

/// Whether this process may do that; tried on a socket that nobody reaches.
[[nodiscard]] inline bool may_drop_newcomers() noexcept {
    const int tried = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (tried < 0) return false;
    const dropped_address nobody{};
    const bool may = drop_newcomers(tried, &nobody, 1);
    ::close(tried);
    return may;
}

#else

[[nodiscard]] inline bool drop_newcomers(int, const dropped_address*, std::size_t) noexcept { return false; }
[[nodiscard]] inline bool may_drop_newcomers() noexcept { return false; }

#endif

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

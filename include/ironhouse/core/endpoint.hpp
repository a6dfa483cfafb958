// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Addresses that a security policy protects: from a literal, checked by the compiler, or from configuration.
/// Layer: core.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ironhouse::inline IRONHOUSE_ABI {

/// The transports that the library opens. There is no pgm, norm, udp, ws, vmci or tipc: nothing protects them.
enum class transport : std::uint8_t {
    tcp = 1,    ///< Over the network.
    ipc = 2,    ///< Between processes of one machine, through a path.
    inproc = 4, ///< Between threads of one process.
};

/// What a security policy protects; two policies with the same set share their endpoint types.
struct transports {
    bool tcp;    ///< `tcp://host:port`.
    bool ipc;    ///< `ipc://path`.
    bool inproc; ///< `inproc://name`, within the process.
    /// `curve://host:port` is a spelling of tcp under this policy.
    bool curve_spelling = false;
    /// `gssapi://host:port` is a spelling of tcp under this policy.
    bool gssapi_spelling = false;

    friend constexpr bool operator==(const transports&, const transports&) = default;
};

namespace detail {

// Never defined: a literal that breaks a rule calls the one whose name is the reason.
void endpoint_must_begin_with_a_transport_such_as_tcp();
void endpoint_transport_is_not_protected_by_this_security_policy();
void endpoint_is_longer_than_256_bytes();
void endpoint_host_is_not_a_name_or_an_address();
void endpoint_ipv6_address_belongs_in_brackets();
void endpoint_port_must_be_a_number_from_1_to_65535();
void endpoint_wildcard_is_for_bind_only();
void endpoint_source_address_is_for_connect_only();
void endpoint_source_and_destination_differ_in_ip_version();
void endpoint_ipc_path_must_have_1_to_107_bytes();
void endpoint_inproc_name_must_not_be_empty();
void endpoint_name_is_reserved();
void endpoint_has_a_character_that_does_not_belong_there();

// Never defined either: what deleted constructors are called for, so that the compiler says why they are deleted.
struct text_becomes_an_endpoint_through_parse;
struct no_endpoint_of_another_security_policy;

enum class endpoint_fault : std::uint8_t {
    none,
    no_transport,
    unprotected,
    too_long,
    host,
    brackets,
    port,
    wildcard,
    source,
    versions,
    path,
    name,
    reserved,
    character,
};

inline constexpr std::size_t longest_endpoint = 256;

/// An endpoint taken apart: what libzmq is to see is `scheme` and `rest`.
struct endpoint_parts {
    endpoint_fault fault = endpoint_fault::none;
    transport which = transport::tcp;
    bool wildcard = false;
    bool ipv6 = false;
    std::string_view scheme = {};
    std::string_view rest = {};
};

[[nodiscard]] constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
[[nodiscard]] constexpr bool is_hex(char c) noexcept {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// Strict decimal without leading zeros, in 1..most; 0 when it is anything else.
[[nodiscard]] constexpr unsigned decimal(std::string_view text, unsigned most) noexcept {
    if (text.empty() || text.size() > 5 || text.front() == '0') return 0;
    unsigned value = 0;
    for (const char c : text) {
        if (!is_digit(c)) return 0;
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    return value <= most ? value : 0;
}

/// Four decimal octets: the short, octal and hexadecimal forms that resolvers accept mean other hosts than they seem.
[[nodiscard]] constexpr bool is_ipv4(std::string_view text) noexcept {
    for (int octet = 1; octet <= 4; ++octet) {
        const std::size_t dot = octet < 4 ? text.find('.') : text.size();
        if (dot == std::string_view::npos) return false;
        const std::string_view part = text.substr(0, dot);
        if (part != "0" && decimal(part, 255) == 0) return false;
        text.remove_prefix(octet < 4 ? dot + 1 : dot);
    }
    return true;
}

/// The inside of the brackets, a zone included: `::1`, `fe80::1%eth0`, `::ffff:10.0.0.1`.
[[nodiscard]] constexpr bool is_ipv6(std::string_view text) noexcept {
    if (const std::size_t percent = text.find('%'); percent != std::string_view::npos) {
        const std::string_view zone = text.substr(percent + 1);
        if (zone.empty() || zone.size() > 15) return false;
        for (const char c : zone) {
            if (!is_digit(c) && !is_letter(c) && c != '.' && c != '-' && c != '_') return false;
        }
        text = text.substr(0, percent);
    }
    int groups = 0;
    bool gap = false;
    if (text.starts_with("::")) {
        gap = true;
        text.remove_prefix(2);
    } else if (text.empty()) {
        return false;
    }
    while (!text.empty()) {
        const std::size_t colon = text.find(':');
        const std::string_view group = text.substr(0, colon);
        if (colon == std::string_view::npos && group.find('.') != std::string_view::npos) {
            if (!is_ipv4(group)) return false;
            groups += 2;
            break;
        }
        if (group.empty() || group.size() > 4) return false;
        for (const char c : group) {
            if (!is_hex(c)) return false;
        }
        ++groups;
        if (colon == std::string_view::npos) break;
        text.remove_prefix(colon + 1);
        if (text.starts_with(':')) {
            if (gap) return false;
            gap = true;
            text.remove_prefix(1);
        } else if (text.empty()) {
            return false; // ends in a single colon
        }
    }
    return gap ? groups < 8 : groups == 8;
}

/// A host or interface name. One that consists of numbers is an address, and must then be a strict one.
[[nodiscard]] constexpr bool is_host(std::string_view text) noexcept {
    if (text.empty() || text.size() > 253) return false;
    bool numbers = true;
    for (std::string_view rest = text; !rest.empty();) {
        const std::size_t dot = rest.find('.');
        const std::string_view label = rest.substr(0, dot);
        if (label.empty() || label.size() > 63 || label.front() == '-') return false;
        const bool hex = label.starts_with("0x") || label.starts_with("0X");
        for (const char c : label) {
            if (!is_digit(c) && !is_letter(c) && c != '-' && c != '_') return false;
            if (!is_digit(c) && !hex) numbers = false;
        }
        if (dot == std::string_view::npos) break;
        rest.remove_prefix(dot + 1);
        if (rest.empty()) return false; // ends in a dot
    }
    return !numbers || is_ipv4(text);
}

/// One `host:port`. A port of "*" or 0 means that the system chooses.
[[nodiscard]] constexpr endpoint_parts judge_address(std::string_view text) noexcept {
    endpoint_parts parts;
    const auto refuse = [&](endpoint_fault why) {
        parts.fault = why;
        return parts;
    };
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return refuse(endpoint_fault::port);
    const std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    if (host == "*") {
        parts.wildcard = true;
    } else if (host.starts_with('[')) {
        if (!host.ends_with(']') || !is_ipv6(host.substr(1, host.size() - 2))) return refuse(endpoint_fault::host);
        parts.ipv6 = true;
    } else if (host.find(':') != std::string_view::npos) {
        return refuse(endpoint_fault::brackets);
    } else if (!is_host(host)) {
        return refuse(endpoint_fault::host);
    }
    if (port == "*" || port == "0") {
        parts.wildcard = true;
    } else if (decimal(port, 65535) == 0) {
        return refuse(endpoint_fault::port);
    }
    return parts;
}

/// `host:port`, or for connect `source:port;host:port`.
[[nodiscard]] constexpr endpoint_parts judge_tcp(std::string_view rest, bool for_connect) noexcept {
    const std::size_t semicolon = rest.find(';');
    if (semicolon == std::string_view::npos) return judge_address(rest);
    endpoint_parts to = judge_address(rest.substr(semicolon + 1));
    if (to.fault != endpoint_fault::none) return to;
    const endpoint_parts from = judge_address(rest.substr(0, semicolon));
    if (from.fault != endpoint_fault::none) return from;
    if (rest.starts_with("*:")) to.fault = endpoint_fault::host; // libzmq takes any port here, but no nameless host
    if (!for_connect) to.fault = endpoint_fault::source;
    // A name may resolve to either version; a literal address on one side and a bracketed one on the other never meet.
    const auto literal_ipv4 = [&](std::string_view part) { return is_ipv4(part.substr(0, part.rfind(':'))); };
    if ((from.ipv6 && literal_ipv4(rest.substr(semicolon + 1))) || (to.ipv6 && literal_ipv4(rest.substr(0, semicolon))))
        to.fault = endpoint_fault::versions;
    to.ipv6 = to.ipv6 || from.ipv6;
    return to;
}

[[nodiscard]] constexpr bool has_control_character(std::string_view text) noexcept {
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
    }
    return false;
}

/// The whole grammar, the same for literals and for configuration.
[[nodiscard]] constexpr endpoint_parts judge_endpoint(std::string_view text, const transports& allowed,
                                                      bool for_connect) noexcept {
    endpoint_parts parts;
    const auto refuse = [&](endpoint_fault why) {
        parts.fault = why;
        return parts;
    };
    if (text.size() > longest_endpoint) return refuse(endpoint_fault::too_long);
    const std::size_t slashes = text.find("://");
    if (slashes == std::string_view::npos || slashes == 0) return refuse(endpoint_fault::no_transport);
    const std::string_view scheme = text.substr(0, slashes);
    const std::string_view rest = text.substr(slashes + 3);

    if ((scheme == "tcp" && allowed.tcp) || (scheme == "curve" && allowed.tcp && allowed.curve_spelling) ||
        (scheme == "gssapi" && allowed.tcp && allowed.gssapi_spelling)) {
        parts = judge_tcp(rest, for_connect);
        parts.which = transport::tcp;
        parts.scheme = "tcp://";
    } else if (scheme == "ipc" && allowed.ipc) {
        parts.which = transport::ipc;
        parts.scheme = "ipc://";
        parts.wildcard = rest == "*";
        if (rest.empty() || rest == "@" || rest.size() > 107) parts.fault = endpoint_fault::path;
        if (has_control_character(rest)) parts.fault = endpoint_fault::character;
    } else if (scheme == "inproc" && allowed.inproc) {
        parts.which = transport::inproc;
        parts.scheme = "inproc://";
        if (rest.empty()) parts.fault = endpoint_fault::name;
        if (has_control_character(rest)) parts.fault = endpoint_fault::character;
        // Authentication and the library's own monitors live there.
        if (rest.starts_with("zeromq.") || rest.starts_with("ironhouse-")) parts.fault = endpoint_fault::reserved;
    } else {
        return refuse(endpoint_fault::unprotected);
    }
    parts.rest = rest;
    if (parts.fault == endpoint_fault::none && for_connect && parts.wildcard) parts.fault = endpoint_fault::wildcard;
    return parts;
}

/// For literals: calls what says why.
constexpr void refuse_literal(endpoint_fault why) {
    switch (why) {
    case endpoint_fault::none: break;
    case endpoint_fault::no_transport: endpoint_must_begin_with_a_transport_such_as_tcp(); break;
    case endpoint_fault::unprotected: endpoint_transport_is_not_protected_by_this_security_policy(); break;
    case endpoint_fault::too_long: endpoint_is_longer_than_256_bytes(); break;
    case endpoint_fault::host: endpoint_host_is_not_a_name_or_an_address(); break;
    case endpoint_fault::brackets: endpoint_ipv6_address_belongs_in_brackets(); break;
    case endpoint_fault::port: endpoint_port_must_be_a_number_from_1_to_65535(); break;
    case endpoint_fault::wildcard: endpoint_wildcard_is_for_bind_only(); break;
    case endpoint_fault::source: endpoint_source_address_is_for_connect_only(); break;
    case endpoint_fault::versions: endpoint_source_and_destination_differ_in_ip_version(); break;
    case endpoint_fault::path: endpoint_ipc_path_must_have_1_to_107_bytes(); break;
    case endpoint_fault::name: endpoint_inproc_name_must_not_be_empty(); break;
    case endpoint_fault::reserved: endpoint_name_is_reserved(); break;
    case endpoint_fault::character: endpoint_has_a_character_that_does_not_belong_there(); break;
    }
}

/// For configuration: the same reasons as sentences.
[[nodiscard]] constexpr const char* complaint(endpoint_fault why) noexcept {
    switch (why) {
    case endpoint_fault::none: break;
    case endpoint_fault::no_transport: return "it must begin with a transport, such as tcp://";
    case endpoint_fault::unprotected: return "this transport is not protected by the socket's security policy";
    case endpoint_fault::too_long: return "it is longer than 256 bytes";
    case endpoint_fault::host: return "the host is neither a name nor a complete address";
    case endpoint_fault::brackets: return "an IPv6 address belongs in brackets";
    case endpoint_fault::port: return "the port must be a number from 1 to 65535";
    case endpoint_fault::wildcard: return "a wildcard is for bind only";
    case endpoint_fault::source: return "a source address is for connect only";
    case endpoint_fault::versions: return "source and destination differ in IP version";
    case endpoint_fault::path: return "the path must have 1 to 107 bytes";
    case endpoint_fault::name: return "the inproc name is empty";
    case endpoint_fault::reserved: return "the inproc name is reserved for the library";
    case endpoint_fault::character: return "it holds a control character";
    }
    return "";
}

/// What an error may show of an address nobody has checked yet.
[[nodiscard]] inline std::string printable(std::string_view text) {
    std::string shown{text.substr(0, longest_endpoint)};
    for (char& c : shown) {
        if (c < ' ' || c > '~') c = '?';
    }
    return shown;
}

/// What both kinds of endpoint hold.
class endpoint_text {
public:
    /// What libzmq is given, NUL-terminated; `curve://` has become `tcp://`.
    [[nodiscard]] constexpr const char* text() const noexcept { return text_; }
    [[nodiscard]] constexpr transport which() const noexcept { return which_; }
    /// The address is written as IPv6, in brackets; names may still resolve to it.
    [[nodiscard]] constexpr bool is_ipv6() const noexcept { return ipv6_; }
    /// The host, the port or the path is left to the system: for bind only.
    [[nodiscard]] constexpr bool is_wildcard() const noexcept { return wildcard_; }

    friend constexpr bool operator==(const endpoint_text& a, const endpoint_text& b) noexcept {
        return std::string_view{a.text_, a.size_} == std::string_view{b.text_, b.size_};
    }

    constexpr endpoint_text() noexcept = default;

    constexpr void take(const endpoint_parts& parts) noexcept {
        append(parts.scheme);
        append(parts.rest);
        which_ = parts.which;
        wildcard_ = parts.wildcard;
        ipv6_ = parts.ipv6;
    }

    [[nodiscard]] static endpoint_parts judged(std::string_view text, const transports& allowed, bool for_connect) {
        const endpoint_parts parts = judge_endpoint(text, allowed, for_connect);
        if (parts.fault != endpoint_fault::none)
            throw error{error::misuse, "endpoint " + printable(text), complaint(parts.fault)};
        return parts;
    }

private:
    constexpr void append(std::string_view part) noexcept {
        for (const char c : part) {
            if (size_ == longest_endpoint) return;
            text_[size_++] = c;
        }
    }

    char text_[longest_endpoint + 1] = {};
    std::size_t size_ = 0;
    transport which_ = transport::tcp;
    bool wildcard_ = false;
    bool ipv6_ = false;
};

} // namespace detail

/// Where a socket binds, over transports that its security policy protects.
///
/// `tcp://host:port` with a name, an interface, an IPv4 address, an IPv6 address in brackets, or `*` for any host; the
/// port is 1 to 65535, or `*` for any. `ipc://path` with a path, `@name` (abstract) or `*`. `inproc://name`. Where the
/// policy allows it, `curve://` and `gssapi://` are spellings of `tcp://`.
///
/// \tparam Set  What the policy protects; a server and its clients share it, so that an address passes between them.
/// \threads  A value.
/// \secrets  none
/// \maps     zmq_bind's address.
template <transports Set> class basic_endpoint {
public:
    /// Takes a literal, checked by the compiler.
    ///
    /// \param literal  For example "tcp://127.0.0.1:5555".
    template <std::size_t N>
    consteval basic_endpoint(const char (&literal)[N]) { // NOLINT(google-explicit-constructor): `bind("tcp://...")`
        const detail::endpoint_parts parts = detail::judge_endpoint({literal, N - 1}, Set, false);
        detail::refuse_literal(parts.fault);
        value_.take(parts);
    }
    template <std::convertible_to<std::string_view> Text, class Why = detail::text_becomes_an_endpoint_through_parse>
    basic_endpoint(const Text&) = delete;
    template <transports Other, class Why = detail::no_endpoint_of_another_security_policy>
    basic_endpoint(const basic_endpoint<Other>&) = delete;

    /// Takes an address that the program learns at run time, under the same rules.
    ///
    /// \param text  The address.
    /// \return      The endpoint.
    /// \throws      `error::misuse` with the address and the rule that it breaks.
    /// \threads  Any.
    /// \secrets  The address appears in the error.
    /// \maps     none
    [[nodiscard]] static basic_endpoint parse(std::string_view text) {
        basic_endpoint made;
        made.value_.take(detail::endpoint_text::judged(text, Set, false));
        return made;
    }

    /// What libzmq is given, NUL-terminated; `curve://` has become `tcp://`.
    [[nodiscard]] constexpr const char* text() const noexcept { return value_.text(); }
    /// Over what it goes.
    [[nodiscard]] constexpr transport which() const noexcept { return value_.which(); }
    /// The address is written as IPv6, in brackets; names may still resolve to it.
    [[nodiscard]] constexpr bool is_ipv6() const noexcept { return value_.is_ipv6(); }
    /// The host, the port or the path is left to the system: for bind only.
    [[nodiscard]] constexpr bool is_wildcard() const noexcept { return value_.is_wildcard(); }

    friend constexpr bool operator==(const basic_endpoint& a, const basic_endpoint& b) noexcept = default;

private:
    template <transports> friend class connect_endpoint;
    constexpr basic_endpoint() noexcept = default;

    detail::endpoint_text value_; // a member, not a base: Clang 14 crashes on a consteval constructor above a base
};

/// Where a socket connects to: as basic_endpoint, without wildcards.
///
/// tcp may name the address to connect from as well: `tcp://source:port;host:port`.
///
/// \tparam Set  What the policy protects.
/// \threads  A value.
/// \secrets  none
/// \maps     zmq_connect's address.
template <transports Set> class connect_endpoint {
public:
    /// Takes a literal, checked by the compiler.
    ///
    /// \param literal  For example "tcp://server.example:5555".
    template <std::size_t N>
    consteval connect_endpoint(const char (&literal)[N]) { // NOLINT(google-explicit-constructor)
        const detail::endpoint_parts parts = detail::judge_endpoint({literal, N - 1}, Set, true);
        detail::refuse_literal(parts.fault);
        value_.take(parts);
    }
    template <std::convertible_to<std::string_view> Text, class Why = detail::text_becomes_an_endpoint_through_parse>
    connect_endpoint(const Text&) = delete;
    template <transports Other, class Why = detail::no_endpoint_of_another_security_policy>
    connect_endpoint(const basic_endpoint<Other>&) = delete;

    /// Takes the address that a server was bound to.
    ///
    /// \param bound  The server's endpoint.
    /// \throws       `error::misuse` when it is a wildcard: ask the server for its last_endpoint().
    // NOLINTNEXTLINE(google-explicit-constructor)
    connect_endpoint(const basic_endpoint<Set>& bound) : value_{bound.value_} {
        if (bound.is_wildcard())
            throw error{error::misuse, std::string{"endpoint "} + bound.text(),
                        detail::complaint(detail::endpoint_fault::wildcard)};
    }

    /// Takes an address that the program learns at run time, under the same rules.
    ///
    /// \param text  The address.
    /// \return      The endpoint.
    /// \throws      `error::misuse` with the address and the rule that it breaks.
    /// \threads  Any.
    /// \secrets  The address appears in the error.
    /// \maps     none
    [[nodiscard]] static connect_endpoint parse(std::string_view text) {
        connect_endpoint made;
        made.value_.take(detail::endpoint_text::judged(text, Set, true));
        return made;
    }

    /// What libzmq is given, NUL-terminated; `curve://` has become `tcp://`.
    [[nodiscard]] constexpr const char* text() const noexcept { return value_.text(); }
    /// Over what it goes.
    [[nodiscard]] constexpr transport which() const noexcept { return value_.which(); }
    /// The address is written as IPv6, in brackets; names may still resolve to it.
    [[nodiscard]] constexpr bool is_ipv6() const noexcept { return value_.is_ipv6(); }

    friend constexpr bool operator==(const connect_endpoint& a, const connect_endpoint& b) noexcept = default;

private:
    constexpr connect_endpoint() noexcept = default;

    detail::endpoint_text value_; // as above
};

/// The endpoints of one security policy.
template <class Security> using endpoint = basic_endpoint<Security::protects>;

} // namespace ironhouse::inline IRONHOUSE_ABI

// SPDX-License-Identifier: MIT

/// \file
/// Addresses and domains from configuration, for every set of transports that a policy protects: held against a reader
/// that takes the text apart in another way and asks the C library about addresses.

#include "fuzz/property.hpp"

#include <ironhouse/core/domain.hpp>
#include <ironhouse/core/endpoint.hpp>
#include <ironhouse/insecure.hpp>
#include <ironhouse/security/curve.hpp>
#include <ironhouse/security/in_process.hpp>

#include <optional>
#include <string>
#include <vector>

#include <arpa/inet.h>

namespace {

using fuzzing::must;
namespace ih = ironhouse;

std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> parts{""};
    for (const char c : text) {
        if (c == at) {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    }
    return parts;
}

bool only(const std::string& text, std::string_view alphabet) {
    return text.find_first_not_of(alphabet) == std::string::npos;
}

constexpr std::string_view digits = "0123456789";
constexpr std::string_view in_names = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
constexpr std::string_view in_zones = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

bool naive_ipv4(const std::string& text) {
    in_addr ignored{};
    return text.find('\0') == std::string::npos && ::inet_pton(AF_INET, text.c_str(), &ignored) == 1;
}

bool naive_ipv6(const std::string& text) {
    const auto percent = text.find('%');
    const std::string address = text.substr(0, percent);
    if (percent != std::string::npos) {
        const std::string zone = text.substr(percent + 1);
        if (zone.empty() || zone.size() > 15 || !only(zone, in_zones)) return false;
    }
    in6_addr ignored{};
    return address.find('\0') == std::string::npos && ::inet_pton(AF_INET6, address.c_str(), &ignored) == 1;
}

// A resolver would take a text of numbers for an address, whatever it lacks: there it must be a complete one.
bool naive_name(const std::string& text) {
    if (text.size() > 253) return false;
    bool numbers = true;
    for (const auto& label : split(text, '.')) {
        if (label.empty() || label.size() > 63 || label[0] == '-' || !only(label, in_names)) return false;
        const bool hex = label.size() >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X');
        numbers = numbers && (hex || only(label, digits));
    }
    return !numbers || naive_ipv4(text);
}

struct address {
    std::string host;
    bool wildcard = false;
};

std::optional<address> naive_address(const std::string& text) {
    auto parts = split(text, ':');
    if (parts.size() < 2) return std::nullopt;
    const std::string port = parts.back();
    address found{text.substr(0, text.size() - port.size() - 1)};
    if (port == "*" || port == "0") {
        found.wildcard = true;
    } else if (port.empty() || port.size() > 5 || !only(port, digits) || port[0] == '0' || std::stoi(port) > 65535) {
        return std::nullopt;
    }
    if (found.host == "*") {
        found.wildcard = true;
    } else if (found.host.starts_with('[')) {
        if (!found.host.ends_with(']') || !naive_ipv6(found.host.substr(1, found.host.size() - 2))) return std::nullopt;
    } else if (!naive_name(found.host)) {
        return std::nullopt;
    }
    return found;
}

bool naive_tcp(const std::string& text, bool for_connect) {
    const auto parts = split(text, ';');
    if (parts.size() == 1) {
        const auto one = naive_address(text);
        return one && !(for_connect && one->wildcard);
    }
    if (parts.size() != 2 || !for_connect) return false;
    const auto from = naive_address(parts[0]);
    const auto to = naive_address(parts[1]);
    if (!from || !to || to->wildcard || from->host == "*") return false;
    const auto six = [](const address& one) { return one.host.starts_with('['); };
    return !(six(*from) && naive_ipv4(to->host)) && !(six(*to) && naive_ipv4(from->host));
}

bool naive_controls(const std::string& text) {
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 32 || c == 127) return true;
    }
    return false;
}

bool naive_endpoint(const std::string& text, const ih::transports& allowed, bool for_connect) {
    const auto slashes = text.find("://");
    if (text.size() > 256 || slashes == std::string::npos) return false;
    const std::string scheme = text.substr(0, slashes);
    const std::string rest = text.substr(slashes + 3);
    if (scheme == "tcp" || (scheme == "curve" && allowed.curve_spelling) ||
        (scheme == "gssapi" && allowed.gssapi_spelling)) {
        return allowed.tcp && naive_tcp(rest, for_connect);
    }
    if (rest.empty() || naive_controls(rest)) return false;
    if (scheme == "ipc") return allowed.ipc && rest.size() <= 107 && rest != "@" && !(for_connect && rest == "*");
    return scheme == "inproc" && allowed.inproc && !rest.starts_with("zeromq.") && !rest.starts_with("ironhouse-");
}

template <class Endpoint> std::optional<Endpoint> parsed(const std::string& text) {
    try {
        return Endpoint::parse(text);
    } catch (const ih::error& refused) {
        fuzzing::check_refusal(refused, ih::error::misuse);
        return std::nullopt;
    }
}

template <ih::transports Set> void check(const std::string& text) {
    const auto bound = parsed<ih::basic_endpoint<Set>>(text);
    const auto connected = parsed<ih::connect_endpoint<Set>>(text);
    must(bound.has_value() == naive_endpoint(text, Set, false), "what is bound to obeys the grammar, and nothing else");
    must(connected.has_value() == naive_endpoint(text, Set, true), "and what is connected to");

    const auto check_text = [&](const auto& endpoint) {
        const std::string given = endpoint.text();
        must(given.size() <= 256 && !naive_controls(given),
             "libzmq is given a bounded text without control characters");
        const auto which = endpoint.which();
        const std::string scheme = which == ih::transport::tcp   ? "tcp://"
                                   : which == ih::transport::ipc ? "ipc://"
                                                                 : "inproc://";
        must(given.starts_with(scheme), "of a transport that it knows");
        must(which == ih::transport::tcp   ? Set.tcp
             : which == ih::transport::ipc ? Set.ipc
                                           : Set.inproc,
             "and that the policy protects");
        must(given.substr(scheme.size()) == text.substr(text.find("://") + 3),
             "with everything else as it was written");
        must(endpoint.is_ipv6() == (which == ih::transport::tcp && given.find('[') != std::string::npos),
             "IPv6 is what stands in brackets");
        const auto again = parsed<std::remove_cvref_t<decltype(endpoint)>>(given);
        must(again && *again == endpoint, "what libzmq is given reads the same again");
    };
    if (connected) check_text(*connected);
    if (!bound) return;
    check_text(*bound);
    must(connected.has_value() != bound->is_wildcard(), "a server's address is its client's unless it is a wildcard");
    bool passed = true;
    try {
        const ih::connect_endpoint<Set> client{*bound};
        must(connected && client == *connected, "and the same one");
    } catch (const ih::error& refused) {
        fuzzing::check_refusal(refused, ih::error::misuse);
        passed = false;
    }
    must(passed != bound->is_wildcard(), "a wildcard is nothing to connect to");
}

void check_domain(const std::string& text) {
    bool good = !text.empty() && text.size() <= 64;
    for (const char c : text)
        good = good && c > ' ' && c <= '~' && std::string_view{"/#\"'`"}.find(c) == std::string::npos;
    try {
        must(ih::domain::from_config(text).text() == text && good, "a domain is the text it was given");
    } catch (const ih::error& refused) {
        fuzzing::check_refusal(refused, ih::error::misuse);
        must(!good, "every domain that obeys its rule is taken");
    }
}

constexpr ih::transports gssapi{.tcp = true, .ipc = false, .inproc = false, .gssapi_spelling = true};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text{fuzzing::as_text(data, size)};
    check<ih::curve_server::protects>(text);
    check<ih::in_process::protects>(text);
    check<ih::insecure::plaintext::protects>(text);
    check<gssapi>(text);
    check_domain(text);
    return 0;
}

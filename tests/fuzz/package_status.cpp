// SPDX-License-Identifier: MIT

/// \file
/// dpkg's status file and Debian's version texts: they decide whether a libzmq counts as patched. Held against a reader
/// that works by paragraphs, and against the laws of an order.

#include "fuzz/property.hpp"

#include <ironhouse/detail/installed_package.hpp>

#include <optional>
#include <string>
#include <vector>

namespace {

using fuzzing::must;
using ironhouse::detail::debian_version;
using ironhouse::detail::package_version;

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines{""};
    for (const char c : text) {
        if (c == '\n') {
            lines.emplace_back();
        } else {
            lines.back() += c;
        }
    }
    return lines;
}

// Versions of all complete paragraphs about the package; the last of equal fields counts.
std::optional<std::string> naive_version(std::string_view status, const std::string& package) {
    std::vector<std::string> versions;
    std::string name, state, version;
    auto lines = lines_of(status);
    lines.emplace_back();
    for (const auto& line : lines) {
        if (line.rfind("Package: ", 0) == 0) name = line.substr(9);
        if (line.rfind("Status: ", 0) == 0) state = line.substr(8);
        if (line.rfind("Version: ", 0) == 0) version = line.substr(9);
        if (!line.empty()) continue;
        const std::string ending = " ok installed";
        const bool installed = state.size() >= ending.size() && state.substr(state.size() - ending.size()) == ending;
        if (name == package && installed && !version.empty()) versions.push_back(version);
        name = state = version = "";
    }
    for (const auto& each : versions) {
        if (each != versions.front()) return std::nullopt;
    }
    return versions.empty() ? std::nullopt : std::optional{versions.front()};
}

void check_order(const std::string& a, const std::string& b, const std::string& c) {
    const debian_version x{a}, y{b}, z{c};
    must((x <=> x) == 0, "a version is equal to itself");
    must(((x <=> y) < 0) == ((y <=> x) > 0) && ((x <=> y) == 0) == ((y <=> x) == 0), "the order has two sides");
    must(!((x <=> y) <= 0 && (y <=> z) <= 0) || (x <=> z) <= 0, "and no circles");
    must(a.size() >= x.upstream().size() && a.find(x.upstream()) != std::string::npos, "upstream's part is a part");
    if (a.find_first_of(":-") == std::string::npos) {
        must(debian_version{a + "~"} < x, "a tilde comes before the version it follows");
        must(debian_version{a + "~"} < debian_version{a + "+"}, "and before everything else");
        must(debian_version{a + "-1"} < debian_version{a + "-2"}, "a later revision is later");
        must(x < debian_version{"1:" + a}, "an epoch outweighs everything");
        if (!a.empty() && a.front() >= '0' && a.front() <= '9')
            must((x <=> debian_version{"0" + a}) == 0, "a leading zero changes no number");
        if (!a.empty() && a.back() >= '0' && a.back() <= '9') {
            must(x < debian_version{a + "0"} || (x <=> debian_version{a + "0"}) == 0, "a longer number is not smaller");
        }
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = fuzzing::as_text(data, size);
    for (const char* package : {"libzmq5", "", "5"})
        must(package_version(input, package) == naive_version(input, package),
             "a version is read from its paragraph only");
    auto versions = lines_of(input.substr(0, 300));
    versions.resize(3);
    for (auto& version : versions) version.resize(version.size() < 80 ? version.size() : 80);
    check_order(versions[0], versions[1], versions[2]);
    return 0;
}

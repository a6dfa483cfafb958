// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What a key may do, as options: of keygen, which writes it into a new certificate, and of enroll, which writes it into the
/// server's copy.

#include "certificates.hpp"
#include "command.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>
#include <ironhouse/core/units.hpp>
#include <ironhouse/keys/address_range.hpp>
#include <ironhouse/keys/certificate.hpp>

namespace tool {

class terms_options {
public:
    void add_to(CLI::App& sub) {
        auto* const days = sub.add_option("--valid-days", valid_days_, "Refused by servers after so many days")
                               ->check(CLI::Range(1, 36'500));
        sub.add_option("--not-after", not_after_, "Refused by servers after this time (2027-01-31, UTC)")
            ->excludes(days);
        sub.add_option("--not-before", not_before_, "Refused by servers before this time");
        const auto list = [&sub](const char* name, std::vector<std::string>& into, const char* what) {
            sub.add_option(name, into, what)->allow_extra_args(false);
        };
        list("--role", roles_, "A role, in the application's words (may be repeated)");
        list("--from", from_, "Let in from these addresses only: 10.1.0.0/16 (may be repeated)");
        list("--domain", domains_, "Let in by servers of this domain only (may be repeated)");
        list("--pattern", patterns_, "Let in by servers' sockets of this pattern only: pull (may be repeated)");
        list("--topic", topics_, "May subscribe to what begins so, and to nothing else (may be repeated)");
        sub.add_option("--connections", connections_, "How many it may have on one socket at once")
            ->check(CLI::Range(1, static_cast<int>(ironhouse::detail::connections_limit)));
    }

    /// What was given takes the place of what was there.
    [[nodiscard]] ironhouse::certificate_terms applied_to(ironhouse::certificate_terms terms) const {
        if (!not_before_.empty()) terms.not_before = read_time(not_before_, "--not-before");
        if (!not_after_.empty()) terms.not_after = read_time(not_after_, "--not-after");
        if (valid_days_ > 0) terms.not_after = now() + std::chrono::days{valid_days_};
        if (!roles_.empty()) terms.roles = roles_;
        if (!from_.empty()) terms.from.clear();
        for (const std::string& range : from_) terms.from.push_back(ironhouse::address_range::parse(range));
        if (!domains_.empty()) terms.domains = domains_;
        if (!patterns_.empty()) terms.patterns = patterns_;
        if (!topics_.empty()) terms.topics = topics_;
        if (connections_ > 0) terms.connections = ironhouse::peers::from_config(connections_);
        return terms;
    }

private:
    static std::optional<std::chrono::sys_seconds> read_time(const std::string& text, const char* option) {
        const auto whole = text.size() == 10 ? text + "T00:00:00Z" : text; // a day alone begins at midnight, UTC
        const auto time = ironhouse::detail::parse_time(whole);
        if (!time)
            throw failure{fmt::format("{} {} is not a time", option, text),
                          "Write 2027-01-31 or 2027-01-31T12:00:00Z (UTC).", wrong_usage};
        return time;
    }

    std::string not_before_, not_after_;
    int valid_days_ = 0, connections_ = 0;
    std::vector<std::string> roles_, from_, domains_, patterns_, topics_;
};

/// What a certificate says that its key may do, for people: a name and a value each. What it does not say is left out.
template <class Line> void each_term(const ironhouse::certificate_terms& terms, const Line& line) {
    std::vector<std::string> ranges;
    for (const ironhouse::address_range& each : terms.from) ranges.push_back(each.text());
    if (!ranges.empty()) line("from", joined(ranges));
    if (terms.connections) line("connections", std::to_string(terms.connections->count()));
    if (!terms.domains.empty()) line("domains", joined(terms.domains));
    if (!terms.patterns.empty()) line("patterns", joined(terms.patterns));
    if (!terms.topics.empty()) line("topics", joined(terms.topics));
}

} // namespace tool

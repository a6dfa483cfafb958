// SPDX-License-Identifier: MIT

/// \file
/// `ironhouse audit`: which libzmq this is, what is compiled in, and which known weaknesses apply.

#include "certificates.hpp"
#include "command.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <dlfcn.h>
#include <fmt/core.h>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/installed_package.hpp>
#include <ironhouse/socket/advisory.hpp>
#include <nlohmann/json.hpp>
#include <sodium.h>
#include <zmq.h>
#include <zmq.hpp>

namespace ih = ironhouse;

namespace tool {

namespace {

struct audit_options {
    bool json = false;
    std::vector<std::string> accepted;
};

/// A table older than this has not heard of what was found since.
constexpr std::chrono::days table_is_old{180};

constexpr const char* capabilities[] = {"curve", "gssapi", "ipc", "tipc", "vmci", "norm", "pgm", "ws", "wss", "draft"};

struct judged_row {
    const ih::advisory::row* known;
    std::string_view verdict; // refuse, warn, accepted, with a feature
};

struct findings {
    ih::advisory::version libzmq = ih::advisory::version::loaded();
    std::string file = {};
    std::optional<std::string> package = ih::detail::installed_libzmq();
    std::vector<std::string> built_in = {};
    std::vector<judged_row> rows = {};
    bool curve = false;
    bool refused = false;
    std::chrono::days table_age{};
};

/// The file a function of libzmq was mapped from.
std::string loaded_file() {
    Dl_info where{};
    void* const symbol = ::dlsym(RTLD_DEFAULT, "zmq_version");
    if (symbol == nullptr || ::dladdr(symbol, &where) == 0 || where.dli_fname == nullptr) return "linked in";
    return where.dli_fname;
}

findings look(const audit_options& options) {
    for (const std::string& id : options.accepted)
        if (ih::advisory::find(id) == nullptr)
            throw failure{fmt::format("\"{}\" is not an id of the table", id), "Ids are those that audit prints.",
                          wrong_usage};
    findings found;
    found.file = loaded_file();
    for (const char* const what : capabilities)
        if (::zmq_has(what) != 0) found.built_in.emplace_back(what);
    found.curve = ::zmq_has("curve") != 0;

    const auto package = found.package ? std::optional<std::string_view>{*found.package} : std::nullopt;
    const auto applying = ih::advisory::applying(found.libzmq, package);
    ih::advisory::features everything{true, true, true, true, true};
    for (const auto& [known, act] : ih::advisory::applying(found.libzmq, package, everything)) {
        const bool at_once =
            std::any_of(applying.begin(), applying.end(), [row = known](const auto& f) { return f.known == row; });
        const bool accepted =
            std::find(options.accepted.begin(), options.accepted.end(), known->id) != options.accepted.end();
        std::string_view verdict = act == ih::advisory::action::refuse ? "refuse" : "warn";
        if (!at_once) verdict = "with a feature";
        if (accepted) verdict = "accepted";
        found.refused = found.refused || verdict == "refuse";
        found.rows.push_back({known, verdict});
    }
    // What acts at once comes first.
    std::stable_sort(found.rows.begin(), found.rows.end(), [](const judged_row& a, const judged_row& b) {
        const auto order = [](std::string_view verdict) {
            return verdict == "refuse" ? 0 : verdict == "warn" ? 1 : verdict == "accepted" ? 2 : 3;
        };
        return order(a.verdict) < order(b.verdict);
    });
    const auto dated = ih::detail::parse_time(std::string{ih::advisory::table_date()} + "T00:00:00Z");
    if (dated) found.table_age = std::chrono::floor<std::chrono::days>(now() - *dated);
    return found;
}

std::string sodium_text() { return ::sodium_version_string(); }
std::string compiled_for() { return fmt::format("{}.{}.{}", ZMQ_VERSION_MAJOR, ZMQ_VERSION_MINOR, ZMQ_VERSION_PATCH); }
std::string cppzmq_text() {
    return fmt::format("{}.{}.{}", CPPZMQ_VERSION_MAJOR, CPPZMQ_VERSION_MINOR, CPPZMQ_VERSION_PATCH);
}
std::string ironhouse_text() {
    return fmt::format("{}.{}.{}", IRONHOUSE_VERSION / 10'000, IRONHOUSE_VERSION / 100 % 100, IRONHOUSE_VERSION % 100);
}

void print(const findings& found) {
    const auto line = [](std::string_view what, std::string_view value) { fmt::print("{:<15}{}\n", what, value); };
    line("ironhouse", ironhouse_text());
    line("libzmq", fmt::format("{} ({}), headers {}", found.libzmq.text(), found.file, compiled_for()));
    line("package", found.package.value_or("unknown: no patch of a distribution is counted"));
    line("built in", joined(found.built_in));
    line("cppzmq", cppzmq_text());
    line("libsodium", sodium_text());
    line("table of", fmt::format("{}, {} days old", ih::advisory::table_date(), found.table_age.count()));
    if (found.table_age > table_is_old)
        fmt::print("{:<15}the table is older than {} days: update Ironhouse to learn what was found since\n", "",
                   table_is_old.count());
    fmt::print("\n");
    if (!found.curve) fmt::print("refuse         this libzmq was built without CURVE: no context starts\n");
    for (const auto& [known, verdict] : found.rows) {
        fmt::print("{:<15}{}{}{}\n", verdict, known->id, known->aliases.empty() ? "" : ", ", known->aliases);
        fmt::print("{:15}what      {}\n", "", known->effect);
        fmt::print("{:15}who       {}\n", "", known->precondition);
        fmt::print("{:15}affected  {}; fixed in {}; {}\n", "", known->affected, known->fixed_in, known->severity);
        fmt::print("{:15}here      {}\n", "", known->reason);
    }
    if (found.rows.empty()) fmt::print("no row of the table applies\n");
    fmt::print("\n{}\n", !found.curve || found.refused
                             ? "A context refuses this libzmq. Update it, or accept each id by name (context_options)."
                             : "A context starts on this libzmq. Rows \"with a feature\" matter once it is used.");
}

nlohmann::json as_json(const findings& found) {
    nlohmann::json rows = nlohmann::json::array();
    for (const auto& [known, verdict] : found.rows)
        rows.push_back({{"id", known->id},
                        {"aliases", known->aliases},
                        {"affected", known->affected},
                        {"fixed_in", known->fixed_in},
                        {"severity", known->severity},
                        {"effect", known->effect},
                        {"precondition", known->precondition},
                        {"verdict", verdict},
                        {"reason", known->reason}});
    return {{"ironhouse", ironhouse_text()},
            {"libzmq",
             {{"version", found.libzmq.text()},
              {"headers", compiled_for()},
              {"file", found.file},
              {"package", found.package ? nlohmann::json(*found.package) : nlohmann::json(nullptr)},
              {"built_in", found.built_in}}},
            {"cppzmq", cppzmq_text()},
            {"libsodium", sodium_text()},
            {"table",
             {{"date", ih::advisory::table_date()},
              {"age_days", found.table_age.count()},
              {"old", found.table_age > table_is_old}}},
            {"advisories", rows},
            {"refused", !found.curve || found.refused}};
}

int audit(const audit_options& options) {
    const findings found = look(options);
    if (options.json)
        fmt::print("{}\n", as_json(found).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    else
        print(found);
    return !found.curve || found.refused ? answer_is_no : done;
}

} // namespace

void add_audit(CLI::App& all, action& chosen) {
    auto* const sub = all.add_subcommand("audit", "Say which libzmq this is and which known weaknesses apply to it");
    const auto options = std::make_shared<audit_options>();
    sub->add_flag("--json", options->json, "As JSON");
    sub->add_option("--accept", options->accepted, "Count this id as known and accepted (may be repeated)");
    sub->footer(
        "It looks at the libzmq this command runs with: the system's. A program that brings its own asks its own\n"
        "context. Exit code 0: a context starts; 1: it refuses.");
    sub->callback([options, &chosen] { chosen = [options] { return audit(*options); }; });
}

} // namespace tool

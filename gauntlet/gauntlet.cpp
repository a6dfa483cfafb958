// SPDX-License-Identifier: MIT

/// \file
/// Runs every attack against two programs with the same job, one on bare cppzmq and one on Ironhouse, and shows what
/// came of it. Gauntlet.

#include "attacks.hpp"
#include "credentials.hpp"
#include "endurance.hpp"
#include "report.hpp"
#include "table.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fstream>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/chrono.h>
#include <fmt/core.h>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/installed_package.hpp>
#include <nlohmann/json.hpp>
#include <sodium.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <zmq.hpp>

namespace {

using namespace std::chrono_literals;
using gauntlet::cell;
using gauntlet::colour;
using gauntlet::finished_row;

/// What the compiler calls itself; Clang and GCC word it differently.
std::string compiler() {
#if defined(__clang__)
    return fmt::format("Clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#elif defined(__GNUC__)
    return fmt::format("GCC {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#else
    return "unknown";
#endif
}

/// The kernel and the processor's kind; never the machine's name.
std::string kernel() {
    utsname all{};
    return ::uname(&all) == 0 ? fmt::format("{} {} {}", all.sysname, all.release, all.machine) : "unknown";
}

std::string distribution() {
    constexpr std::string_view name = "PRETTY_NAME=";
    std::ifstream in{"/etc/os-release"};
    for (std::string line; std::getline(in, line);)
        if (line.starts_with(name)) {
            line.erase(0, name.size());
            std::erase(line, '"');
            return line;
        }
    return "unknown";
}

struct versions {
    std::string ironhouse =
        fmt::format("{}.{}.{}", IRONHOUSE_VERSION / 10'000, IRONHOUSE_VERSION / 100 % 100, IRONHOUSE_VERSION % 100);
    std::string libzmq = [] {
        const auto [major, minor, patch] = zmq::version();
        return fmt::format("{}.{}.{}", major, minor, patch);
    }();
    std::string cppzmq = fmt::format("{}.{}.{}", CPPZMQ_VERSION_MAJOR, CPPZMQ_VERSION_MINOR, CPPZMQ_VERSION_PATCH);
    std::string libsodium = ::sodium_version_string();
    std::string compiled_by = compiler();
    std::string on_kernel = kernel();
    std::string on_distribution = distribution();
    std::string libzmq_package = ironhouse::detail::installed_libzmq().value_or("");
};

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

volatile std::sig_atomic_t interrupted = 0;

/// Interrupted in the middle of an attack: the programs end with this process, and no key of theirs stays behind.
[[noreturn]] void leave_at_once(const gauntlet::surroundings& where, gauntlet::table& screen) {
    screen.erase();
    std::fflush(stdout);
    std::error_code ignored;
    std::filesystem::remove_all(where.scratch, ignored);
    fmt::print(stderr, "gauntlet: interrupted; both programs have ended with it, and nothing was written\n");
    std::_Exit(130);
}

/// Both programs meet the attack at the same time; the table moves meanwhile.
finished_row meet(const gauntlet::attack& what, const gauntlet::surroundings& where, gauntlet::table& screen) {
    const auto start = std::chrono::steady_clock::now();
    const auto against = [&](gauntlet::program which) {
        return std::async(std::launch::async, [&, which] { return run(what, which, where, start); });
    };
    auto bare = against(gauntlet::program::bare);
    auto ironhouse = against(gauntlet::program::ironhouse);
    const auto state = [](std::future<gauntlet::outcome>& f) {
        return f.wait_for(0s) == std::future_status::ready ? "done" : "under attack";
    };
    while (bare.wait_for(60ms) != std::future_status::ready || ironhouse.wait_for(60ms) != std::future_status::ready) {
        if (interrupted != 0) leave_at_once(where, screen);
        screen.progress(fmt::format("{:<25} bare {}, Ironhouse {}, {:.1f} s   ({})", what.id, state(bare),
                                    state(ironhouse), seconds_since(start), what.what));
    }
    if (interrupted != 0)
        leave_at_once(where, screen); // it reaches the programs too, and what they then do is no outcome
    return {&what, bare.get(), ironhouse.get(), seconds_since(start)};
}

void show(const finished_row& row, gauntlet::table& screen) {
    screen.row({cell{row.what->id, colour::strong}, cell{row.bare.text, row.bare.held ? colour::none : colour::bad},
                cell{row.ironhouse.held ? row.ironhouse.text : "NOT HELD: " + row.ironhouse.text,
                     row.ironhouse.held ? colour::good : colour::bad},
                cell{row.figure(), colour::none}});
}

[[noreturn]] void cannot_write(const std::string& file, int why) {
    throw std::runtime_error{fmt::format(
        "cannot write {}: {}; name a file in a folder that exists and may be written to", file, std::strerror(why))};
}

void write_file(const std::string& file, const std::string& text) {
    std::ofstream out{file, std::ios::binary | std::ios::trunc};
    if (!(out << text) || !out.flush()) cannot_write(file, errno);
}

/// Throws when it cannot be written. What is there stays: it may be the report of an earlier run.
void try_to_write(const std::string& file) {
    const bool is_new = !std::filesystem::exists(file);
    if (!std::ofstream{file, std::ios::binary | std::ios::app}) cannot_write(file, errno);
    if (is_new) std::filesystem::remove(file);
}

/// Samples as columns: one array each, since a row has hundreds.
nlohmann::json memory_of(const gauntlet::outcome& came) {
    auto all = nlohmann::json::array();
    for (const gauntlet::process_memory& process : came.memory) {
        nlohmann::json one{{"seconds", nlohmann::json::array()},
                           {"resident", nlohmann::json::array()},
                           {"space", nlohmann::json::array()},
                           {"peak", process.peak},
                           {"ended", process.ended ? nlohmann::json(*process.ended) : nlohmann::json{}}};
        for (const gauntlet::memory_sample& sample : process.samples) {
            one["seconds"].push_back(std::round(sample.seconds * 1000) / 1000);
            one["resident"].push_back(sample.resident);
            one["space"].push_back(sample.space);
        }
        all.push_back(std::move(one));
    }
    return all;
}

nlohmann::json honest_of(const gauntlet::outcome& came) {
    if (!came.honest) return nullptr;
    const auto figure = [](std::optional<double> ms) { return ms ? nlohmann::json(*ms) : nlohmann::json{}; };
    return {{"sent", came.honest->sent},
            {"delivered", came.honest->delivered},
            {"median_ms", figure(came.honest->median_ms)},
            {"p90_ms", figure(came.honest->p90_ms)}};
}

void write_json(const std::string& file, const std::vector<finished_row>& rows, const versions& with, bool held,
                double seconds, const std::string& date, const std::string& command) {
    nlohmann::json report{{"rows", nlohmann::json::array()},
                          {"held", held},
                          {"seconds", seconds},
                          {"date", date},
                          {"command", command},
                          {"versions",
                           {{"ironhouse", with.ironhouse},
                            {"libzmq", with.libzmq},
                            {"cppzmq", with.cppzmq},
                            {"libsodium", with.libsodium},
                            {"compiler", with.compiled_by},
                            {"kernel", with.on_kernel},
                            {"distribution", with.on_distribution}}}};
    for (const finished_row& row : rows)
        report["rows"].push_back(
            {{"id", row.what->id},
             {"threats", row.what->threats},
             {"attack", row.what->what},
             {"bare", row.bare.text},
             {"ironhouse", row.ironhouse.text},
             {"figure", row.figure()},
             {"held", row.ironhouse.held},
             {"seconds", row.seconds},
             {"bare_held", row.bare.held},
             {"honest", {{"bare", honest_of(row.bare)}, {"ironhouse", honest_of(row.ironhouse)}}},
             {"memory", {{"bare", memory_of(row.bare)}, {"ironhouse", memory_of(row.ironhouse)}}}});
    write_file(file, report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n');
}

std::vector<std::pair<std::string, std::string>> named(const versions& with) {
    return {{"Ironhouse", with.ironhouse},
            {"libzmq", with.libzmq_package.empty() ? with.libzmq
                                                   : fmt::format("{} (package {})", with.libzmq, with.libzmq_package)},
            {"cppzmq", with.cppzmq},
            {"libsodium", with.libsodium},
            {"Compiler", with.compiled_by},
            {"Kernel", with.on_kernel},
            {"Distribution", with.on_distribution},
            {"Processors", fmt::format("{}", std::thread::hardware_concurrency())}};
}

/// An attack by thousands of connections needs as many descriptors; the programs have their own limit.
void ask_for_descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = std::max(limit.rlim_cur, std::min<rlim_t>(limit.rlim_max, 16'384));
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

/// The rows again and again; ends with 0 when all of them held, nothing was lost, and nothing added up.
int run_endurance(const std::vector<const gauntlet::attack*>& rows, const gauntlet::surroundings& where, double minutes,
                  const std::string& json, gauntlet::table& screen) {
    screen.line(
        {"The same Ironhouse programs all the time; rows that end or change one have one of their own.", colour::none});
    const auto tick = [&](const std::string& text) {
        if (interrupted != 0) leave_at_once(where, screen);
        screen.progress(text);
    };
    const auto done = [&](const gauntlet::pass& it, std::size_t number) {
        screen.line({it.text(number), it.held_all() ? colour::none : colour::bad});
        for (const std::string& each : it.complaints) screen.line({"    NOT HELD: " + each, colour::bad});
    };
    const auto all = gauntlet::endure(rows, where, std::chrono::duration<double>{minutes * 60}, tick, done);
    gauntlet::pass sum;
    for (const gauntlet::pass& each : all) {
        sum.rows += each.rows;
        sum.held += each.held;
        sum.sent += each.sent;
        sum.delivered += each.delivered;
    }
    const std::string worse = all.back().worse_than(all.front());
    const bool held = sum.held_all() && worse.empty();
    screen.line({fmt::format("{} passes in {:.1f} min: held {} of {}; {} of {} honest orders arrived; {}", all.size(),
                             all.back().seconds / 60, sum.held, sum.rows, sum.delivered, sum.sent,
                             worse.empty() ? "nothing has added up since the first pass" : worse),
                 held ? colour::good : colour::bad});
    if (!json.empty()) {
        const auto of = [](const gauntlet::resting& it) {
            return nlohmann::json{{"resident", it.resident}, {"descriptors", it.descriptors}};
        };
        nlohmann::json report{{"held", held}, {"passes", nlohmann::json::array()}};
        for (const gauntlet::pass& each : all)
            report["passes"].push_back({{"seconds", each.seconds},
                                        {"rows", each.rows},
                                        {"held", each.held},
                                        {"sent", each.sent},
                                        {"delivered", each.delivered},
                                        {"sink", of(each.sink)},
                                        {"feed", of(each.feed)},
                                        {"complaints", each.complaints}});
        write_file(json, report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n');
    }
    return held ? 0 : 1;
}

void list() {
    for (const gauntlet::attack& what : gauntlet::all_attacks())
        fmt::print("{}  ({})\n    attack: {}\n    bare:   {}\n", what.id, what.threats, what.what, what.bare);
}

int run_gauntlet(int argc, char** argv) {
    CLI::App app{"The same attacks against a bare cppzmq program and an Ironhouse program with the same job."};
    std::string json;
    std::string page;
    std::vector<std::string> only;
    std::string programs = std::filesystem::canonical("/proc/self/exe").parent_path().string();
    std::optional<double> minutes;
    bool only_list = false;
    bool plain = false;
    app.add_option("--json", json, "Write the table, and memory over time, to this file as JSON");
    // The last one counts: scripts/demo names a file before the arguments it was given.
    app.add_option("--report", page, "Write a page with the table and a plot of memory for each attack to this file")
        ->take_last();
    app.add_option("--only", only, "Run only the row with this id (may be repeated)");
    app.add_option(
           "--endure", minutes,
           "Run the rows over and over for so many minutes, twice at least, against the same Ironhouse programs, "
           "and see whether anything adds up")
        ->check(CLI::Range(0.0, 1440.0));
    app.add_option("--programs", programs, "Folder of victim_bare and victim_ironhouse")->check(CLI::ExistingDirectory);
    app.add_flag("--list", only_list, "Say what each row tries, and what the bare program is; run nothing");
    app.add_flag("--plain", plain, "No colours and no moving line, as when the output is no terminal");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& asked) {
        return app.exit(asked) == 0 ? 0 : 2; // --help ends here as well
    }

    if (only_list) {
        list();
        return 0;
    }
    const auto all = gauntlet::all_attacks();
    std::vector<const gauntlet::attack*> chosen;
    for (const gauntlet::attack& what : all)
        if (only.empty() || std::find(only.begin(), only.end(), what.id) != only.end()) chosen.push_back(&what);
    for (const std::string& id : only)
        if (std::none_of(all.begin(), all.end(), [&](const auto& what) { return id == what.id; })) {
            fmt::print(stderr, "gauntlet: there is no row \"{}\"; --list names them\n", id);
            return 2;
        }

    for (const char* program : {"victim_bare", "victim_ironhouse"})
        if (!std::filesystem::exists(std::filesystem::path{programs} / program)) {
            fmt::print(stderr, "gauntlet: {}/{} is missing; build it, or name its folder with --programs\n", programs,
                       program);
            return 2;
        }

    const versions with;
    const std::string date = fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(std::time(nullptr)));
    std::string command = "./scripts/demo";
    for (const std::string& id : only) command += " --only " + id;
    // Before minutes are spent on figures that would have no place to go.
    for (const std::string& file : {json, page})
        if (!file.empty()) try_to_write(file);
    gauntlet::table screen{!plain};
    const gauntlet::scratch_folder scratch{std::filesystem::temp_directory_path()};
    const gauntlet::surroundings where{programs, scratch.path()};
    for (const int stop : {SIGINT, SIGTERM, SIGHUP}) std::signal(stop, [](int) { interrupted = 1; });
    if (minutes) return run_endurance(chosen, where, *minutes, json, screen);
    screen.line({fmt::format("Ironhouse {} and bare cppzmq {} on libzmq {}, libsodium {}", with.ironhouse, with.cppzmq,
                             with.libzmq, with.libsodium),
                 colour::none});
    screen.line(
        {"Same job, same attack; beside every attack an honest peer with its own key and address must be served.",
         colour::none});
    screen.line({"", colour::none});
    screen.head({cell{"attack", colour::strong}, cell{"bare cppzmq", colour::strong}, cell{"Ironhouse", colour::strong},
                 cell{"measured (bare / Ironhouse)", colour::strong}});

    const auto start = std::chrono::steady_clock::now();
    std::vector<finished_row> rows;
    for (const gauntlet::attack* what : chosen) {
        rows.push_back(meet(*what, where, screen));
        show(rows.back(), screen);
    }
    const auto count_held = [&](auto outcome_of) {
        return std::count_if(rows.begin(), rows.end(), [&](const finished_row& row) { return (row.*outcome_of).held; });
    };
    const auto held = count_held(&finished_row::ironhouse);
    const bool all_held = held == static_cast<std::ptrdiff_t>(rows.size());
    const double seconds = seconds_since(start);
    screen.line({"", colour::none});
    screen.line({fmt::format("Ironhouse held {} of {}, bare cppzmq {} of {}; {:.0f} s.", held, rows.size(),
                             count_held(&finished_row::bare), rows.size(), seconds),
                 all_held ? colour::good : colour::bad});
    if (!json.empty()) write_json(json, rows, with, all_held, seconds, date, command);
    if (!page.empty()) {
        write_file(page,
                   gauntlet::report_page(
                       {.rows = rows, .versions = named(with), .date = date, .command = command, .seconds = seconds}));
        screen.line({"report: " + page, colour::none});
    }
    return all_held ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    ask_for_descriptors();
    try {
        return run_gauntlet(argc, argv);
    } catch (const std::exception& problem) {
        fmt::print(stderr, "gauntlet: {}\n", problem.what());
        return 2;
    }
}

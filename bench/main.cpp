// SPDX-License-Identifier: MIT
//
// What Ironhouse costs beside the same work in plain C and with cppzmq: one row per question, each with its bar.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sodium.h>
#include <zmq.h>

#include "processes.hpp"
#include "statistics.hpp"

namespace {

using bench::interval;
using nlohmann::json;

struct settings {
    bool quick = false;
    std::string compiler = BENCH_COMPILER;
};

struct timing {
    double ratio = 0;
    interval of_ratio; // of Ironhouse against raw
    interval of_same;  // of raw against itself
};

struct row {
    std::string id;
    std::string unit;
    double value = 0;
    double baseline = 0;
    double ratio = 0;
    std::optional<double> bar = {};
    bool held = true;
    std::optional<double> cppzmq = {}; // the same work with cppzmq, in the same unit
    std::optional<timing> cpu = {};    // what the bar is for
    std::optional<timing> wall = {};
    double wall_value = 0, wall_baseline = 0;
};

double number_after(const std::string& text, const std::string& mark) {
    const auto at = text.find(mark);
    if (at == std::string::npos) throw std::runtime_error{"callgrind did not say what it counted:\n" + text};
    return std::stod(text.substr(at + mark.size()));
}

// ---- counted: the same on every machine with these libraries ---------------------------------------------------------

// Instructions of the thread that sends and receives, which is the program's first.
double count_of_thread_1(const std::string& program, const std::vector<std::string>& work) {
    const bench::scratch folder;
    const std::string out = folder.path() + "/counts";
    std::vector<std::string> command{"valgrind", "--tool=callgrind", "--separate-threads=yes",
                                     "--callgrind-out-file=" + out, program};
    command.insert(command.end(), work.begin(), work.end());
    (void)bench::output_of(command, 200);
    std::ifstream of_thread_1{out + "-01"};
    std::stringstream text;
    text << of_thread_1.rdbuf();
    return number_after(text.str(), "totals: ");
}

// Instructions per message, as the difference of two runs, so that start and end cancel out.
double instructions(const std::string& program, const std::string& size, const settings& how) {
    const int few = how.quick ? 1'000 : 10'000, many = how.quick ? 11'000 : 50'000;
    const auto count = [&](int messages) {
        return count_of_thread_1(program, {"inproc", std::to_string(messages), size});
    };
    return (count(many) - count(few)) / (many - few);
}

// Likewise over tcp and CURVE. How often the thread sleeps in between is the scheduler's choice and varies by two in a
// hundred, so of several runs that with the fewest counts.
double application_instructions(const std::string& program, const settings& how) {
    const int few = how.quick ? 1'000 : 4'000, many = how.quick ? 5'000 : 20'000, runs = how.quick ? 1 : 3;
    const auto fewest = [&](int messages) {
        double least = 0;
        for (int i = 0; i != runs; ++i) {
            const double count = count_of_thread_1(program, {"stream", std::to_string(messages), "1024"});
            if (i == 0 || count < least) least = count;
        }
        return least;
    };
    return (fewest(many) - fewest(few)) / (many - few);
}

// Instructions the compiler itself spends on one include, syntax only.
double parse_instructions(const std::string& header, const settings& how) {
    const bench::scratch folder;
    const std::string source = folder.path() + "/probe.cpp";
    std::ofstream{source} << "#include <" << header << ">\n";
    // The compiler proper is run by its driver; asked for the command, the driver prints it, quoted for a shell.
    std::vector<std::string> command{how.compiler, "-std=c++20", "-fsyntax-only", "-###", source};
    for (const std::string each : {BENCH_INCLUDES}) command.push_back("-I" + each);
    const std::string said = bench::output_of(command, 30);
    std::istringstream lines{said};
    for (std::string line; std::getline(lines, line);) {
        if (line.empty() || line.front() != ' ' || line.find("cc1plus") == std::string::npos) continue;
        return number_after(
            bench::output_of({"sh", "-c", "exec valgrind --tool=callgrind --callgrind-out-file=/dev/null " + line},
                             580),
            "Collected : ");
    }
    throw std::runtime_error{how.compiler + " does not say which compiler it runs: is it GCC?"};
}

row count_inproc(const char* id, const char* size, double bar, const settings& how) {
    row made{id, "instructions per message"};
    made.bar = bar;
    made.baseline = instructions(BENCH_RAW, size, how);
    made.cppzmq = instructions(BENCH_CPPZMQ, size, how);
    made.value = instructions(BENCH_HARDENED, size, how);
    made.ratio = made.value / made.baseline;
    made.held = made.ratio <= bar && made.value < *made.cppzmq;
    return made;
}

row count_application(const char* id, double bar, const settings& how) {
    row made{id, "instructions per message"};
    made.bar = bar;
    made.baseline = application_instructions(BENCH_RAW, how);
    made.cppzmq = application_instructions(BENCH_CPPZMQ, how);
    made.value = application_instructions(BENCH_HARDENED, how);
    made.ratio = made.value / made.baseline;
    made.held = made.ratio <= bar;
    return made;
}

double zmq_hpp(const settings& how) {
    static std::once_flag once;
    static double counted = 0;
    std::call_once(once, [&] { counted = parse_instructions("zmq.hpp", how); });
    return counted;
}

enum class first { baseline, value }; // two such rows side by side begin with different work

row count_parse(const char* id, const char* header, double bar, first begin, const settings& how) {
    row made{id, "million instructions"};
    made.bar = bar;
    if (begin == first::baseline) made.baseline = zmq_hpp(how) / 1e6;
    made.value = parse_instructions(header, how) / 1e6;
    made.baseline = zmq_hpp(how) / 1e6;
    made.ratio = made.value / made.baseline;
    made.held = made.ratio <= bar;
    return made;
}

// ---- timed: in turns, beside raw C against itself --------------------------------------------------------------------

timing compare(const std::vector<double>& raw, const std::vector<double>& raw_again, const std::vector<double>& ours) {
    std::vector<double> ratios, same;
    for (std::size_t i = 0; i != raw.size(); ++i) {
        ratios.push_back(ours[i] / raw[i]);
        same.push_back(raw_again[i] / raw[i]);
    }
    return {bench::median(ratios), bench::median_interval(ratios), bench::median_interval(same)};
}

// Judged by the median; the bar is widened by what this machine makes of no difference at all.
void judge(row& made, const std::vector<double>& raw, const std::vector<double>& raw_again,
           const std::vector<double>& ours, double scale) {
    made.cpu = compare(raw, raw_again, ours);
    made.value = bench::median(ours) / scale;
    made.baseline = bench::median(raw) / scale;
    made.ratio = made.cpu->ratio;
    if (made.bar) made.held = made.ratio <= *made.bar + made.cpu->of_same.half_width();
}

enum class what { cpu, trip };

row time_curve(const char* id, const std::vector<std::string>& work, what measured, std::optional<double> bar,
               const settings& how) {
    row made{id, measured == what::cpu ? "µs of CPU per message" : "µs per round trip"};
    made.bar = bar;
    const std::string programs[] = {BENCH_RAW, BENCH_HARDENED, BENCH_RAW, BENCH_CPPZMQ};
    std::vector<double> values[4], walls[4];
    const int rounds = how.quick ? 5 : 31;
    for (int round = 0; round != rounds; ++round) {
        for (int turn = 0; turn != 4; ++turn) {
            const int who = (turn + round) % 4; // nobody is always first
            std::vector<std::string> command{programs[who]};
            command.insert(command.end(), work.begin(), work.end());
            std::istringstream said{bench::output_of(command, 30)};
            double cpu = 0, wall = 0, trip = 0;
            if (!(said >> cpu >> wall >> trip)) throw std::runtime_error{programs[who] + " printed no figures"};
            values[who].push_back(measured == what::cpu ? cpu : trip);
            walls[who].push_back(wall);
        }
    }
    judge(made, values[0], values[2], values[1], 1e3);
    made.cppzmq = bench::median(values[3]) / 1e3;
    made.wall = compare(walls[0], walls[2], walls[1]);
    made.wall_value = bench::median(walls[1]) / 1e3;
    made.wall_baseline = bench::median(walls[0]) / 1e3;
    return made;
}

row time_open(const char* id, const settings& how) {
    row made{id, "µs per socket"};
    const json said =
        json::parse(bench::output_of({BENCH_MICRO, "--benchmark_filter=^open_socket/", "--benchmark_format=json",
                                      "--benchmark_enable_random_interleaving=true", "--benchmark_min_time=0.03",
                                      fmt::format("--benchmark_repetitions={}", how.quick ? 5 : 31)},
                                     200));
    std::map<std::string, std::map<int, double>> found;
    for (const auto& each : said.at("benchmarks")) {
        if (each.at("run_type") != "iteration") continue;
        found[each.at("run_name")][each.at("repetition_index")] = each.at("real_time").get<double>();
    }
    const auto in_turn = [&](const std::string& name) {
        std::vector<double> values;
        for (const auto& [index, value] : found[name + "/manual_time"]) values.push_back(value);
        if (values.empty()) throw std::runtime_error{"no figures for " + name};
        return values;
    };
    judge(made, in_turn("open_socket/raw"), in_turn("open_socket/raw_again"), in_turn("open_socket/ironhouse"), 1e3);
    return made;
}

// ---- what can be asked -----------------------------------------------------------------------------------------------

struct question {
    const char* id;
    const char* text;
    bool counted; // deterministic: may run beside others
    std::function<row(const settings&)> answer;
};

std::vector<question> questions() {
    const auto curve_cpu = [](const char* id, const char* messages, const char* size) {
        return [=](const settings& how) {
            const std::string count = how.quick ? "500" : messages;
            return time_curve(id, {"stream", count, size}, what::cpu, 1.02, how);
        };
    };
    return {
        {"instructions-32B", "in one thread over inproc, 32 bytes", true,
         [](const settings& how) { return count_inproc("instructions-32B", "32", 1.05, how); }},
        {"instructions-1KiB", "in one thread over inproc, 1 KiB", true,
         [](const settings& how) { return count_inproc("instructions-1KiB", "1024", 1.02, how); }},
        {"curve-app-instructions-1KiB", "the application's thread over tcp and CURVE, 1 KiB", true,
         [](const settings& how) { return count_application("curve-app-instructions-1KiB", 1.10, how); }},
        {"parse-socket", "the compiler, for socket/socket.hpp against zmq.hpp", true,
         [](const settings& how) {
             return count_parse("parse-socket", "ironhouse/socket/socket.hpp", 1.6, first::baseline, how);
         }},
        {"parse-umbrella", "the compiler, for ironhouse.hpp against zmq.hpp", true,
         [](const settings& how) {
             return count_parse("parse-umbrella", "ironhouse/ironhouse.hpp", 2.2, first::value, how);
         }},
        {"curve-cpu-32B", "all threads over tcp and CURVE, 32 bytes", false,
         curve_cpu("curve-cpu-32B", "100000", "32")},
        {"curve-cpu-1KiB", "all threads over tcp and CURVE, 1 KiB", false,
         curve_cpu("curve-cpu-1KiB", "30000", "1024")},
        {"curve-cpu-64KiB", "all threads over tcp and CURVE, 64 KiB", false,
         curve_cpu("curve-cpu-64KiB", "1200", "65536")},
        {"curve-latency-p50", "there and back over tcp and CURVE, 32 bytes, median", false,
         [](const settings& how) {
             return time_curve("curve-latency-p50", {"pingpong", how.quick ? "200" : "2000"}, what::trip, {}, how);
         }},
        {"open-socket", "a CURVE server socket, opened, checked and bound", false,
         [](const settings& how) { return time_open("open-socket", how); }},
    };
}

// ---- how it is told --------------------------------------------------------------------------------------------------

std::string figure(double value) {
    return value >= 100  ? fmt::format("{:.0f}", value)
           : value >= 10 ? fmt::format("{:.1f}", value)
                         : fmt::format("{:.2f}", value);
}

std::string shown(const interval& of) { return fmt::format("{:.3f} to {:.3f}", of.low, of.high); }

std::string shown(const std::optional<double>& value) { return value ? figure(*value) : "—"; }

std::string bar_of(const row& each) {
    if (!each.bar) return "—";
    return fmt::format("{:.2f}{}", *each.bar, each.cpu ? fmt::format(" + {:.3f}", each.cpu->of_same.half_width()) : "");
}

// What the figures depend on beside this library.
std::string measured_with(const settings& how) {
    std::string compiler = bench::output_of({how.compiler, "-dumpfullversion"}, 30);
    compiler.erase(compiler.find_last_not_of(" \n") + 1);
    int major = 0, minor = 0, patch = 0;
    zmq_version(&major, &minor, &patch);
    return fmt::format("libzmq {}.{}.{}, libsodium {}, GCC {}, {} processors", major, minor, patch,
                       sodium_version_string(), compiler, std::thread::hardware_concurrency());
}

void print(const std::vector<row>& rows, const std::string& with) {
    fmt::print("\n{:<28} {:>9} {:>9} {:>9} {:>7}  {:<13} {:<5} {}\n", "id", "ironhouse", "raw C", "cppzmq", "ratio",
               "bar", "held", "unit");
    for (const row& each : rows) {
        fmt::print("{:<28} {:>9} {:>9} {:>9} {:>7.3f}  {:<13} {:<5} {}\n", each.id, figure(each.value),
                   figure(each.baseline), shown(each.cppzmq), each.ratio, bar_of(each),
                   !each.bar   ? "—"
                   : each.held ? "yes"
                               : "NO",
                   each.unit);
        if (each.cpu)
            fmt::print("{:<28} ironhouse/raw {}, raw/raw {}\n", "", shown(each.cpu->of_ratio),
                       shown(each.cpu->of_same));
        if (each.wall)
            fmt::print("{:<28} wall time {} against {} µs: {:.3f}, {}; raw/raw {}\n", "", figure(each.wall_value),
                       figure(each.wall_baseline), each.wall->ratio, shown(each.wall->of_ratio),
                       shown(each.wall->of_same));
    }
    fmt::print("\nMeasured with {}.\n", with);
    fmt::print(
        "For parse-socket and parse-umbrella, \"raw C\" is cppzmq's zmq.hpp. How to read this: docs/benchmarks.md\n");
}

json as_json(const std::vector<row>& rows, const std::string& with) {
    const auto pair = [](const interval& of) { return json::array({of.low, of.high}); };
    json made = json::object();
    made["rows"] = json::array();
    made["with"] = with;
    for (const row& each : rows) {
        json one{{"id", each.id},       {"unit", each.unit}, {"value", each.value}, {"baseline", each.baseline},
                 {"ratio", each.ratio}, {"bar", nullptr},    {"held", each.held}};
        if (each.bar) one["bar"] = *each.bar;
        if (each.cppzmq) one["cppzmq"] = *each.cppzmq;
        if (each.cpu) {
            one["interval"] = pair(each.cpu->of_ratio);
            one["same_interval"] = pair(each.cpu->of_same);
            one["allowance"] = each.cpu->of_same.half_width();
        }
        if (each.wall)
            one["wall"] = {{"value", each.wall_value},
                           {"baseline", each.wall_baseline},
                           {"ratio", each.wall->ratio},
                           {"interval", pair(each.wall->of_ratio)},
                           {"same_interval", pair(each.wall->of_same)}};
        made["rows"].push_back(one);
    }
    return made;
}

std::string as_markdown(const std::vector<row>& rows, const std::string& with) {
    std::string made =
        "| id | unit | Ironhouse | raw C | cppzmq | ratio to raw C | bar |\n|---|---|---|---|---|---|---|\n";
    for (const row& each : rows) {
        const bool parses = each.id.starts_with("parse-");
        made += fmt::format("| `{}` | {} | {} | {} | {} | {:.3f}{} | {} |\n", each.id, each.unit, figure(each.value),
                            parses ? "—" : figure(each.baseline), parses ? figure(each.baseline) : shown(each.cppzmq),
                            each.ratio,
                            each.cpu ? fmt::format(" ({})", shown(each.cpu->of_ratio))
                            : parses ? " to `zmq.hpp`"
                                     : "",
                            bar_of(each));
    }
    return made + "\nMeasured with " + with + ".\n";
}

// Replaces what stands between the two marks, and writes the file anew.
void rewrite(const std::string& file, const std::string& table) {
    std::ifstream from{file};
    std::stringstream held;
    held << from.rdbuf();
    std::string text = held.str();
    const std::string first = "<!-- bench:begin -->\n", last = "<!-- bench:end -->";
    const auto begin = text.find(first);
    const auto end = text.find(last);
    if (begin == std::string::npos || end == std::string::npos || end < begin)
        throw std::runtime_error{
            file + " has no place for the table: it needs the lines <!-- bench:begin --> and <!-- bench:end -->"};
    text.replace(begin + first.size(), end - begin - first.size(), table);
    std::ofstream to{file};
    to << text;
    if (!to.flush()) throw std::runtime_error{"cannot write " + file};
}

std::vector<row> answer(const std::vector<question>& asked, const settings& how) {
    std::vector<std::optional<row>> found(asked.size());
    const auto begun = std::chrono::steady_clock::now();
    const auto seconds = [&] {
        return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begun).count();
    };
    std::size_t done = 0;
    std::mutex lock;
    const auto work = [&](std::size_t i) {
        {
            const std::lock_guard held{lock};
            fmt::print(stderr, "{:>4} s  {}: {} ...\n", seconds(), asked[i].id, asked[i].text);
        }
        found[i] = asked[i].answer(how);
        const std::lock_guard held{lock};
        fmt::print(stderr, "{:>4} s  {} done, {} of {}\n", seconds(), asked[i].id, ++done, asked.size());
    };
    // Counts are not disturbed by neighbours, and go two at a time, the longest first; clocks are, and have the machine to
    // themselves.
    std::vector<std::size_t> counted;
    for (const bool parses : {true, false})
        for (std::size_t i = 0; i != asked.size(); ++i)
            if (asked[i].counted && std::string_view{asked[i].id}.starts_with("parse-") == parses) counted.push_back(i);
    std::size_t next = 0;
    const auto take = [&] {
        for (;;) {
            std::size_t mine = 0;
            {
                const std::lock_guard held{lock};
                if (next == counted.size()) return;
                mine = counted[next++];
            }
            try {
                work(mine);
            } catch (...) {
                const std::lock_guard held{lock};
                next = counted.size(); // the other one need not go on
                throw;
            }
        }
    };
    if (!counted.empty()) fmt::print(stderr, "counting with callgrind, which is slow\n");
    auto beside = std::async(std::launch::async, take);
    if (std::thread::hardware_concurrency() > 1) take();
    beside.get();
    if (counted.size() != asked.size()) fmt::print(stderr, "timing\n");
    for (std::size_t i = 0; i != asked.size(); ++i)
        if (!asked[i].counted) work(i);
    std::vector<row> rows;
    for (auto& each : found) rows.push_back(std::move(*each));
    return rows;
}

} // namespace

int main(int argc, char** argv) try {
    CLI::App app{"Measures what Ironhouse costs, against raw libzmq in C and against cppzmq.", "scripts/bench"};
    settings how;
    std::vector<std::string> only;
    std::string json_file, readme;
    bool list = false;
    auto all = questions();
    std::vector<std::string> ids;
    for (const auto& each : all) ids.emplace_back(each.id);
    app.add_option("--only", only, "This row alone; may be repeated")
        ->check(CLI::IsMember(ids))
        ->expected(1)
        ->take_all();
    app.add_flag("--list", list, "Print the ids and what they measure, and end");
    app.add_option("--json", json_file, "Write the rows to this file as well");
    auto* const quick =
        app.add_flag("--quick", how.quick, "Fewer messages and rounds: shows that it works, decides little");
    app.add_option("--compiler", how.compiler, "The GCC whose work is counted for parse-*")->capture_default_str();
    app.add_option("--readme", readme, "Rewrite the table in this file from this run, which must be whole")
        ->excludes(quick);
    app.footer("Exit code: 0 when every bar is held, 1 when one is not, 2 when something could not be measured.");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& asked) {
        return app.exit(asked) == 0 ? 0 : 2; // --help ends here as well
    }
    if (list) {
        for (const auto& each : all) fmt::print("{:<28} {}\n", each.id, each.text);
        return 0;
    }
    if (!readme.empty() && !only.empty()) {
        fmt::print(stderr, "--readme needs every row; leave out --only\n");
        return 2;
    }
    if (!only.empty())
        std::erase_if(all,
                      [&](const question& each) { return std::find(only.begin(), only.end(), each.id) == only.end(); });
    const std::string with = measured_with(how);
    // Minutes later would be too late to hear it.
    if (!json_file.empty() && !std::ofstream{json_file, std::ios::app})
        throw std::runtime_error{"cannot write " + json_file};
    const auto rows = answer(all, how);
    print(rows, with);
    if (!json_file.empty()) {
        std::ofstream to{json_file};
        to << as_json(rows, with).dump(2) << '\n';
        if (!to.flush()) throw std::runtime_error{"cannot write " + json_file};
    }
    if (!readme.empty()) rewrite(readme, as_markdown(rows, with));
    return std::all_of(rows.begin(), rows.end(), [](const row& each) { return each.held; }) ? 0 : 1;
} catch (const std::exception& failed) {
    fmt::print(stderr, "scripts/bench: {}\n", failed.what());
    return 2;
}

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

// Something else that was timed in the same runs, and that nothing is judged by.
struct aside {
    std::string name; // "wall": per message; "cpu": per handshake
    timing compared;
    double value = 0, baseline = 0; // µs
};

enum class judged { by_ratio, by_value };

struct row {
    std::string id;
    std::string unit;
    double value = 0;
    double baseline = 0;
    double ratio = 0;
    std::optional<double> bar = {};
    bool held = true;
    std::optional<double> cppzmq = {}; // the same work with cppzmq, in the same unit
    std::optional<timing> timed = {};  // of the ratio
    std::optional<aside> beside = {};
    judged by = judged::by_ratio;
    std::string ours = "ironhouse", theirs = "raw";         // what value and baseline are of
    std::vector<std::pair<std::string, double>> parts = {}; // what the figure was made of
    std::string skipped = {};                               // why there are no figures
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

// Instructions per message, as the difference of two runs, so that start and end cancel out. What a thread has freed by the
// time that another begins decides what malloc() costs it from then on, so of several runs that with the fewest counts.
double instructions(const std::string& program, const std::string& size, const settings& how) {
    const int few = how.quick ? 1'000 : 10'000, many = how.quick ? 11'000 : 50'000;
    const auto fewest = [&](int messages) {
        double least = 0;
        for (int i = 0; i != 5; ++i) {
            const double count = count_of_thread_1(program, {"inproc", std::to_string(messages), size});
            if (i == 0 || count < least) least = count;
        }
        return least;
    };
    return (fewest(many) - fewest(few)) / (many - few);
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
    made.timed = compare(raw, raw_again, ours);
    made.value = bench::median(ours) / scale;
    made.baseline = bench::median(raw) / scale;
    made.ratio = made.timed->ratio;
    if (made.bar) made.held = made.ratio <= *made.bar + made.timed->of_same.half_width();
}

void set_beside(row& made, const char* name, const std::vector<double>& raw, const std::vector<double>& raw_again,
                const std::vector<double>& ours) {
    made.beside = {name, compare(raw, raw_again, ours), bench::median(ours) / 1e3, bench::median(raw) / 1e3};
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
    set_beside(made, "wall", walls[0], walls[2], walls[1]);
    return made;
}

// One process receives for three servers in turns: unguarded, guarded, and unguarded once more. The next one opens them
// in another order.
row time_guard(const char* id, const char* size, const settings& how) {
    row made{id, "µs of CPU per message"};
    made.bar = 1.03;
    made.ours = "guard on";
    made.theirs = "guard off";
    std::vector<double> values[3], walls[3];
    for (int first = 0; first != 3; ++first) {
        const std::string rounds = how.quick ? "2" : "21";
        std::istringstream said{bench::output_of({BENCH_HARDENED, "guard", rounds, size, std::to_string(first)}, 60)};
        double cpu[3], wall[3];
        while (said >> cpu[0] >> cpu[1] >> cpu[2] >> wall[0] >> wall[1] >> wall[2]) {
            for (int i = 0; i != 3; ++i) {
                values[i].push_back(cpu[i]);
                walls[i].push_back(wall[i]);
            }
        }
    }
    if (values[0].empty()) throw std::runtime_error{"bench_hardened guard printed no figures"};
    judge(made, values[0], values[2], values[1], 1e3);
    set_beside(made, "wall", walls[0], walls[2], walls[1]);
    return made;
}

struct served {
    double cpu = 0, wall = 0; // ns, each divided by the number of connections
};

served serve(const std::string& program, const std::vector<std::string>& work) {
    std::vector<std::string> command{program};
    command.insert(command.end(), work.begin(), work.end());
    std::istringstream said{bench::output_of(command, 60)};
    served got;
    if (!(said >> got.cpu >> got.wall)) throw std::runtime_error{program + " printed no figures"};
    return got;
}

// Judged by the worse of two runs, since the bar leaves room.
row time_idle(const char* id, const settings& how) {
    row made{id, "share of a core"};
    made.bar = 0.005;
    made.by = judged::by_value;
    const auto share = [&](const char* program) {
        const served got = serve(program, {"idle", "1000", how.quick ? "1" : "5"});
        return got.cpu / got.wall;
    };
    for (int round = 0; round != (how.quick ? 1 : 2); ++round) {
        made.value = std::max(made.value, share(BENCH_HARDENED));
        made.baseline = std::max(made.baseline, share(BENCH_RAW));
    }
    made.ratio = made.value / made.baseline;
    made.held = made.value <= *made.bar;
    return made;
}

row time_accept(const char* id, const settings& how) {
    row made{id, "handshakes per second"};
    const char* const programs[] = {BENCH_RAW, BENCH_HARDENED, BENCH_RAW};
    std::vector<double> rates[3], cpus[3];
    for (int round = 0; round != (how.quick ? 2 : 11); ++round) {
        for (int turn = 0; turn != 3; ++turn) {
            const int who = (turn + round) % 3;
            const served got = serve(programs[who], {"accept", how.quick ? "200" : "500", "100"});
            rates[who].push_back(1e9 / got.wall);
            cpus[who].push_back(got.cpu);
        }
    }
    judge(made, rates[0], rates[2], rates[1], 1);
    set_beside(made, "cpu", cpus[0], cpus[2], cpus[1]);
    return made;
}

// ---- hand-written peers, whose keys are among many ---------------------------------------------------------------------

#ifdef BENCH_DOOR_CZMQ
constexpr const char* door_czmq = BENCH_DOOR_CZMQ;
constexpr const char* czmq_version = BENCH_CZMQ_VERSION;
#else
constexpr const char* door_czmq = nullptr;
constexpr const char* czmq_version = nullptr;
#endif

constexpr const char* many_keys = "100000";

struct door {
    const char* program;
    const char* mode;
    const char* name;
};

row without_czmq(const char* id) {
    row made{id, "µs of CPU per handshake"};
    made.skipped = "CZMQ was not there when this was built (Debian: libczmq-dev)";
    return made;
}

// Servers that take handshakes in turns: theirs, ours, and theirs once more. The next time they are other processes.
row time_handshakes(const char* id, const door& ours, const door& theirs, double bar, const settings& how) {
    if (theirs.program == nullptr) return without_czmq(id);
    row made{id, "µs of CPU per handshake"};
    made.bar = bar;
    made.ours = ours.name;
    made.theirs = theirs.name;
    std::vector<double> values[3], waits[3];
    for (int again = 0; again != (how.quick ? 1 : 3); ++again) {
        std::istringstream said{
            bench::output_of({BENCH_VISITORS, "handshakes", how.quick ? "3" : "25", how.quick ? "20" : "40", many_keys,
                              "1", theirs.program, theirs.mode, ours.program, ours.mode, theirs.program, theirs.mode},
                             120)};
        double cpu[3], wait[3];
        while (said >> cpu[0] >> cpu[1] >> cpu[2] >> wait[0] >> wait[1] >> wait[2]) {
            for (int i = 0; i != 3; ++i) {
                values[i].push_back(cpu[i]);
                waits[i].push_back(wait[i]);
            }
        }
    }
    if (values[0].empty()) throw std::runtime_error{"bench_visitors handshakes printed no figures"};
    judge(made, values[0], values[2], values[1], 1e3);
    set_beside(made, "wait", waits[0], waits[2], waits[1]);
    return made;
}

// A store whose every look takes a second is not asked often; that it might be chance is out of the question.
row time_folder(const char* id, const settings&) {
    if (door_czmq == nullptr) return without_czmq(id);
    row made{id, "µs of CPU per handshake"};
    made.bar = 1.0;
    made.theirs = "zauth with a folder";
    std::istringstream said{bench::output_of(
        {BENCH_VISITORS, "handshakes", "3", "2", many_keys, "1", door_czmq, "directory", BENCH_DOOR, "ring"}, 290)};
    std::vector<double> values[2];
    double cpu[2], wait[2];
    while (said >> cpu[0] >> cpu[1] >> wait[0] >> wait[1])
        for (int i = 0; i != 2; ++i) values[i].push_back(cpu[i] / 1e3);
    if (values[0].empty()) throw std::runtime_error{"bench_visitors handshakes printed no figures"};
    made.value = bench::median(values[1]);
    made.baseline = bench::median(values[0]);
    made.ratio = made.value / made.baseline;
    made.held = made.ratio <= *made.bar;
    return made;
}

double percentile(std::vector<double> values, std::size_t percent) {
    std::sort(values.begin(), values.end());
    return values.at((values.size() * percent + 99) / 100 - 1);
}

// The pattern that takes longest counts.
row time_revoke(const char* id, const settings& how) {
    row made{id, "ms"};
    made.bar = made.baseline = 1'000;
    made.by = judged::by_value;
    made.theirs = "the bar";
    double wrongly_cut = 0, samples = 0;
    for (const std::string pattern : {"pull", "router", "pub"}) {
        std::istringstream said{bench::output_of(
            {BENCH_VISITORS, "revoke", how.quick ? "1" : "5", "1000", "100", BENCH_DOOR, pattern}, 120)};
        std::vector<double> waits;
        for (double each = 0; said >> each;) waits.push_back(each / 1e6);
        if (waits.size() < 101) throw std::runtime_error{"bench_visitors revoke printed no figures"};
        wrongly_cut += waits.back() * 1e6;
        waits.pop_back();
        samples += static_cast<double>(waits.size());
        made.parts.emplace_back(pattern, percentile(waits, 99));
        made.parts.emplace_back(pattern + " median", bench::median(waits));
        made.value = std::max(made.value, percentile(waits, 99));
    }
    made.parts.emplace_back("samples", samples);
    made.parts.emplace_back("others cut", wrongly_cut);
    made.ratio = made.value / made.baseline;
    made.held = made.value <= *made.bar && wrongly_cut <= 0;
    return made;
}

// How long a peer waits while 100,000 certificates are read again, beside how long it waits otherwise.
row time_reload(const char* id, const settings& how) {
    row made{id, "ms until a peer is let in, 9 of 10"};
    made.bar = 2.0;
    made.ours = "meanwhile";
    made.theirs = "calm";
    std::istringstream said{bench::output_of(
        {BENCH_VISITORS, "reload", how.quick ? "1" : "3", "200", many_keys, BENCH_DOOR, "directory"}, 250)};
    std::vector<double> calm, meanwhile, ratios, took;
    double before = 0, during = 0, all = 0;
    while (said >> before >> during >> all) {
        calm.push_back(before / 1e6);
        meanwhile.push_back(during / 1e6);
        ratios.push_back(during / before);
        took.push_back(all / 1e6);
    }
    if (ratios.empty()) throw std::runtime_error{"bench_visitors reload printed no figures"};
    made.value = bench::median(meanwhile);
    made.baseline = bench::median(calm);
    made.ratio = bench::median(ratios);
    made.held = made.ratio <= *made.bar;
    made.parts.emplace_back("from the change to its effect", bench::median(took));
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
        {"guard-overhead", "a receiver over tcp and CURVE with the guard and without, 32 bytes", false,
         [](const settings& how) { return time_guard("guard-overhead", "32", how); }},
        {"guard-overhead-1KiB", "the same with 1 KiB", false,
         [](const settings& how) { return time_guard("guard-overhead-1KiB", "1024", how); }},
        {"idle-1000", "a server with 1,000 connections that say nothing", false,
         [](const settings& how) { return time_idle("idle-1000", how); }},
        {"accept-rate", "CURVE handshakes that a server takes, in bursts of 100 clients", false,
         [](const settings& how) { return time_accept("accept-rate", how); }},
        {"handshake-100k", "a handshake with 100,000 keys in the ring, and with every key let in", false,
         [](const settings& how) {
             return time_handshakes("handshake-100k", {BENCH_DOOR, "ring", "ring"}, {BENCH_DOOR, "any", "any client"},
                                    1.03, how);
         }},
        {"handshake-vs-czmq", "the same beside CZMQ's zauth, with 100,000 certificates in memory", false,
         [](const settings& how) {
             return time_handshakes("handshake-vs-czmq", {BENCH_DOOR, "ring", "ironhouse"},
                                    {door_czmq, "inserted", "zauth"}, 1.0, how);
         }},
        {"handshake-vs-czmq-folder", "the same beside zauth with 100,000 certificates in a folder", false,
         [](const settings& how) { return time_folder("handshake-vs-czmq-folder", how); }},
        {"reload-100k", "a handshake while 100,000 certificates are read again", false,
         [](const settings& how) { return time_reload("reload-100k", how); }},
        {"revoke-p99", "1,000 connections, of which 100 lose their keys: until theirs have ended", false,
         [](const settings& how) { return time_revoke("revoke-p99", how); }},
    };
}

// ---- how it is told --------------------------------------------------------------------------------------------------

std::string figure(double value) {
    return value >= 100                 ? fmt::format("{:.0f}", value)
           : value >= 10                ? fmt::format("{:.1f}", value)
           : value >= 0.1 || value <= 0 ? fmt::format("{:.2f}", value)
                                        : fmt::format("{:.5f}", value);
}

std::string shown(const interval& of) { return fmt::format("{:.3f} to {:.3f}", of.low, of.high); }

std::string shown(const std::optional<double>& value) { return value ? figure(*value) : "—"; }

std::string bar_of(const row& each) {
    if (!each.bar) return "—";
    if (each.by == judged::by_value) return fmt::format("{} {}", *each.bar, each.unit);
    return fmt::format("{:.2f}{}", *each.bar,
                       each.timed ? fmt::format(" + {:.3f}", each.timed->of_same.half_width()) : "");
}

// What the figures depend on beside this library.
std::string measured_with(const settings& how) {
    std::string compiler = bench::output_of({how.compiler, "-dumpfullversion"}, 30);
    compiler.erase(compiler.find_last_not_of(" \n") + 1);
    int major = 0, minor = 0, patch = 0;
    zmq_version(&major, &minor, &patch);
    return fmt::format("libzmq {}.{}.{}, libsodium {},{} GCC {}, {} processors", major, minor, patch,
                       sodium_version_string(), czmq_version == nullptr ? "" : fmt::format(" CZMQ {},", czmq_version),
                       compiler, std::thread::hardware_concurrency());
}

void print(const std::vector<row>& rows, const std::string& with) {
    fmt::print("\n{:<28} {:>9} {:>9} {:>9} {:>7}  {:<13} {:<5} {}\n", "id", "ironhouse", "raw C", "cppzmq", "ratio",
               "bar", "held", "unit");
    for (const row& each : rows) {
        if (!each.skipped.empty()) {
            fmt::print("{:<28} skipped: {}\n", each.id, each.skipped);
            continue;
        }
        fmt::print("{:<28} {:>9} {:>9} {:>9} {:>7.3f}  {:<13} {:<5} {}\n", each.id, figure(each.value),
                   figure(each.baseline), shown(each.cppzmq), each.ratio, bar_of(each),
                   !each.bar   ? "—"
                   : each.held ? "yes"
                               : "NO",
                   each.unit);
        if (each.timed)
            fmt::print("{:<28} {}/{} {}, {}/{} {}\n", "", each.ours, each.theirs, shown(each.timed->of_ratio),
                       each.theirs, each.theirs, shown(each.timed->of_same));
        if (each.beside)
            fmt::print("{:<28} {} time {} against {} µs: {:.3f}, {}; {}/{} {}\n", "",
                       each.beside->name == "cpu" ? "CPU" : each.beside->name, figure(each.beside->value),
                       figure(each.beside->baseline), each.beside->compared.ratio,
                       shown(each.beside->compared.of_ratio), each.theirs, each.theirs,
                       shown(each.beside->compared.of_same));
        if (!each.parts.empty()) {
            std::string all;
            for (const auto& [name, value] : each.parts)
                all += fmt::format("{}{} {:.0f}", all.empty() ? "" : ", ", name, value);
            fmt::print("{:<28} {}\n", "", all);
        }
    }
    fmt::print("\nMeasured with {}.\n", with);
    fmt::print(
        "For parse-*, \"raw C\" is cppzmq's zmq.hpp; for guard-*, it is Ironhouse with the guard off; for handshake-*, "
        "Ironhouse that lets in every key, or CZMQ; for reload-100k, calm; for revoke-p99, the bar. Of accept-rate, "
        "more is better.\n"
        "How to read this: docs/benchmarks.md\n");
}

json as_json(const std::vector<row>& rows, const std::string& with) {
    const auto pair = [](const interval& of) { return json::array({of.low, of.high}); };
    json made = json::object();
    made["rows"] = json::array();
    made["with"] = with;
    for (const row& each : rows) {
        if (!each.skipped.empty()) {
            made["rows"].push_back(
                {{"id", each.id}, {"unit", each.unit}, {"held", nullptr}, {"skipped", each.skipped}});
            continue;
        }
        json one{{"id", each.id},       {"unit", each.unit}, {"value", each.value}, {"baseline", each.baseline},
                 {"ratio", each.ratio}, {"bar", nullptr},    {"held", each.held}};
        if (each.bar) one["bar"] = *each.bar;
        if (each.by == judged::by_value) one["judged_by"] = "value";
        if (each.cppzmq) one["cppzmq"] = *each.cppzmq;
        if (each.timed) {
            one["interval"] = pair(each.timed->of_ratio);
            one["same_interval"] = pair(each.timed->of_same);
            one["allowance"] = each.timed->of_same.half_width();
        }
        if (each.beside)
            one[each.beside->name] = {{"value", each.beside->value},
                                      {"baseline", each.beside->baseline},
                                      {"ratio", each.beside->compared.ratio},
                                      {"interval", pair(each.beside->compared.of_ratio)},
                                      {"same_interval", pair(each.beside->compared.of_same)}};
        for (const auto& [name, value] : each.parts) one["parts"][name] = value;
        made["rows"].push_back(one);
    }
    return made;
}

std::string as_markdown(const std::vector<row>& rows, const std::string& with) {
    std::string made =
        "| id | unit | Ironhouse | raw C | cppzmq | ratio to raw C | bar |\n|---|---|---|---|---|---|---|\n";
    for (const row& each : rows) {
        const bool parses = each.id.starts_with("parse-"), against_raw = !parses && each.theirs == "raw";
        made +=
            fmt::format("| `{}` | {} | {} | {} | {} | {:.3f}{}{} | {} |\n", each.id, each.unit, figure(each.value),
                        against_raw ? figure(each.baseline) : "—", parses ? figure(each.baseline) : shown(each.cppzmq),
                        each.ratio, each.timed ? fmt::format(" ({})", shown(each.timed->of_ratio)) : "",
                        parses        ? " to `zmq.hpp`"
                        : against_raw ? ""
                                      : fmt::format(" to {}, {}", figure(each.baseline), each.theirs),
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
    if (!readme.empty() && door_czmq == nullptr) {
        fmt::print(stderr, "--readme needs every row; {}\n", without_czmq("").skipped);
        return 2;
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
    if (std::all_of(rows.begin(), rows.end(), [](const row& each) { return !each.skipped.empty(); })) return 2;
    return std::all_of(rows.begin(), rows.end(), [](const row& each) { return each.held; }) ? 0 : 1;
} catch (const std::exception& failed) {
    fmt::print(stderr, "scripts/bench: {}\n", failed.what());
    return 2;
}

// SPDX-License-Identifier: MIT

/// \file
/// The command `ironhouse`: keys, certificates, and doubts about endpoints. Tools.

#include "command.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>
#include <sys/resource.h>

namespace {

/// Who must act on an error, in words.
const char* advice(ironhouse::error::kind why) {
    using kind = ironhouse::error::kind;
    switch (why) {
    case kind::misuse: return "Change the argument; ironhouse SUBCOMMAND --help says what is taken.";
    case kind::rejected: return "Nothing was changed. Correct the file, or choose another.";
    case kind::exhausted: return "Free space or memory, then run it again.";
    case kind::unavailable: return "This machine cannot do it as it is; see docs/tools.md.";
    case kind::closing: return "Run it again.";
    }
    return "";
}

} // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN); // the write then fails, and what was begun is taken back
    constexpr rlimit nothing{0, 0};
    (void)::setrlimit(RLIMIT_CORE, &nothing); // secrets pass through here
    CLI::App app{"Keys and certificates for ZeroMQ's CURVE, and answers to \"is it really on?\""};
    app.name("ironhouse");
    app.require_subcommand(1);
    app.set_version_flag("--version", fmt::format("ironhouse {}.{}.{}", IRONHOUSE_VERSION / 10'000,
                                                  IRONHOUSE_VERSION / 100 % 100, IRONHOUSE_VERSION % 100));
    app.footer("Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 could not be done; probe has more.");
    tool::action chosen;
    tool::add_keygen(app, chosen);
    tool::add_show(app, chosen);
    tool::add_enroll(app, chosen);
    tool::add_probe(app, chosen);
    tool::add_audit(app, chosen);
    tool::add_proxy(app, chosen);
    try {
        app.parse(argc, argv);
        const int code = chosen();
        if (std::fflush(stdout) != 0) throw tool::failure{"the output could not be written"};
        return code;
    } catch (const CLI::ParseError& wrong) {
        return app.exit(wrong) == 0 ? tool::done : tool::wrong_usage;
    } catch (const tool::failure& why) {
        fmt::print(stderr, "ironhouse: {}\n", why.what());
        if (!why.next().empty()) fmt::print(stderr, "  {}\n", why.next());
        return why.code();
    } catch (const ironhouse::error& why) {
        fmt::print(stderr, "ironhouse: {}\n  {}\n", why.what(), advice(why.why()));
        return why.why() == ironhouse::error::misuse ? tool::wrong_usage : tool::failed;
    } catch (const std::exception& why) {
        fmt::print(stderr, "ironhouse: {}\n", why.what());
        return tool::failed;
    }
}

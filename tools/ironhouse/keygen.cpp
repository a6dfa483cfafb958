// SPDX-License-Identifier: MIT

/// \file
/// `ironhouse keygen`: a new key pair in the two files that CZMQ and pyzmq read too.

#include "certificates.hpp"
#include "command.hpp"
#include "passphrase.hpp"

#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/core.h>
#include <ironhouse/keys/certificate.hpp>
#include <sys/stat.h>
#include <unistd.h>

namespace ih = ironhouse;

namespace tool {

namespace {

struct keygen_options {
    std::string name;
    std::string directory = ".";
    std::string not_before, not_after;
    int valid_days = 0;
    std::vector<std::string> roles;
    passphrase_options passphrase;
};

void require_absent(const std::string& path) {
    struct ::stat found {};
    if (::lstat(path.c_str(), &found) == 0)
        throw failure{fmt::format("{} exists; keys are never overwritten", path),
                      "Choose another name, or move the file away: it may be the only copy of somebody's identity."};
    const int code = errno;
    if (code != ENOENT)
        throw failure{fmt::format("cannot look at {}: {}", path, std::generic_category().message(code)),
                      "The folder must exist and be yours to write."};
}

std::optional<std::chrono::sys_seconds> read_time(const std::string& text, const char* option) {
    if (text.empty()) return std::nullopt;
    const auto whole = text.size() == 10 ? text + "T00:00:00Z" : text; // a day alone begins at midnight, UTC
    const auto time = ih::detail::parse_time(whole);
    if (!time)
        throw failure{fmt::format("{} {} is not a time", option, text),
                      "Write 2027-01-31 or 2027-01-31T12:00:00Z (UTC).", wrong_usage};
    return time;
}

ih::certificate_terms terms_of(const keygen_options& options) {
    ih::certificate_terms terms;
    terms.not_before = read_time(options.not_before, "--not-before");
    terms.not_after = read_time(options.not_after, "--not-after");
    if (options.valid_days > 0) terms.not_after = now() + std::chrono::days{options.valid_days};
    terms.roles = options.roles;
    return terms;
}

int keygen(const keygen_options& options) {
    require_file_name(options.name);
    const std::string secret_file = in_folder(options.directory, options.name + ".key_secret");
    const std::string public_file = in_folder(options.directory, options.name + ".key");
    require_absent(secret_file);
    require_absent(public_file);

    const auto made = ih::certificate::generate(options.name, terms_of(options));
    std::optional<ih::secret_text> text;
    if (options.passphrase.given()) text = options.passphrase.read(true);
    const uninterrupted both_or_neither;
    if (text) {
        made.save(secret_file, ih::passphrase{text->expose_line()});
    } else {
        made.save(secret_file);
    }
    try {
        made.save_public(public_file);
    } catch (...) {
        ::unlink(secret_file.c_str()); // both or neither; this one was ours a moment ago
        throw;
    }

    const auto& cert = made.public_part();
    fmt::print("{:<13}{}{}\n", "secret", secret_file, options.passphrase.given() ? "   (sealed)" : "");
    fmt::print("{:<13}{}\n", "public", public_file);
    fmt::print("{:<13}{}\n", "public key", cert.key().z85());
    fmt::print("{:<13}{}\n", "fingerprint", cert.fingerprint());
    if (cert.not_after()) fmt::print("{:<13}{}\n", "not after", ih::detail::time_text(*cert.not_after()));
    fmt::print("\n{} stays on this machine. Give {} to the other end by a way you trust, and compare the\n"
               "fingerprint with a person there.\n",
               secret_file, public_file);
    if (options.passphrase.given())
        fmt::print("Sealed files are read by Ironhouse only; CZMQ and pyzmq find no key in them.\n");
    return done;
}

} // namespace

void add_keygen(CLI::App& all, action& chosen) {
    auto* const sub =
        all.add_subcommand("keygen", "Make a key pair: NAME.key for others, NAME.key_secret for its owner");
    const auto options = std::make_shared<keygen_options>();
    sub->add_option("NAME", options->name, "Who it is: 1 to 64 printable characters, without quotes, '#' and '/'")
        ->required();
    sub->add_option("--directory,-d", options->directory, "Where both files go")->capture_default_str();
    auto* const days = sub->add_option("--valid-days", options->valid_days, "Refused by servers after so many days")
                           ->check(CLI::Range(1, 36'500));
    sub->add_option("--not-after", options->not_after, "Refused by servers after this time (2027-01-31, UTC)")
        ->excludes(days);
    sub->add_option("--not-before", options->not_before, "Refused by servers before this time");
    sub->add_option("--role", options->roles, "A role, in the application's words (may be repeated)");
    options->passphrase.add_to(*sub, "that seals the secret file");
    sub->footer("Neither file is ever overwritten. Secrets get mode 0600, whatever the umask.");
    sub->callback([options, &chosen] { chosen = [options] { return keygen(*options); }; });
}

} // namespace tool

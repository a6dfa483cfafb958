// SPDX-License-Identifier: MIT

/// \file
/// `ironhouse keygen`: a new key pair in the two files that CZMQ and pyzmq read too.

#include "certificates.hpp"
#include "command.hpp"
#include "passphrase.hpp"
#include "terms.hpp"

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

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
    terms_options terms;
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

int keygen(const keygen_options& options) {
    require_file_name(options.name);
    const std::string secret_file = in_folder(options.directory, options.name + ".key_secret");
    const std::string public_file = in_folder(options.directory, options.name + ".key");
    require_absent(secret_file);
    require_absent(public_file);

    const auto made = ih::certificate::generate(options.name, options.terms.applied_to({}));
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
    options->terms.add_to(*sub);
    options->passphrase.add_to(*sub, "that seals the secret file");
    sub->footer("Neither file is ever overwritten. Secrets get mode 0600, whatever the umask.");
    sub->callback([options, &chosen] { chosen = [options] { return keygen(*options); }; });
}

} // namespace tool

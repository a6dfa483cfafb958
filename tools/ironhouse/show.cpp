// SPDX-License-Identifier: MIT

/// \file
/// `ironhouse show`: what a certificate file says, and never its secret.

#include "certificates.hpp"
#include "command.hpp"
#include "passphrase.hpp"
#include "terms.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <fmt/core.h>
#include <ironhouse/detail/files.hpp>
#include <ironhouse/keys/certificate.hpp>
#include <nlohmann/json.hpp>

namespace ih = ironhouse;

namespace tool {

namespace {

struct show_options {
    std::string file;
    bool json = false;
    passphrase_options passphrase;
};

enum class holds : std::uint8_t { public_key, secret_key, sealed };

/// Looks for what the file is, in guarded memory; the reader proper then judges its owner, mode and text.
holds kind_of(const std::string& path) {
    const ih::detail::descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (file.get() < 0) ih::detail::refuse_by_system("show " + path, "cannot open it", errno);
    ih::detail::guarded_memory text{ih::detail::file_limit + 1};
    const std::size_t size =
        ih::detail::read_whole(file.get(), text.data(), ih::detail::file_limit + 1, "show " + path);
    const std::string_view all{reinterpret_cast<const char*>(text.data()), size};
    if (all.starts_with(ih::detail::sealed_first_line)) return holds::sealed;
    return all.find("secret-key") != std::string_view::npos ? holds::secret_key : holds::public_key;
}

std::optional<std::string> text_of(std::optional<std::chrono::sys_seconds> time) {
    if (!time) return std::nullopt;
    return ih::detail::time_text(*time);
}

void print(const ih::public_certificate& cert, std::string_view kind) {
    const auto line = [](std::string_view what, std::string_view value) { fmt::print("{:<13}{}\n", what, value); };
    line("name", cert.name().empty() ? "(none)" : cert.name());
    line("public key", cert.key().z85());
    line("fingerprint", cert.fingerprint());
    line("not before", text_of(cert.not_before()).value_or("any time"));
    line("not after", text_of(cert.not_after()).value_or("no end"));
    line("today", validity(cert));
    line("roles", cert.roles().empty() ? "(none)" : joined(cert.roles()));
    each_term(cert.terms(), line);
    for (const auto& [name, value] : cert.terms().metadata) line(name, value);
    line("file", kind);
}

nlohmann::json as_json(const ih::public_certificate& cert, std::string_view kind) {
    const auto or_null = [](const std::optional<std::string>& text) {
        return text ? nlohmann::json(*text) : nlohmann::json(nullptr);
    };
    nlohmann::json metadata = nlohmann::json::object();
    const ih::certificate_terms& terms = cert.terms();
    for (const auto& [name, value] : terms.metadata) metadata[name] = value;
    nlohmann::json from = nlohmann::json::array();
    for (const ih::address_range& each : terms.from) from.push_back(each.text());
    return {{"holds", kind},
            {"name", cert.name()},
            {"public_key", cert.key().z85()},
            {"fingerprint", cert.fingerprint()},
            {"not_before", or_null(text_of(cert.not_before()))},
            {"not_after", or_null(text_of(cert.not_after()))},
            {"valid_now", validity(cert) == "valid"},
            {"roles", cert.roles()},
            {"from", from},
            {"connections", terms.connections ? nlohmann::json(terms.connections->count()) : nlohmann::json(nullptr)},
            {"domains", terms.domains},
            {"patterns", terms.patterns},
            {"topics", terms.topics},
            {"metadata", metadata}};
}

int show(const show_options& options) {
    const holds what = kind_of(options.file);
    if (what == holds::sealed && !options.passphrase.given()) {
        if (options.json) {
            fmt::print("{}\n", nlohmann::json{{"holds", "sealed secret"}}.dump(2));
        } else {
            fmt::print("{:<13}a secret certificate sealed under a passphrase; without it nothing more can be told\n",
                       "file");
            fmt::print("\nShow the public file beside it, or give --passphrase.\n");
        }
        return done;
    }
    if (what != holds::sealed && options.passphrase.given())
        throw failure{fmt::format("{} is not sealed, although a passphrase was given", options.file),
                      "Show it without."};
    const auto report = [&](const ih::public_certificate& cert, std::string_view kind) {
        if (options.json)
            fmt::print("{}\n", as_json(cert, kind).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
        else
            print(cert, kind);
    };
    switch (what) {
    case holds::public_key: report(ih::certificate::load_public(options.file), "public"); break;
    case holds::secret_key: report(ih::certificate::load(options.file).public_part(), "secret"); break;
    case holds::sealed: {
        const ih::secret_text text = options.passphrase.read(false);
        report(ih::certificate::load(options.file, ih::passphrase{text.expose_line()}).public_part(), "sealed secret");
        break;
    }
    }
    return done;
}

} // namespace

void add_show(CLI::App& all, action& chosen) {
    auto* const sub = all.add_subcommand("show", "Say what a certificate file holds: never a secret");
    const auto options = std::make_shared<show_options>();
    sub->add_option("FILE", options->file, "A public or secret certificate of Ironhouse, CZMQ or pyzmq")->required();
    sub->add_flag("--json", options->json, "As JSON");
    options->passphrase.add_to(*sub, "of a sealed file");
    sub->callback([options, &chosen] { chosen = [options] { return show(*options); }; });
}

} // namespace tool

// SPDX-License-Identifier: MIT

/// \file
/// Certificate files, public and secret. What is accepted means the same to CZMQ and pyzmq, obeys every rule about names and
/// terms, and survives being written and read again.

#include "fuzz/property.hpp"
#include "support/certificate_readers.hpp"

#include <ironhouse/keys/certificate.hpp>

#include <algorithm>
#include <optional>
#include <string>

namespace {

using fuzzing::must;
using ironhouse::error;
namespace detail = ironhouse::detail;

std::optional<error> refusal_of(auto&& attempt) {
    try {
        attempt();
    } catch (const error& refused) {
        return refused;
    }
    return std::nullopt;
}

void check(const error& refused, std::string_view text) {
    fuzzing::check_refusal(refused, error::rejected);
    fuzzing::check_refusal_is_silent_about(refused, text);
}

// What was read can be written, if all of it may be, and reads the same again.
void check_public(const ironhouse::public_certificate& cert) {
    must(cert.name().empty() || detail::name_complaint(cert.name(), cert.key()) == nullptr, "a name obeys its rule");
    must(detail::terms_complaint(cert.terms()).empty(), "terms obey their rules");
    must(detail::key_complaint(cert.key().raw().data()) == nullptr, "a key is one that somebody can own");

    const bool writable = detail::written_complaint(cert.terms()).empty();
    std::string text;
    const auto refused = refusal_of([&] { text = detail::compose(cert, false, "write"); });
    must(refused.has_value() != writable, "what may be written is written, and nothing else");
    if (refused) return;
    const auto again = detail::interpret(detail::parse_zpl(text, "read back"), "read back");
    must(again == cert, "a certificate survives being written and read");
}

void check_secret(std::string_view text) {
    std::optional<ironhouse::certificate> cert;
    const auto refused = refusal_of([&] { cert.emplace(detail::interpret_secret(text, "read")); });
    if (refused) return check(*refused, text);
    const auto secret = cert->secret().expose();
    unsigned char derived[32];
    must(::crypto_scalarmult_base(derived, secret.data()) == 0 &&
             std::equal(derived, derived + 32, cert->public_key().raw().begin()),
         "the public key belongs to the secret");
    if (!detail::written_complaint(cert->public_part().terms()).empty()) return;
    const auto written = detail::compose_secret(*cert, "write");
    const auto again = detail::interpret_secret(written.expose(), "read back");
    must(again.public_part() == cert->public_part(), "an identity survives being written and read");
    must(std::equal(secret.begin(), secret.end(), again.secret().expose().begin()), "and so does its secret");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzzing::as_text(data, size);
    std::optional<detail::zpl_certificate> found;
    if (const auto refused = refusal_of([&] { found = detail::parse_zpl(text, "read"); })) {
        check(*refused, text);
        return 0;
    }
    const foreign_readers::two_keys keys{std::string{found->public_key}, std::string{found->secret_key}};
    must(foreign_readers::like_czmq(text) == keys, "CZMQ reads the same keys");
    must(foreign_readers::like_pyzmq(text) == keys, "pyzmq reads the same keys");

    std::optional<ironhouse::public_certificate> cert;
    if (const auto refused = refusal_of([&] { cert.emplace(detail::interpret(*found, "read")); })) {
        check(*refused, text);
        return 0;
    }
    must(cert->key().z85() == found->public_key, "the key is the one in the file");
    const auto& terms = cert->terms();
    const std::size_t understood = terms.metadata.size() + (cert->name().empty() ? 0U : 1U) +
                                   (terms.not_before ? 1U : 0U) + (terms.not_after ? 1U : 0U) +
                                   (terms.roles.empty() ? 0U : 1U) + (terms.from.empty() ? 0U : 1U) +
                                   (terms.connections ? 1U : 0U) + (terms.domains.empty() ? 0U : 1U) +
                                   (terms.patterns.empty() ? 0U : 1U) + (terms.topics.empty() ? 0U : 1U);
    must(understood == found->metadata_size, "every line of metadata is understood, and none replaces another");
    check_public(*cert);
    if (!found->secret_key.empty()) check_secret(text);
    return 0;
}

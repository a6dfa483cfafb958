// SPDX-License-Identifier: MIT

/// \file
/// Sealed certificates, as anybody may hand us one. No text asks for more work than we would do ourselves, every text that
/// was sealed opens to the same text, and one changed bit opens nothing.
///
/// Argon2id is replaced, as it would take seconds for every input: what is tested is everything around it.

#include "fuzz/property.hpp"

#include <ironhouse/keys/certificate.hpp>

#include <optional>
#include <string>

#include <sodium/crypto_generichash.h>

using fuzzing::must;
using ironhouse::error;
namespace detail = ironhouse::detail;

// Stands in for libsodium's: every argument decides about the key, as there.
extern "C" int crypto_pwhash(unsigned char* const out, unsigned long long out_size, const char* const text,
                             unsigned long long text_size, const unsigned char* const salt, unsigned long long passes,
                             std::size_t memory, int algorithm) {
    must(passes >= 2 && passes <= 4, "nobody makes us do more than four passes, or fewer than two");
    must(memory >= std::size_t{64} << 20 && memory <= std::size_t{1} << 30, "nobody makes us take more than 1 GiB");
    must(algorithm == crypto_pwhash_ALG_ARGON2ID13, "Argon2id and nothing weaker");
    crypto_generichash_state state;
    const unsigned long long numbers[] = {passes, memory};
    ::crypto_generichash_init(&state, nullptr, 0, static_cast<std::size_t>(out_size));
    ::crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(text), text_size);
    ::crypto_generichash_update(&state, salt, crypto_pwhash_SALTBYTES);
    ::crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(numbers), sizeof numbers);
    return ::crypto_generichash_final(&state, out, static_cast<std::size_t>(out_size));
}

namespace {

const ironhouse::passphrase phrase{"correct horse"};

// What it opens to, or nothing.
std::optional<std::string> opened(const std::string& sealed) {
    try {
        const auto text = detail::unseal(sealed, phrase, "open");
        return std::string{text.expose()};
    } catch (const error& refused) {
        fuzzing::check_refusal(refused, error::rejected);
        fuzzing::check_refusal_is_silent_about(refused, sealed);
        return std::nullopt;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string input{fuzzing::as_text(data, size)};

    // As a whole file, and as what follows the first line, which certificate::load() has seen already. A file without
    // that line never gets there.
    const std::string first{detail::sealed_first_line};
    if (input.starts_with(first)) opened(input);
    opened(first + input);

    // As the text inside, which nobody can forge from outside.
    fuzzing::pieces taken{input};
    const std::size_t place = taken.byte() * std::size_t{256} + taken.byte();
    const std::uint8_t bit = taken.byte() & 7;
    const std::string inside{taken.rest().substr(0, 2000)};
    if (inside.empty()) return 0;
    ironhouse::secret_text text;
    text.append(inside);
    std::string sealed = detail::seal(std::move(text), phrase, ironhouse::sealing::interactive, "seal");
    const auto same = opened(sealed);
    must(same && same->starts_with(inside), "what was sealed opens to the same text");
    must(same->size() % 4 == 0 && same->size() - inside.size() < 4 &&
             same->find_first_not_of('\n', inside.size()) == std::string::npos,
         "with nothing but newlines after it");

    char& changed = sealed[first.size() + place % (sealed.size() - first.size())];
    changed = static_cast<char>(static_cast<unsigned char>(changed) ^ (1U << bit));
    must(!opened(sealed), "one changed bit opens nothing");
    return 0;
}

// SPDX-License-Identifier: MIT

/// \file
/// Z85 and the keys written in it, held against libzmq's own reader and against arithmetic written differently.

#include "fuzz/property.hpp"

#include <ironhouse/keys/public_key.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include <sodium/crypto_scalarmult.h>
#include <zmq.h>

namespace {

using fuzzing::must;
namespace detail = ironhouse::detail;
using bytes = std::vector<unsigned char>;

// By look-up, and with a sum that is looked at last.
std::optional<bytes> naive_decode(std::string_view text) {
    const std::string_view alphabet{detail::z85_alphabet, 85};
    if (text.size() % 5 != 0) return std::nullopt;
    bytes decoded;
    for (std::size_t at = 0; at < text.size(); at += 5) {
        std::uint64_t word = 0; // 85^5 fits with room to spare
        for (const char c : text.substr(at, 5)) {
            const auto digit = alphabet.find(c);
            if (digit == std::string_view::npos) return std::nullopt;
            word = word * 85 + digit;
        }
        if (word > 0xffffffffU) return std::nullopt;
        for (const int shift : {24, 16, 8, 0}) decoded.push_back(static_cast<unsigned char>(word >> shift & 0xff));
    }
    return decoded;
}

void check_text(std::string_view text) {
    bytes ours(text.size() / 5 * 4);
    const bool read = detail::z85_decode(text.data(), text.size(), ours.data());
    const auto naive = naive_decode(text);
    must(read == naive.has_value(), "exactly Z85 is read");
    if (!read) return;
    must(ours == *naive, "and means what the arithmetic says");

    std::string again(text.size(), '\0');
    detail::z85_encode(ours.data(), ours.size(), again.data());
    must(again == text, "a text has one spelling only");

    bytes theirs(ours.size() + 1);
    const std::string terminated{text};
    must(::zmq_z85_decode(theirs.data(), terminated.c_str()) != nullptr || text.empty(), "libzmq reads it too");
    must(std::equal(ours.begin(), ours.end(), theirs.begin()), "and reads the same");
}

void check_bytes(std::string_view raw) {
    const bytes given{raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(raw.size() / 4 * 4)};
    std::string text(given.size() / 4 * 5, '\0');
    detail::z85_encode(given.data(), given.size(), text.data());
    std::string theirs(text.size() + 1, '\0');
    must(given.empty() || ::zmq_z85_encode(theirs.data(), given.data(), given.size()) != nullptr, "libzmq writes it");
    must(theirs.compare(0, text.size(), text) == 0, "bytes are written as libzmq writes them");
    bytes back(given.size());
    must(detail::z85_decode(text.data(), text.size(), back.data()) && back == given, "and are read back");
}

// 2^255 - 19, the first number that is no canonical coordinate; little-endian.
bool below_the_prime(const std::array<unsigned char, 32>& key) {
    std::array<unsigned char, 32> prime;
    prime.fill(0xff);
    prime.front() = 0xed;
    prime.back() = 0x7f;
    return std::lexicographical_compare(key.rbegin(), key.rend(), prime.rbegin(), prime.rend());
}

// Where every secret agrees on the same result, libsodium refuses to compute it.
bool has_low_order(const std::array<unsigned char, 32>& key) {
    static const unsigned char secret[32] = {77, 1, 2, 3};
    unsigned char shared[32];
    return ::crypto_scalarmult(shared, secret, key.data()) != 0;
}

void check_key(std::string_view text) {
    std::optional<ironhouse::public_key> key;
    try {
        key = ironhouse::public_key::from_z85(text);
    } catch (const ironhouse::error& refused) {
        fuzzing::check_refusal(refused, ironhouse::error::misuse);
        fuzzing::check_refusal_is_silent_about(refused, text);
    }
    const auto decoded = text.size() == 40 ? naive_decode(text) : std::nullopt;
    if (!decoded) return must(!key, "only 40 characters of Z85 are a key");
    std::array<unsigned char, 32> raw;
    std::copy(decoded->begin(), decoded->end(), raw.begin());
    static const std::array<unsigned char, 32> of_no_secret = [] {
        std::array<unsigned char, 32> made;
        static const unsigned char zeros[32] = {};
        must(::crypto_scalarmult_base(made.data(), zeros) == 0, "the all-zero secret has a public key");
        return made;
    }();
    const bool good = below_the_prime(raw) && !has_low_order(raw) && raw != of_no_secret;
    must(key.has_value() == good, "a key is taken if and only if exactly one peer can own it");
    if (!key) return;
    must(key->z85() == text, "a key's text is the one it came from");
    must(ironhouse::public_key::from_bytes(std::as_bytes(key->raw())) == *key, "a key survives its bytes");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = fuzzing::as_text(data, size);
    check_text(input);
    check_bytes(input);
    check_key(input);
    if (input.size() >= 32) { // the same bytes as a key, so that every key can be reached
        std::string text(40, '\0');
        detail::z85_encode(reinterpret_cast<const unsigned char*>(input.data()), 32, text.data());
        check_key(text);
    }
    return 0;
}

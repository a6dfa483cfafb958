// SPDX-License-Identifier: MIT

/// \file
/// A public key that exists is one somebody can own.

#include "catch.hpp"
#include "unit/keys/support.hpp"

#include <ironhouse/keys/keypair.hpp>
#include <ironhouse/keys/public_key.hpp>

#include <array>
#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>

#include <sodium/crypto_scalarmult.h>
#include <zmq.h>

namespace {

namespace ih = ironhouse;
using ih::error;
using ih::public_key;
using namespace key_tests;

using raw_key = std::array<unsigned char, 32>;

static_assert(std::regular<int> && std::copyable<public_key> && std::equality_comparable<public_key>);
static_assert(!std::is_default_constructible_v<public_key>);
static_assert(!std::is_constructible_v<public_key, const char*> && !std::is_constructible_v<public_key, std::string>);
template <class Key> concept lends_bytes_of_a_temporary = requires { Key::from_z85("").raw(); };
static_assert(!lends_bytes_of_a_temporary<public_key>);

raw_key unhex(std::string_view text) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    raw_key key{};
    for (std::size_t at = 0; at < 32; ++at) {
        key[at] = static_cast<unsigned char>(digit(text[2 * at]) * 16 + digit(text[2 * at + 1]));
    }
    return key;
}

auto from(const raw_key& key) {
    return refusal([&] { return public_key::from_bytes(std::as_bytes(std::span{key})); });
}

auto from_text_of(const raw_key& key) {
    std::array<char, 41> text{};
    zmq_z85_encode(text.data(), key.data(), key.size());
    return refusal([&] { return public_key::from_z85(text.data()); });
}

// Whether every secret agrees with this key on the same session key, by libsodium's own account.
bool agrees_on_nothing(const raw_key& key) {
    raw_key out{};
    const raw_key secret{0x77, 0x12};
    return crypto_scalarmult(out.data(), secret.data(), key.data()) != 0;
}

constexpr std::string_view low_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p - 1
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p, which is 0 again
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p + 1
};

constexpr std::string_view some_key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"; // the key of RFC 32

} // namespace

TEST_CASE("a public key survives Z85 and bytes", "[keys][M1.2]") {
    const auto key = public_key::from_z85(some_key);
    CHECK(key.z85() == some_key);
    CHECK(public_key::from_bytes(std::as_bytes(key.raw())) == key);
    CHECK_FALSE(key == ih::keypair::generate().public_key());
}

TEST_CASE("low-order keys are refused in every spelling, high bit included", "[keys][T6.1]") {
    ih::detail::init_sodium();
    for (const auto text : low_order) {
        raw_key key = unhex(text);
        CAPTURE(text);
        REQUIRE(agrees_on_nothing(key)); // witness: they are what they are said to be
        CHECK(says(from(key), error::misuse, {"the key "}));
        CHECK(says(from_text_of(key), error::misuse, {"40 characters"}));
        key[31] |= 0x80;
        CHECK(says(from(key), error::misuse, {"canonical"}));
    }
    CHECK(says(from(raw_key{}), error::misuse, {"null key"}));
    CHECK(says(from_text_of(raw_key{}), error::misuse, {"null key"}));
}

TEST_CASE("a key has one spelling: the others are refused", "[keys][T6.1]") {
    raw_key key = unhex(low_order[5]);
    for (unsigned above = 0xed; above <= 0xff; ++above) {
        key[0] = static_cast<unsigned char>(above);
        CHECK(says(from(key), error::misuse, {"canonical"}));
    }
    key[0] = 0xeb; // p - 2 is the largest that has a spelling of its own and is not of low order
    CHECK_FALSE(from(key));
    key[0] = 0xff;
    key[17] = 0xfe; // far below p
    CHECK_FALSE(from(key));
    raw_key other{};
    other = unhex("0900000000000000000000000000000000000000000000000000000000000000");
    CHECK_FALSE(from(other));
    other[31] = 0x80;
    CHECK(says(from(other), error::misuse, {"highest bit"}));
}

TEST_CASE("the key of the all-zero secret is refused, since everybody has that secret", "[keys][B2]") {
    ih::detail::init_sodium();
    raw_key key{};
    const raw_key nobody{};
    REQUIRE(crypto_scalarmult_base(key.data(), nobody.data()) == 0);
    CHECK(says(from(key), error::misuse, {"everybody"}));
}

TEST_CASE("text that is not a key is refused without being quoted", "[keys][B8]") {
    const std::string secret = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"; // the other half of RFC 32's example
    const std::string text =
        GENERATE_COPY(std::string{}, secret.substr(1), secret + "0", secret + "\n", " " + secret.substr(1),
                      std::string(40, '~'), "\"" + secret.substr(2) + "\"", std::string(40, '#'));
    const auto refused = refusal([&] { return public_key::from_z85(text); });
    CHECK(says(refused, error::misuse, {std::to_string(text.size()) + " characters"}));
    CHECK(std::string_view{refused->what()}.find("SB%%)") == std::string_view::npos);
}

TEST_CASE("fingerprints are what the documentation says, short enough for a name, and differ", "[keys][M1.2]") {
    const auto key = public_key::from_z85(some_key);
    std::array<unsigned char, 16> digest{};
    crypto_generichash(digest.data(), digest.size(), key.raw().data(), 32, nullptr, 0);
    std::array<char, 33> hex{};
    sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
    std::string expected = "ih1:";
    for (std::size_t group = 0; group < 8; ++group) {
        expected.append(group == 0 ? "" : "-").append(hex.data() + 4 * group, 4);
    }
    CHECK(key.fingerprint() == expected);
    CHECK(key.fingerprint() == "ih1:f4cc-e7d6-987f-c4fa-c243-2b74-6db2-72bd"); // b2sum -l 128 of the 32 bytes
    CHECK(key.fingerprint().size() == 43);

    std::unordered_set<std::string> seen;
    for (int round = 0; round < 100; ++round) seen.insert(ih::keypair::generate().public_key().fingerprint());
    CHECK(seen.size() == 100);
}

TEST_CASE("public keys work in unordered containers", "[keys]") {
    const auto a = ih::keypair::generate().public_key();
    const auto b = ih::keypair::generate().public_key();
    const std::unordered_set<public_key> keys{a, b, a};
    CHECK(keys.size() == 2);
    CHECK(keys.contains(public_key::from_z85(a.z85())));
}

// SPDX-License-Identifier: MIT

/// \file
/// Key pairs belong together, and their secret exists once.

#include "catch.hpp"
#include "unit/keys/support.hpp"

#include <ironhouse/keys/key_source.hpp>
#include <ironhouse/keys/keypair.hpp>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include <sodium/crypto_box.h>
#include <sys/resource.h>
#include <zmq.h>

namespace {

namespace ih = ironhouse;
using ih::error;
using ih::keypair;
using namespace key_tests;

static_assert(!std::is_default_constructible_v<keypair> && !std::is_copy_constructible_v<keypair>);
static_assert(std::is_nothrow_move_constructible_v<keypair> && std::is_nothrow_move_assignable_v<keypair>);

ih::secret_key secret_of_bytes(unsigned char first, unsigned char last = 0) {
    ih::detail::guarded_memory raw{32};
    raw.data()[0] = first;
    raw.data()[31] = last;
    return ih::detail::secret_access::adopt(std::move(raw), "test");
}

} // namespace

TEST_CASE("generated pairs open each other's boxes and nobody else's", "[keys][M1.1]") {
    const auto ann = keypair::generate();
    const auto bob = keypair::generate();
    const auto eve = keypair::generate();
    CHECK_FALSE(ann.public_key() == bob.public_key());
    const std::array<unsigned char, 4> text{1, 2, 3, 4};
    const std::array<unsigned char, crypto_box_NONCEBYTES> nonce{};
    std::array<unsigned char, 4 + crypto_box_MACBYTES> box{};
    std::array<unsigned char, 4> opened{};
    REQUIRE(crypto_box_easy(box.data(), text.data(), text.size(), nonce.data(), bob.public_key().raw().data(),
                            ann.secret().expose().data()) == 0);
    CHECK(crypto_box_open_easy(opened.data(), box.data(), box.size(), nonce.data(), ann.public_key().raw().data(),
                               bob.secret().expose().data()) == 0);
    CHECK((opened == text));
    CHECK(crypto_box_open_easy(opened.data(), box.data(), box.size(), nonce.data(), ann.public_key().raw().data(),
                               eve.secret().expose().data()) != 0);
}

TEST_CASE("a generated secret exists once in memory, and never as text", "[keys][M1.1][B8]") {
    const auto pair = keypair::generate();
    const needle raw{pair.secret().expose()};
    ih::detail::guarded_memory scratch_text{40};
    ih::detail::z85_encode(pair.secret().expose().data(), 32, reinterpret_cast<char*>(scratch_text.data()));
    const needle text{std::span{scratch_text.data(), 40}};
    CHECK(text.copies() == 1); // witness: the search finds what there is
    scratch_text = {};
    CHECK(text.copies() == 0);
    CHECK(raw.copies() == 1);
}

TEST_CASE("a secret is gone from memory with its pair", "[keys][B8]") {
    auto pair = std::make_unique<keypair>(keypair::generate());
    const needle raw{pair->secret().expose()};
    REQUIRE(raw.copies() == 1);
    pair.reset();
    CHECK(raw.copies() == 0);
}

TEST_CASE("a pair made from a secret has the public key libzmq derives", "[keys][M1.1]") {
    std::array<char, 41> public_text{};
    std::array<char, 41> secret_text{};
    REQUIRE(zmq_curve_keypair(public_text.data(), secret_text.data()) == 0);
    const auto source = ih::key_source::callback([&](ih::secret_text& into) { into.append({secret_text.data(), 40}); });
    CHECK(keypair::from_secret(source.read_secret_key()).public_key().z85() == public_text.data());
}

TEST_CASE("secrets that come to the same as no secret are refused", "[keys][B2]") {
    CHECK_FALSE(refusal([] { return keypair::from_secret(secret_of_bytes(8)); }));
    // Curve25519 ignores the lowest three bits, the highest one, and sets the second highest.
    CHECK(says(refusal([] { return keypair::from_secret(secret_of_bytes(7)); }), error::rejected, {"everybody"}));
    CHECK(says(refusal([] { return keypair::from_secret(secret_of_bytes(1, 0xc0)); }), error::rejected, {"everybody"}));
}

TEST_CASE("pairs are generated where memory may not be locked", "[keys][B8]") {
    const bool pretended = mlock_is_pretended();
    const int result = in_child([pretended] {
        const rlimit none{0, 0};
        if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0 || !become_nobody()) return 2;
        const auto pair = keypair::generate();
        return pair.secret().locked() && !pretended ? 3 : 0;
    });
    CHECK(result == 0);
}

TEST_CASE("a pair can be taken apart, without a copy", "[keys]") {
    auto pair = keypair::generate();
    const auto key = pair.public_key();
    const unsigned char* const where = pair.secret().expose().data();
    const auto secret = std::move(pair).take_secret();
    CHECK(secret.expose().data() == where);
    CHECK(keypair::generate().public_key() != key);
}

// SPDX-License-Identifier: MIT

/// \file
/// Z85 is an exact inverse of itself and agrees with libzmq.

#include "catch.hpp"

#include <ironhouse/detail/z85.hpp>

#include <array>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>

#include <zmq.h>

namespace {

namespace detail = ironhouse::detail;

bool decodes(std::string_view text) {
    std::array<unsigned char, 64> bytes{};
    return detail::z85_decode(text.data(), text.size(), bytes.data());
}

// ZeroMQ RFC 32's own example, worked out by the compiler.
constexpr bool example_holds() {
    constexpr unsigned char bytes[] = {0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b};
    constexpr std::string_view text = "HelloWorld";
    char encoded[10] = {};
    unsigned char decoded[8] = {};
    detail::z85_encode(bytes, 8, encoded);
    if (!detail::z85_decode(text.data(), text.size(), decoded)) return false;
    for (std::size_t at = 0; at < 8; ++at) {
        if (decoded[at] != bytes[at]) return false;
    }
    return std::string_view{encoded, 10} == text;
}
static_assert(example_holds());

} // namespace

TEST_CASE("Z85 agrees with libzmq and is its own inverse", "[keys]") {
    std::mt19937 random{1};
    for (int round = 0; round < 2000; ++round) {
        std::array<unsigned char, 32> bytes{};
        for (auto& byte : bytes) byte = static_cast<unsigned char>(round == 0 ? 0 : round == 1 ? 255 : random() & 0xff);
        std::array<char, 41> theirs{};
        std::array<char, 40> ours{};
        REQUIRE(zmq_z85_encode(theirs.data(), bytes.data(), bytes.size()) != nullptr);
        detail::z85_encode(bytes.data(), bytes.size(), ours.data());
        REQUIRE((std::string_view{ours.data(), 40} == theirs.data()));
        std::array<unsigned char, 32> back{};
        REQUIRE(detail::z85_decode(ours.data(), ours.size(), back.data()));
        REQUIRE((back == bytes));
    }
}

TEST_CASE("every character outside the alphabet is refused at every place", "[keys][B10]") {
    for (int code = 0; code < 256; ++code) {
        const char symbol = static_cast<char>(code);
        const bool known = code != 0 && std::strchr(detail::z85_alphabet, symbol) != nullptr;
        for (std::size_t at = 0; at < 10; ++at) {
            std::string text = "0000000000";
            text[at] = symbol;
            // A word above 2^32 - 1 begins with '%' or later; then the first place alone decides.
            const bool overflows = at % 5 == 0 && known && detail::z85_digit(symbol) > 82;
            CAPTURE(code, at);
            REQUIRE(decodes(text) == (known && !overflows));
        }
    }
}

TEST_CASE("five characters that spell more than four bytes are refused", "[keys][B10]") {
    CHECK(decodes("%nSc0")); // 2^32 - 1
    CHECK_FALSE(decodes("%nSc1"));
    CHECK_FALSE(decodes("#####"));
    CHECK_FALSE(decodes("0000"));
    CHECK_FALSE(decodes("000000"));
}

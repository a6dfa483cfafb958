// SPDX-License-Identifier: MIT

/// \file
/// An address range has one spelling, and contains exactly the addresses that share its prefix.

#include "catch.hpp"
#include "unit/keys/support.hpp"

#include <ironhouse/keys/address_range.hpp>

#include <random>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <arpa/inet.h>

namespace {

namespace ih = ironhouse;
using ih::address_range;
using ih::error;
using namespace key_tests;

static_assert(!std::is_default_constructible_v<address_range> && std::is_trivially_copyable_v<address_range>);
static_assert(!std::is_convertible_v<std::string_view, address_range>);

bool holds(std::string_view range, std::string_view address) {
    ih::detail::ip_address read;
    REQUIRE(ih::detail::read_ip(address, read));
    return address_range::parse(range).contains(read.bytes);
}

void refuses(std::string_view text, std::string_view because) {
    CAPTURE(text);
    CHECK(says(refusal([&] { return address_range::parse(text); }), error::misuse, {text, because}));
}

} // namespace

TEST_CASE("a range that is read is written the same", "[keys][M1.4]") {
    for (const char* const text :
         {"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "192.0.2.128/25", "192.0.2.7/32", "255.255.255.255/32", "::/0",
          "::1/128", "2001:db8::/32", "2001:db8:0:1::/64", "fe80::/10", "ffff:fffe::/31", "fd00::1:0:0:1/128"}) {
        CAPTURE(text);
        CHECK(address_range::parse(text).text() == text);
        CHECK(address_range::parse(text) == address_range::parse(text));
    }
    CHECK_FALSE(address_range::parse("10.0.0.0/8") == address_range::parse("10.0.0.0/9"));
    CHECK_FALSE(address_range::parse("10.0.0.0/9") == address_range::parse("10.128.0.0/9"));
}

TEST_CASE("a range with another spelling, or with bits behind its prefix, is refused", "[keys][M1.4][B10]") {
    for (const char* const text : {"10.0.0.1", "::1", "", "localhost"}) refuses(text, "has no prefix length");
    for (const char* const text : {"/8", "10.0.0/8", "010.0.0.0/8", "10.0.0.0.0/8", "256.0.0.0/8", " 10.0.0.0/8",
                                   "0x0a.0.0.0/8", "localhost/32", "*/0", "fe80::%lo/64", "[::1]/128", "::g/128"})
        refuses(text, "does not begin with an IPv4 or IPv6 address");
    for (const char* const text :
         {"10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-8", "10.0.0.0/8 ", "10.0.0.0/8/8", "10.0.0.0/+8",
          "10.0.0.0/255.0.0.0", "::/129", "::/00", "::/4294967296", "::/18446744073709551616", "::ffff:10.0.0.0/104"})
        refuses(text, "has a prefix length that is not");
    for (const char* const text : {"10.1.2.3/16", "10.0.0.1/31", "0.0.0.1/0", "2001:db8::1/127", "8000::/0"})
        refuses(text, "has bits set behind its prefix");
    for (const char* const text : {"2001:DB8::/32", "2001:0db8::/32", "2001:db8:0:0::/32", "0:0:0:0:0:0:0:0/0",
                                   "::ffff:10.0.0.0/8", "::ffff:a00:0/8"})
        refuses(text, "is not spelled");
    CHECK(refusal([] { return address_range::parse(std::string_view{"10.0.0.0\0/8", 11}); }));
    const auto refused = refusal([] { return address_range::parse(std::string(100'000, '1')); });
    REQUIRE(refused);
    CHECK(std::string_view{refused->what()}.size() < 200);
}

TEST_CASE("a range contains what shares its prefix, and nothing else", "[keys][M1.4]") {
    CHECK(holds("10.1.0.0/16", "10.1.0.0"));
    CHECK(holds("10.1.0.0/16", "10.1.255.255"));
    CHECK_FALSE(holds("10.1.0.0/16", "10.2.0.0"));
    CHECK_FALSE(holds("10.1.0.0/16", "10.0.255.255"));
    CHECK(holds("192.0.2.128/25", "192.0.2.128"));
    CHECK_FALSE(holds("192.0.2.128/25", "192.0.2.127"));
    CHECK(holds("192.0.2.7/32", "192.0.2.7"));
    CHECK_FALSE(holds("192.0.2.7/32", "192.0.2.6"));
    CHECK(holds("0.0.0.0/0", "203.0.113.9"));
    CHECK(holds("2001:db8::/32", "2001:db8:ffff::1"));
    CHECK_FALSE(holds("2001:db8::/32", "2001:db9::"));
    CHECK(holds("fe80::/10", "febf::1"));
    CHECK(holds("fe80::/10", "fe80::1%eth0"));
    CHECK_FALSE(holds("fe80::/10", "fec0::1"));
    CHECK(holds("::/0", "2001:db8::1"));
}

TEST_CASE("an IPv4 address lies in IPv4 ranges alone, however it is spelled", "[keys][M1.4]") {
    CHECK(holds("10.1.0.0/16", "::ffff:10.1.2.3"));
    CHECK(holds("10.1.0.0/16", "::ffff:a01:203"));
    CHECK_FALSE(holds("10.1.0.0/16", "::ffff:10.2.2.3"));
    CHECK_FALSE(holds("10.1.0.0/16", "::10.1.2.3"));
    CHECK_FALSE(holds("::/0", "10.1.2.3"));
    CHECK_FALSE(holds("::/0", "::ffff:10.1.2.3"));
    CHECK_FALSE(holds("0.0.0.0/0", "2001:db8::1"));
    CHECK_FALSE(holds("0.0.0.0/0", "::1"));
}

TEST_CASE("what is no address lies nowhere", "[keys][M1.4]") {
    ih::detail::ip_address read;
    for (const std::string& text :
         {std::string{}, std::string{"localhost:1000:1000:4711"}, std::string{"10.0.0"}, std::string{"10.0.0.1 "},
          std::string{"10.0.0.1\0", 9}, std::string{"%"}, std::string(4'000, ':'), std::string{"10.0.0.1/32"}}) {
        CAPTURE(text);
        CHECK_FALSE(ih::detail::read_ip(text, read));
    }
}

TEST_CASE("every prefix length contains what a comparison bit by bit says", "[keys][M1.4]") {
    std::mt19937 random{7};
    for (int round = 0; round < 2'000; ++round) {
        const bool v4 = round % 2 == 0;
        const std::size_t size = v4 ? 4 : 16;
        unsigned char first[16] = {0x20, 0x01};
        unsigned char other[16] = {0x20, 0x01};
        for (std::size_t at = v4 ? 0 : 2; at < size; ++at) first[at] = static_cast<unsigned char>(random());
        for (std::size_t at = 0; at < size; ++at) other[at] = first[at];
        const std::size_t flipped = random() % (size * 8);
        other[flipped / 8] = static_cast<unsigned char>(other[flipped / 8] ^ (0x80 >> flipped % 8));
        const std::size_t bits = random() % (size * 8 + 1);
        for (std::size_t bit = bits; bit < size * 8; ++bit)
            first[bit / 8] = static_cast<unsigned char>(first[bit / 8] & ~(0x80 >> bit % 8));
        char range[INET6_ADDRSTRLEN] = "";
        char address[INET6_ADDRSTRLEN] = "";
        ::inet_ntop(v4 ? AF_INET : AF_INET6, first, range, sizeof range);
        ::inet_ntop(v4 ? AF_INET : AF_INET6, other, address, sizeof address);
        const std::string text = std::string{range} + "/" + std::to_string(bits);
        CAPTURE(text, address, flipped);
        REQUIRE(address_range::parse(text).text() == text);
        REQUIRE(holds(text, address) == (flipped >= bits));
    }
}

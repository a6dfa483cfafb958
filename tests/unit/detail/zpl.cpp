// SPDX-License-Identifier: MIT

/// \file
/// A certificate file means the same to us, to CZMQ and to pyzmq, or it is refused.

#include "catch.hpp"
#include "support/certificate_readers.hpp"
#include "unit/keys/support.hpp"

#include <ironhouse/detail/zpl.hpp>

#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using foreign_readers::like_czmq;
using foreign_readers::like_pyzmq;
using foreign_readers::two_keys;
using ironhouse::error;
using ironhouse::detail::parse_zpl;
using ironhouse::detail::zpl_certificate;
using namespace key_tests;

constexpr std::string_view pub = "4GBkALQVEgbio<9ZXETR!S5m<R(=YmD@{XooS7d5";
constexpr std::string_view sec = "<]s5SO.$HTOAY^i4iPU(CIlXQY)JzM6I*F]BF{4x";
constexpr std::string_view other = "2/r.+ChxZwv$DW)Z)KCX{X<Fi6waIH03uQ6DO7u>";

std::string key_line(std::string_view name, std::string_view key) {
    return std::string{"    "}.append(name).append(" = \"").append(key).append("\"\n");
}
const std::string pub_line = key_line("public-key", pub);
const std::string sec_line = key_line("secret-key", sec);

std::optional<error> refused(const std::string& text) {
    return refusal([&] { return parse_zpl(text, "read"); });
}

} // namespace

TEST_CASE("files of CZMQ and pyzmq are read as they meant them", "[keys][B10][M1.6]") {
    const auto theirs = slurp(golden("czmq.key_secret"));
    const zpl_certificate czmq = parse_zpl(theirs, "read");
    CHECK(czmq.public_key == pub);
    CHECK(czmq.secret_key == sec);
    REQUIRE(czmq.metadata_size == 3);
    CHECK(czmq.metadata[0].name == "name");
    CHECK(czmq.metadata[0].value == "Ann Example");
    CHECK(czmq.metadata[1].name == "expires");
    CHECK(czmq.metadata[2].value == "a@b.c");

    const auto unquoted = slurp(golden("pyzmq.key_secret"));
    const zpl_certificate pyzmq = parse_zpl(unquoted, "read");
    CHECK(pyzmq.public_key == other);
    REQUIRE(pyzmq.metadata_size == 1);
    CHECK(pyzmq.metadata[0].value == "Alice");

    CHECK(parse_zpl(slurp(golden("czmq.key")), "read").secret_key.empty());
    CHECK(parse_zpl(slurp(golden("pyzmq.key")), "read").metadata_size == 0);
}

TEST_CASE("the file from which CZMQ and pyzmq read different keys is refused", "[keys][B10]") {
    const std::string text = slurp(golden("injected.key"));
    REQUIRE(like_czmq(text)->pub != like_pyzmq(text)->pub); // witness: the two models do differ
    CHECK(says(refused(text), error::rejected, {"line 11", "second time"}));
}

TEST_CASE("certificate texts that break a rule are refused by line and rule", "[keys][B10]") {
    struct broken {
        std::string text;
        std::string_view why;
    };
    const std::string m = "metadata\n";
    const std::string c = "curve\n";
    const auto cases = std::vector<broken>{
        {"", "\"metadata\" is missing"},
        {c + pub_line, "\"metadata\" is missing"},
        {m, "\"curve\" is missing"},
        {m + c, "public key is missing"},
        {m + c + sec_line, "public key is missing"},
        {m + c + pub_line + m, "line 4 begins a section for the second time"},
        {m + c + pub_line + c, "line 4 begins a section for the second time"},
        {m + c + pub_line + pub_line, "line 4 gives a key for the second time"},
        {m + c + pub_line + sec_line + sec_line, "line 5 gives a key for the second time"},
        {m + c + pub_line + key_line("server-key", pub), "line 4 is neither"},
        {m + c + "    public-key = " + std::string{other} + "\n", "without double quotes"},
        {m + c + "    public-key = '" + std::string{pub} + "'\n", "without double quotes"},
        {m + c + "    public-key = \"" + std::string{pub} + "\" \n", "without double quotes"},
        {m + c + "    public-key = \"" + std::string{pub} + "\" # mine\n", "without double quotes"},
        {m + c + "    public-key = \"" + std::string{pub} + "\n", "without double quotes"},
        {m + c + key_line("public-key", pub.substr(1)), "40 characters"},
        {m + c + key_line("public-key", ""), "40 characters"},
        {m + c + "    public-key= \"" + std::string{pub} + "\"\n", "of the form"},
        {m + c + "    public-key =\"" + std::string{pub} + "\"\n", "of the form"},
        {m + c + "    public-key\n", "of the form"},
        {m + c + "   public-key = \"" + std::string{pub} + "\"\n", "four spaces"},
        {m + c + "     public-key = \"" + std::string{pub} + "\"\n", "four spaces"},
        {m + c + " " + pub_line.substr(1) + pub_line.substr(1), "four spaces"},
        {m + c + "        public-key = \"" + std::string{pub} + "\"\n", "four spaces"},
        {m + c + "\t" + pub_line.substr(4), "control character"},
        {m + c + pub_line.substr(0, pub_line.size() - 1) + "\r\n", "control character"},
        {m + c + pub_line + std::string{"\0", 1}, "control character"},
        {m + c + pub_line + "# \x1b[2J\n", "control character"},
        {m + c + pub_line + "# \x7f\n", "control character"},
        {m + "    a = \"b\"\x01\n" + c + pub_line, "control character"},
        {"\xef\xbb\xbf" + m + c + pub_line, "line 1 is not a section"},
        {m + "curve \n" + pub_line, "line 2 is not a section"},
        {m + "curve = \"\"\n" + pub_line, "line 2 is not a section"},
        {m + "Curve\n" + pub_line, "line 2 is not a section"},
        {"options\n" + m + c + pub_line, "line 1 is not a section"},
        {pub_line + m + c, "before any section"},
        {m + pub_line + c + pub_line, "line 2 has a key in the metadata"},
        {m + "    secret-keys = \"x\"\n" + c + pub_line, "key in the metadata"},
        {m + "    public-key-note = x\n" + c + pub_line, "key in the metadata"},
        {m + "    a = \"b\"\n    a = \"c\"\n" + c + pub_line, "line 3 gives a metadata name for the second time"},
        {m + "    a = \"b\" \"c\"\n" + c + pub_line, "quote"},
        {m + "    a = \"O'Brien\"\n" + c + pub_line, "quote"},
        {m + "    a = 'b'\n" + c + pub_line, "quote"},
        {m + "    a = \"b\n" + c + pub_line, "quote"},
        {m + "    a = b\"\n" + c + pub_line, "quote"},
        {m + "    a = b#c\n" + c + pub_line, "'#'"},
        {m + "    a = b # c\n" + c + pub_line, "'#'"},
        {m + "    a = \n" + c + pub_line, "empty or ragged"},
        {m + "    a =  b\n" + c + pub_line, "empty or ragged"},
        {m + "    a = b \n" + c + pub_line, "empty or ragged"},
        {m + "    a b = c\n" + c + pub_line, "characters that names do not have"},
        {m + "    a/b = c\n" + c + pub_line, "characters that names do not have"},
        {m + "    " + std::string(65, 'a') + " = c\n" + c + pub_line, "characters that names do not have"},
        {m + "     = c\n" + c + pub_line, "four spaces"},
        {m + "    a\n" + c + pub_line, "of the form"},
        {m + "    # note\n" + c + pub_line, "indented comment"},
        {m + "    \n" + c + pub_line, "four spaces"},
        {m + "    a = \"" + std::string(513, 'x') + "\"\n" + c + pub_line, "512"},
        {m + c + pub_line + "#" + std::string(1000, 'x') + "\n", "line 4 is longer than 1000"},
        {m + c + pub_line + std::string(64 * 1024, '\n'), "65536"},
    };
    CHECK_FALSE(refused(m + c + pub_line)); // witness: without what is broken, each would be read
    CHECK_FALSE(refused(m + c + pub_line + sec_line));
    for (const auto& one : cases) {
        CAPTURE(one.text);
        CHECK(says(refused(one.text), error::rejected, {one.why}));
    }
    std::string many = m;
    for (int at = 0; at < 64; ++at) many += "    n" + std::to_string(at) + " = \"v\"\n";
    CHECK_FALSE(refused(many + c + pub_line));
    CHECK(says(refused(many + "    one-more = \"v\"\n" + c + pub_line), error::rejected, {"65th"}));
}

TEST_CASE("what is harmless and written by somebody is read", "[keys][B10]") {
    CHECK_FALSE(refused("curve\n" + pub_line + "metadata\n"));
    CHECK_FALSE(refused("metadata\ncurve\n" + pub_line.substr(0, pub_line.size() - 1))); // no newline at the end
    CHECK_FALSE(refused("# \xc3\xbc\nmetadata\n    organization = \"M\xc3\xbcller #1\"\n\n\ncurve\n# x\n" + pub_line));
    CHECK_FALSE(refused("metadata\n    empty = \"\"\n    many = several words = one\ncurve\n" + pub_line));
    CHECK_FALSE(refused("metadata\ncurve\n" + sec_line + pub_line));
}

TEST_CASE("no accepted text gives CZMQ or pyzmq another key, over many mutations", "[keys][B10]") {
    const std::vector<std::string> seeds = {slurp(golden("czmq.key")), slurp(golden("czmq.key_secret")),
                                            slurp(golden("pyzmq.key")), slurp(golden("pyzmq.key_secret")),
                                            slurp(golden("injected.key"))};
    const std::vector<std::string> pieces = {"metadata\n",
                                             "curve\n",
                                             pub_line,
                                             sec_line,
                                             key_line("public-key", other),
                                             "    ",
                                             "\"",
                                             "#",
                                             "'",
                                             "=",
                                             " = ",
                                             "\t",
                                             "\r",
                                             std::string{"\0", 1},
                                             "public-key",
                                             "\n",
                                             "    a = b\n",
                                             "curve = 1\n",
                                             "        public-key = \"x\"\n",
                                             " ",
                                             "\x0b"};
    std::mt19937 random{20261121};
    const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random()) % limit; };
    int accepted = 0;
    int told_apart = 0;
    for (int round = 0; round < 60'000; ++round) {
        std::string text = seeds[below(seeds.size())];
        for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
            const std::size_t at = below(text.size() + 1);
            switch (below(4)) {
            case 0: text.insert(at, pieces[below(pieces.size())]); break;
            case 1: text.erase(at, 1 + below(3)); break;
            case 2:
                if (at < text.size()) text[at] = static_cast<char>(below(256));
                break;
            default: { // a whole line, somewhere else
                const std::string& donor = seeds[below(seeds.size())];
                const std::size_t begin = donor.rfind('\n', below(donor.size())) + 1;
                const std::size_t place = text.rfind('\n', at) + 1;
                text.insert(place, donor.substr(begin, donor.find('\n', begin) - begin + 1));
            }
            }
        }
        const auto czmq = like_czmq(text);
        const auto pyzmq = like_pyzmq(text);
        if (czmq && pyzmq && *czmq != *pyzmq) ++told_apart;
        try {
            const auto ours = parse_zpl(text, "read");
            ++accepted;
            const two_keys keys{std::string{ours.public_key}, std::string{ours.secret_key}};
            CAPTURE(text);
            REQUIRE((czmq && *czmq == keys));
            REQUIRE((pyzmq && *pyzmq == keys));
        } catch (const error& no) {
            REQUIRE((no.why() == error::rejected));
        }
    }
    CHECK(accepted > 1000);   // witness: the test says something
    CHECK(told_apart > 1000); // witness: the mutations are of the kind that matters
}

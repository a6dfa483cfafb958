// SPDX-License-Identifier: MIT
// ctest: timeout 180

/// \file
/// Certificates survive their files, and files that are not what they must be give no certificate.

#include "catch.hpp"
#include "unit/keys/support.hpp"

#include <ironhouse/core/pattern.hpp>
#include <ironhouse/keys/certificate.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/resource.h>

namespace {

namespace ih = ironhouse;
using ih::certificate;
using ih::certificate_terms;
using ih::error;
using ih::key_source;
using ih::passphrase;
using ih::public_certificate;
using namespace key_tests;
using namespace std::chrono_literals;

static_assert(std::is_copy_constructible_v<public_certificate> && !std::is_copy_constructible_v<certificate>);
static_assert(!std::is_default_constructible_v<public_certificate> && !std::is_default_constructible_v<certificate>);
static_assert(std::is_nothrow_move_constructible_v<certificate> && std::is_nothrow_move_assignable_v<certificate>);
static_assert(!std::is_convertible_v<std::string_view, passphrase>);
template <class Cert> concept lends_its_secret = requires(Cert&& cert) { std::forward<Cert>(cert).secret(); };
static_assert(lends_its_secret<certificate&> && !lends_its_secret<certificate>);

constexpr std::chrono::sys_seconds new_year = std::chrono::sys_days{2027y / 1 / 1};

const certificate_terms all_terms{
    .not_before = new_year - 24h,
    .not_after = new_year + 1h + 2min + 3s,
    .roles = {"orders.write", "audit"},
    .from = {ih::address_range::parse("10.1.0.0/16"), ih::address_range::parse("2001:db8::/32")},
    .connections = ih::peers::from_config(65'536),
    .domains = {"orders", "prices"},
    .patterns = {"pull", "router"},
    .topics = {"orders", "prices.eu"},
    .metadata = {{"email", "a@b.c"}, {"organization", "M\xc3\xbcller #1"}}};

key_source giving(std::string text) {
    return key_source::callback([text = std::move(text)](ih::secret_text& into) { into.append(text); }, "the test");
}

std::optional<error> load(const std::string& text) {
    return refusal([&] { return certificate::load(giving(text)); });
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
    const auto at = text.find(what);
    if (at == std::string::npos) throw std::logic_error{"nothing to replace"};
    return text.replace(at, what.size(), with);
}

std::string with_metadata(std::string_view lines) {
    return replaced(slurp(golden("pyzmq.key_secret")), "    name = Alice\n", lines);
}

std::optional<error> generate(std::string name, certificate_terms terms = {}) {
    return refusal([&] { return certificate::generate(std::move(name), std::move(terms)); });
}

void quickly(const certificate& cert, const std::string& path, std::string_view secret) {
    cert.save(path, passphrase{secret}, ih::sealing::interactive);
}

bool has_line_beginning(std::string_view text, std::string_view begin) {
    return text.starts_with(begin) || text.find(std::string{"\n"}.append(begin)) != std::string_view::npos ||
           text.find(std::string{"\n    "}.append(begin)) != std::string_view::npos;
}

} // namespace

TEST_CASE("a certificate survives its files with name, keys and terms", "[keys][M1.2][M1.4]") {
    const scratch folder;
    const auto made = certificate::generate("ann", all_terms);
    made.save(folder / "ann.key_secret");
    made.save_public(folder / "ann.key");
    CHECK(mode_of(folder / "ann.key_secret") == 0600);
    CHECK(mode_of(folder / "ann.key") == 0644);

    const auto loaded = certificate::load(folder / "ann.key_secret");
    CHECK(loaded.name() == "ann");
    CHECK(loaded.public_key() == made.public_key());
    CHECK(loaded.fingerprint() == made.fingerprint());
    CHECK(std::equal(loaded.secret().expose().begin(), loaded.secret().expose().end(), made.secret().expose().begin()));
    CHECK((loaded.not_before() == all_terms.not_before));
    CHECK((loaded.not_after() == all_terms.not_after));
    CHECK((loaded.roles() == all_terms.roles));
    CHECK((loaded.public_part() == made.public_part()));

    const auto open = certificate::load_public(folder / "ann.key");
    CHECK((open == made.public_part()));
    CHECK((open.terms() == all_terms));
    CHECK(open.key() == made.public_key());
    CHECK(slurp(folder / "ann.key").find("secret-key") == std::string::npos);
    CHECK(folder.names().size() == 2);
}

TEST_CASE("certificate files have the form that CZMQ and pyzmq read", "[keys][M1.2][M1.6]") {
    const scratch folder;
    const auto made = certificate::generate("ann", all_terms);
    made.save_public(folder / "ann.key");
    const std::string text = slurp(folder / "ann.key");
    const std::string expected = "\n\nmetadata\n"
                                 "    name = \"ann\"\n"
                                 "    not-before = \"2026-12-31T00:00:00Z\"\n"
                                 "    not-after = \"2027-01-01T01:02:03Z\"\n"
                                 "    roles = \"orders.write,audit\"\n"
                                 "    from = \"10.1.0.0/16,2001:db8::/32\"\n"
                                 "    connections = \"65536\"\n"
                                 "    domains = \"orders,prices\"\n"
                                 "    patterns = \"pull,router\"\n"
                                 "    topics = \"orders,prices.eu\"\n"
                                 "    email = \"a@b.c\"\n"
                                 "    organization = \"M\xc3\xbcller #1\"\n"
                                 "curve\n"
                                 "    public-key = \"" +
                                 made.public_key().z85() + "\"\n";
    CAPTURE(text);
    CHECK(text.ends_with(expected));
    CHECK(text.starts_with("#   ****  Generated on "));
}

TEST_CASE("certificates of CZMQ and pyzmq are loaded", "[keys][M1.6]") {
    const scratch folder;
    write(folder / "czmq.key_secret", slurp(golden("czmq.key_secret")));
    const auto czmq = certificate::load(folder / "czmq.key_secret");
    CHECK(czmq.name() == "Ann Example");
    CHECK((czmq.not_after() == new_year)); // CZMQ's users call it "expires"
    CHECK_FALSE(czmq.not_before());
    CHECK((czmq.public_part().terms().metadata == certificate_terms{.metadata = {{"email", "a@b.c"}}}.metadata));
    CHECK((certificate::load_public(golden("czmq.key")) == czmq.public_part()));

    write(folder / "pyzmq.key_secret", slurp(golden("pyzmq.key_secret")));
    const auto pyzmq = certificate::load(folder / "pyzmq.key_secret");
    CHECK(pyzmq.name() == "Alice");
    CHECK(certificate::load_public(golden("pyzmq.key")).key() == pyzmq.public_key());
    CHECK(certificate::load_public(golden("pyzmq.key")).name().empty());

    // And written again by us, they are the same.
    czmq.save(folder / "again");
    CHECK((certificate::load(folder / "again").public_part() == czmq.public_part()));
}

TEST_CASE("the certificate CZMQ was made to inject a second key into is refused", "[keys][B10]") {
    const auto refused = refusal([] { return certificate::load_public(golden("injected.key")); });
    CHECK(says(refused, error::rejected, {"injected.key", "line 11", "second time"}));
}

TEST_CASE("a secret certificate others can read is refused, also pyzmq's own 0644", "[keys][B8]") {
    const scratch folder;
    const std::string path = write(folder / "pyzmq.key_secret", slurp(golden("pyzmq.key_secret")), 0644);
    CHECK(says(refusal([&] { return certificate::load(path); }), error::rejected, {path, "0644"}));
}

TEST_CASE("public and secret certificates are not taken for each other", "[keys][B8]") {
    const scratch folder;
    const auto ann = certificate::generate("ann");
    ann.save(folder / "ann.key_secret");
    ann.save_public(folder / "ann.key");
    REQUIRE(::chmod((folder / "ann.key").c_str(), 0600) == 0);
    CHECK(says(refusal([&] { return certificate::load(folder / "ann.key"); }), error::rejected,
               {"ann.key", "no secret"}));
    const auto refused = refusal([&] { return certificate::load_public(folder / "ann.key_secret"); });
    CHECK(says(refused, error::rejected, {"ann.key_secret", "holds a secret key"}));
    quickly(ann, folder / "ann.key_sealed", "correct horse");
    CHECK(says(refusal([&] { return certificate::load_public(folder / "ann.key_sealed"); }), error::rejected,
               {"sealed"}));
}

TEST_CASE("a public certificate that every user may write is refused", "[keys][B10]") {
    const scratch folder;
    const std::string path = write(folder / "ann.key", slurp(golden("czmq.key")), 0666);
    CHECK(says(refusal([&] { return certificate::load_public(path); }), error::rejected, {path, "0666", "write"}));
}

TEST_CASE("keys that nobody or everybody could own are refused in files", "[keys][B2][T6.1]") {
    const std::string good = slurp(golden("czmq.key_secret"));
    REQUIRE_FALSE(load(good));
    const std::string pub = "4GBkALQVEgbio<9ZXETR!S5m<R(=YmD@{XooS7d5";
    const std::string sec = "<]s5SO.$HTOAY^i4iPU(CIlXQY)JzM6I*F]BF{4x";
    const std::string zeros(40, '0');
    CHECK(says(load(replaced(good, sec, zeros)), error::rejected, {"zeros", "no secret"}));
    CHECK(says(load(replaced(good, pub, zeros)), error::rejected, {"null key"}));
    const std::array<unsigned char, 32> one{1};
    std::string one_text(40, ' ');
    ih::detail::z85_encode(one.data(), one.size(), one_text.data());
    CHECK(says(load(replaced(good, pub, one_text)), error::rejected, {"low order"}));
    CHECK(says(load(replaced(good, sec, "*jY*qS?MRGyyu/aq7d7SRqnoO0Zd@jtbzd@G[u+3")), error::rejected,
               {"does not belong"}));
    CHECK(says(load(replaced(good, pub, "2/r.+ChxZwv$DW)Z)KCX{X<Fi6waIH03uQ6DO7u>")), error::rejected,
               {"does not belong"}));
    CHECK(says(load(replaced(good, sec, std::string(40, '#'))), error::rejected, {"not Z85"}));
    CHECK(says(load(replaced(good, pub, std::string(40, '#'))), error::rejected, {"not Z85"}));
}

TEST_CASE("terms in files mean one thing or are refused", "[keys][M1.4][B10]") {
    CHECK_FALSE(load(with_metadata("")));
    CHECK_FALSE(load(with_metadata("    not-before = \"2026-02-28T23:59:59Z\"\n    expires = 2028-02-29T00:00:00Z\n")));
    for (const char* const time :
         {"2027-01-01", "2027-01-01T00:00:00", "2027-01-01T00:00:00+00:00", "2027-01-01 00:00:00Z",
          "2027-01-01t00:00:00z", "2027-1-1T0:0:0Z", "2027-13-01T00:00:00Z", "2027-00-01T00:00:00Z",
          "2027-02-29T00:00:00Z", "2027-01-32T00:00:00Z", "2027-01-01T24:00:00Z", "2027-01-01T00:60:00Z",
          "2027-01-01T00:00:60Z", "2027-01-01T00:00:00.5Z", "+027-01-01T00:00:00Z", "-001-01-01T00:00:00Z", "tomorrow",
          "2027-01-01T00:00:0 Z"}) {
        CAPTURE(time);
        CHECK(says(load(with_metadata(std::string{"    not-after = \""} + time + "\"\n")), error::rejected,
                   {"not-after"}));
        CHECK(says(load(with_metadata(std::string{"    not-before = \""} + time + "\"\n")), error::rejected,
                   {"not-before"}));
    }
    CHECK(says(load(with_metadata("    not-after = 2027-01-01T00:00:00Z\n    expires = 2027-01-01T00:00:00Z\n")),
               error::rejected, {"both given"}));
    CHECK(says(load(with_metadata("    not-after = 2027-01-01T00:00:00Z\n    not-before = 2027-01-01T00:00:00Z\n")),
               error::rejected, {"never be valid"}));
    for (const char* const roles : {"", ",", "a,", ",a", "a,,b", "a,  b", "a ,b", " a", "a,a", "a;b", "caf\xc3\xa9"}) {
        CAPTURE(roles);
        CHECK(says(load(with_metadata(std::string{"    roles = \""} + roles + "\"\n")), error::rejected, {"role "}));
    }
    for (const char* const name : {"", " ann", "ann ", "a#1", "J\xc3\xbcrgen", "ih1:0000-0000-0000-0000"}) {
        CAPTURE(name);
        CHECK(says(load(with_metadata(std::string{"    name = \""} + name + "\"\n")), error::rejected, {"the name "}));
    }
    CHECK(says(load(with_metadata("    name = " + std::string(65, 'a') + "\n")), error::rejected, {"64"}));
}

TEST_CASE("what a key may do is read from its file, and a rule that is no rule refuses it", "[keys][M1.4][B10]") {
    const auto terms_of = [](std::string_view lines) {
        return certificate::load(giving(with_metadata(lines))).public_part().terms();
    };
    const auto free = terms_of("");
    CHECK((free.from.empty() && !free.connections && free.domains.empty() && free.patterns.empty() &&
           free.topics.empty()));
    CHECK(free.roles.empty());
    // As a person writes lists: with a space, or without.
    const auto bound = terms_of("    from = \"10.1.0.0/16, 2001:db8::/32,192.0.2.7/32\"\n    connections = 5\n"
                                "    domains = \"orders, prices\"\n    patterns = pull\n"
                                "    roles = \"a, b\"\n    topics = \"news, a b\"\n");
    REQUIRE(bound.from.size() == 3);
    CHECK(bound.from[1].text() == "2001:db8::/32");
    CHECK(bound.connections->count() == 5);
    CHECK((bound.domains == std::vector<std::string>{"orders", "prices"}));
    CHECK((bound.patterns == std::vector<std::string>{"pull"}));
    CHECK((bound.roles == std::vector<std::string>{"a", "b"}));
    CHECK((bound.topics == std::vector<std::string>{"news", "a b"}));

    const auto refuses = [](const char* name, const std::string& value, std::string_view because) {
        CAPTURE(name, value);
        const std::string line = std::string{"    "} + name + " = \"" + value + "\"\n";
        CHECK(says(load(with_metadata(line)), error::rejected, {because}));
    };
    for (const char* const from : {"", ",", "10.0.0.0/8,", "10.0.0.0/8;11.0.0.0/8", "anywhere", "localhost/32"})
        refuses("from", from, "address range ");
    refuses("from", "10.0.0.0/8,10.0.0.1/8", "address range 2 has bits set");
    refuses("from", "10.0.0.0/8,10.0.0.0/8", "address range 2 repeats");
    std::string many;
    for (int at = 0; at != 17; ++at) many += (at == 0 ? "10." : ",10.") + std::to_string(at) + ".0.0/16";
    refuses("from", many, "17 address ranges; at most 16");
    for (const char* const number : {"", "0", "-1", "65537", "1.5", "05", "+5", " 5", "many", "99999999999"})
        refuses("connections", number, "connections is not a number from 1 to 65536");
    for (const char* const domain : {"", "orders,", "a b", "a#1", "a/b", "orders,orders"})
        refuses("domains", domain, "domain ");
    for (const char* const pattern : {"", "PULL", "pul", "pull,", "pull,pull"})
        refuses("patterns", pattern, "pattern ");
    for (const char* const topic : {"", "prices,", "prices, ", "prices,prices"}) refuses("topics", topic, "topic ");
    refuses("topics", std::string(129, 't'), "topic 1 is not 1 to 128 characters long");
    // Nobody enforces it, so that nobody may rely on it.
    for (const char* const value : {"prices.", ""})
        refuses("routing-id", value, "routing-id is not enforced by this version");
}

TEST_CASE("the patterns that a key may name are those there are", "[keys][M1.4]") {
    const std::vector<std::string_view> all{ih::push::traits.name,   ih::pull::traits.name, ih::pub::traits.name,
                                            ih::sub::traits.name,    ih::xpub::traits.name, ih::xsub::traits.name,
                                            ih::req::traits.name,    ih::rep::traits.name,  ih::dealer::traits.name,
                                            ih::router::traits.name, ih::pair::traits.name};
    CHECK(
        std::equal(all.begin(), all.end(), std::begin(ih::detail::pattern_names), std::end(ih::detail::pattern_names)));
}

TEST_CASE("names and terms that a file could not hold safely are refused before it is written", "[keys][B10]") {
    CHECK_FALSE(generate("ann"));
    for (const char* const name : {"", " ann", "ann ", "a\"b", "a'b", "a\nb", "a\tb",
                                   "a\x7f"
                                   "b",
                                   "a#b", "\xff", "ih1:0000-0000-0000-0000-0000-0000-0000-0000"}) {
        CAPTURE(name);
        CHECK(says(generate(name), error::misuse, {"the name "}));
    }
    CHECK(says(generate(std::string(65, 'a')), error::misuse, {"64 bytes"}));
    CHECK_FALSE(generate(std::string(64, 'a')));

    CHECK_FALSE(generate("ann", {.metadata = {{"note", "x"}}}));
    for (const char* const value : {"a\"", "'", "a\nb", "a\ncurve\n    public-key = x", "\x01", "\x7f"}) {
        CAPTURE(value);
        CHECK(says(generate("ann", {.metadata = {{"note", value}}}), error::misuse, {"metadata line 1", "value"}));
    }
    CHECK(says(generate("ann", {.metadata = {{"note", std::string(513, 'x')}}}), error::misuse, {"512"}));
    for (const char* const name : {"", "a b", "a\n", "a=b", "a/b", "#", "a\"", "%s"}) {
        CAPTURE(name);
        CHECK(says(generate("ann", {.metadata = {{name, "x"}}}), error::misuse, {"metadata line 1", "name"}));
    }
    for (const char* const name :
         {"name", "not-before", "not-after", "expires", "roles", "from", "connections", "domains", "patterns",
          "routing-id", "topics", "public-key", "secret-key", "public-key-2", "secret-keys"}) {
        CAPTURE(name);
        CHECK(says(generate("ann", {.metadata = {{name, "x"}}}), error::misuse, {"reserved"}));
    }
    CHECK(says(generate("ann", {.metadata = {{"a", "x"}, {"a", "y"}}}), error::misuse, {"metadata line 2"}));
    CHECK(says(generate("ann", {.roles = {"a", "b c"}}), error::misuse, {"role 2"}));
    CHECK(says(generate("ann", {.roles = {"a,b"}}), error::misuse, {"role 1"}));
    CHECK(says(generate("ann", {.roles = {"a", "a"}}), error::misuse, {"repeats"}));
    CHECK(says(generate("ann", {.roles = std::vector<std::string>(33, "a")}), error::misuse, {"32 roles"}));
    const auto range = [](int at) { return ih::address_range::parse("10." + std::to_string(at) + ".0.0/16"); };
    CHECK(says(generate("ann", {.from = {range(1), range(1)}}), error::misuse, {"address range 2 repeats"}));
    std::vector<ih::address_range> ranges;
    for (int at = 0; at != 16; ++at) ranges.push_back(range(at));
    CHECK_FALSE(generate("ann", {.from = ranges}));
    ranges.push_back(range(16));
    CHECK(says(generate("ann", {.from = ranges}), error::misuse, {"17 address ranges; at most 16"}));
    ranges.clear();
    for (int at = 10; at != 26; ++at)
        ranges.push_back(ih::address_range::parse("2001:db8:aaaa:bbbb:cccc:dddd:ee" + std::to_string(at) + ":1/128"));
    CHECK(says(generate("ann", {.from = ranges}), error::misuse, {"512 bytes"}));
    CHECK(says(generate("ann", {.connections = ih::peers::from_config(65'537)}), error::misuse,
               {"connections is 65537; 1 to 65536"}));
    CHECK(says(generate("ann", {.domains = {"orders", "a,b"}}), error::misuse, {"domain 2 holds a comma"}));
    CHECK(says(generate("ann", {.domains = {""}}), error::misuse, {"domain 1"}));
    CHECK(says(generate("ann", {.patterns = {"publish"}}), error::misuse, {"pattern 1 is none of push"}));
    std::vector<std::string> long_roles;
    for (char which = 'a'; which < 'q'; ++which) long_roles.push_back(std::string(31, 'r') + which); // 527 with commas
    CHECK(says(generate("ann", {.roles = long_roles}), error::misuse, {"512"}));
    CHECK(says(generate("ann", {.not_before = new_year, .not_after = new_year}), error::misuse, {"never be valid"}));
    CHECK(says(generate("ann", {.not_after = new_year + std::chrono::years{9000}}), error::misuse, {"years"}));
}

TEST_CASE("the largest certificate that can be made can be read again", "[keys]") {
    const scratch folder;
    certificate_terms terms{.not_before = new_year, .not_after = new_year + 1s};
    for (int at = 10; at < 25; ++at) terms.roles.push_back(std::to_string(at) + std::string(30, 'r'));
    terms.roles.emplace_back(17, 'r'); // 512 bytes with the commas
    terms.from = all_terms.from;
    terms.connections = all_terms.connections;
    for (int at = 10; at < 17; ++at) terms.domains.push_back(std::to_string(at) + std::string(62, 'd'));
    terms.patterns.assign(std::begin(ih::detail::pattern_names), std::end(ih::detail::pattern_names));
    for (int at = 10; at < 17; ++at) terms.topics.push_back(std::to_string(at) + std::string(70, 't'));
    for (int at = 0; at < 54; ++at)
        terms.metadata.emplace_back(std::to_string(at) + std::string(62, 'n'), std::string(512, 'v'));
    const auto cert = certificate::generate(std::string(64, 'x'), terms);
    cert.save(folder / "a.key_secret");
    cert.save_public(folder / "a.key");
    quickly(cert, folder / "a.key_sealed", "correct horse");
    CHECK((certificate::load(folder / "a.key_secret").public_part() == cert.public_part()));
    CHECK((certificate::load_public(folder / "a.key") == cert.public_part()));
    const auto unsealed = certificate::load(folder / "a.key_sealed", passphrase{"correct horse"});
    CHECK((unsealed.public_part() == cert.public_part()));
}

TEST_CASE("certificates are never written over anything", "[keys][B8]") {
    const scratch folder;
    const auto ann = certificate::generate("ann");
    const auto bob = certificate::generate("bob");
    ann.save(folder / "x.key_secret");
    ann.save_public(folder / "x.key");
    quickly(ann, folder / "x.key_sealed", "correct horse");
    const auto save = [&](auto&& how) {
        return refusal([&] {
            how();
            return 0;
        });
    };
    CHECK(says(save([&] { bob.save(folder / "x.key_secret"); }), error::rejected, {"x.key_secret", "exists"}));
    CHECK(says(save([&] { bob.save_public(folder / "x.key"); }), error::rejected, {"x.key", "exists"}));
    CHECK(says(save([&] { quickly(bob, folder / "x.key_sealed", "correct horse"); }), error::rejected, {"exists"}));
    CHECK(certificate::load(folder / "x.key_secret").public_key() == ann.public_key());
    CHECK(folder.names().size() == 3);
    CHECK(says(save([&] { bob.save(""); }), error::misuse, {"empty"}));
}

TEST_CASE("no error says anything of the secret, however the file is broken", "[keys][B8]") {
    const std::string good = slurp(golden("czmq.key_secret"));
    const std::string secret = "<]s5SO.$HTOAY^i4iPU(CIlXQY)JzM6I*F]BF{4x";
    std::mt19937 random{7};
    const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random()) % limit; };
    int refusals = 0;
    for (std::size_t round = 0; round < 2000; ++round) {
        std::string text = good;
        const std::size_t at = below(text.size());
        switch (round % 4) {
        case 0: text.erase(at, 1 + below(20)); break;
        case 1: text.insert(at, 1, static_cast<char>(below(256))); break;
        case 2: text[at] = static_cast<char>(below(256)); break;
        default: text.resize(at);
        }
        const auto refused = load(text);
        if (!refused) continue;
        ++refusals;
        const std::string_view said{refused->what()};
        for (std::size_t part = 0; part + 5 <= secret.size(); ++part) {
            if (said.find(secret.substr(part, 5)) != std::string_view::npos) FAIL(said);
        }
    }
    CHECK(refusals > 1000);
}

TEST_CASE("a loaded secret exists once in memory, and saving leaves no copy", "[keys][B8]") {
    const scratch folder;
    std::optional<needle> raw;
    std::optional<needle> text;
    {
        const auto made = certificate::generate("ann");
        made.save(folder / "ann.key_secret");
        quickly(made, folder / "ann.key_sealed", "correct horse");
        raw.emplace(made.secret().expose());
        ih::detail::guarded_memory z85{40};
        ih::detail::z85_encode(made.secret().expose().data(), 32, reinterpret_cast<char*>(z85.data()));
        text.emplace(std::span{z85.data(), 40});
        z85 = {};
        CHECK(raw->copies() == 1);
        CHECK(text->copies() == 0);
    }
    CHECK(raw->copies() == 0);
    {
        const auto loaded = certificate::load(folder / "ann.key_secret");
        CHECK(raw->copies() == 1);
        CHECK(text->copies() == 0);
        const auto unsealed = certificate::load(folder / "ann.key_sealed", passphrase{"correct horse"});
        CHECK(raw->copies() == 2);
        CHECK(text->copies() == 0);
    }
    // Public files are read into ordinary memory, which is why it is wiped when a secret turns up in one.
    CHECK(refusal([&] { return certificate::load_public(folder / "ann.key_secret"); }));
    CHECK(raw->copies() == 0);
    CHECK(text->copies() == 0);
}

TEST_CASE("certificates serve where memory may not be locked", "[keys][B8]") {
    const bool pretended = mlock_is_pretended();
    const int result = in_child([pretended] {
        const rlimit none{0, 0};
        if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0 || !become_nobody()) return 2;
        const scratch folder;
        const auto made = certificate::generate("ann");
        made.save(folder / "ann.key_secret");
        const auto loaded = certificate::load(folder / "ann.key_secret");
        if (loaded.secret().locked() && !pretended) return 3;
        return loaded.public_key() == made.public_key() ? 0 : 4;
    });
    CHECK(result == 0);
}

TEST_CASE("a sealed certificate opens under its passphrase only", "[keys][M1.4]") {
    const scratch folder;
    const auto made = certificate::generate("ann", all_terms);
    quickly(made, folder / "ann.key_sealed", "correct horse");
    CHECK(mode_of(folder / "ann.key_sealed") == 0600);
    const auto open = [&](std::string_view secret) {
        return refusal([&] { return certificate::load(folder / "ann.key_sealed", passphrase{secret}); });
    };
    CHECK_FALSE(open("correct horse"));
    for (const char* const wrong : {"Correct horse", "correct horse ", "correct horse\n", "correct", "x"}) {
        CHECK(says(open(wrong), error::rejected, {"ann.key_sealed", "passphrase is wrong or the file was changed"}));
    }
    const auto loaded = certificate::load(folder / "ann.key_sealed", passphrase{"correct horse"});
    CHECK((loaded.public_part() == made.public_part()));
    CHECK(loaded.public_key() == made.public_key());
}

TEST_CASE("a sealed file shows no key, no name and no secret to anybody", "[keys][M1.4]") {
    const scratch folder;
    const auto made = certificate::generate("ann-of-accounts");
    quickly(made, folder / "a", "correct horse");
    const std::string text = slurp(folder / "a");
    CHECK(text.find("ann-of-accounts") == std::string::npos);
    CHECK(text.find(made.public_key().z85()) == std::string::npos);
    for (const char* const begin : {"public-key", "secret-key", "curve", "metadata"})
        CHECK_FALSE(has_line_beginning(text, begin));
    // CZMQ stops at a first line that is neither a name nor a name with a value.
    CHECK(text.starts_with("ironhouse-sealed-certificate 1\n"));
    quickly(made, folder / "b", "correct horse");
    CHECK(slurp(folder / "b") != text); // a fresh salt each time
}

TEST_CASE("sealed files and plain ones are not taken for each other", "[keys][M1.4]") {
    const scratch folder;
    const auto made = certificate::generate("ann");
    made.save(folder / "plain");
    quickly(made, folder / "sealed", "correct horse");
    CHECK(
        says(refusal([&] { return certificate::load(folder / "sealed"); }), error::rejected, {"passphrase is needed"}));
    // Otherwise whoever can replace the file could replace the seal.
    CHECK(says(refusal([&] { return certificate::load(folder / "plain", passphrase{"correct horse"}); }),
               error::rejected, {"not sealed"}));
}

TEST_CASE("any change to a sealed file is noticed", "[keys][M1.4][B10]") {
    const scratch folder;
    quickly(certificate::generate("ann"), folder / "a", "correct horse");
    const std::string good = slurp(folder / "a");
    const auto open = [](const std::string& text) {
        return refusal([&] { return certificate::load(giving(text), passphrase{"correct horse"}); });
    };
    REQUIRE_FALSE(open(good));
    CHECK(says(open(replaced(good, "argon2id 2 67108864", "argon2id 3 67108864")), error::rejected, {"wrong or"}));
    CHECK(says(open(replaced(good, "argon2id 2 67108864", "argon2id 2 67109888")), error::rejected, {"wrong or"}));
    std::mt19937 random{3};
    for (int round = 0; round < 12; ++round) { // each costs a derivation
        std::string text = good;
        const std::size_t at =
            good.find("salt ") + 5 + static_cast<std::size_t>(random()) % (good.size() - good.find("salt ") - 6);
        text[at] = text[at] == 'a' ? 'b' : 'a';
        CAPTURE(at);
        CHECK(says(open(text), error::rejected, {}));
    }
    const std::vector<std::string> malformed = {good + "\n",
                                                good + "x",
                                                good.substr(0, good.size() - 1),
                                                good + good,
                                                replaced(good, "certificate 1", "certificate 2"),
                                                replaced(good, "salt ", "salt  "),
                                                replaced(good, "nonce ", "salt "),
                                                replaced(good, "\nsalt", "\r\nsalt"),
                                                replaced(good, "box ", "box"),
                                                "ironhouse-sealed-certificate 1\n",
                                                good.substr(0, good.find("box ")) + "box \n",
                                                good.substr(0, good.find("box ")) + "box 00000\n"};
    for (const auto& text : malformed) {
        CAPTURE(text);
        CHECK(says(open(text), error::rejected, {}));
    }
}

TEST_CASE("a hostile sealed file cannot ask for more work than we would do ourselves", "[keys][M1.4][B10]") {
    const scratch folder;
    quickly(certificate::generate("ann"), folder / "a", "correct horse");
    const std::string good = slurp(folder / "a");
    for (const char* const cost :
         {"2 1099511627776", "2 1073741825", "5 67108864", "1000000 67108864", "1 67108864", "2 8192", "0 0",
          "-2 67108864", "2 -1", "18446744073709551618 67108864", "2 067108864", "2", "", "2 67108864 1",
          "0x2 67108864", " 2 67108864", "2  67108864"}) {
        CAPTURE(cost);
        const std::string text = replaced(good, "2 67108864", cost);
        const auto begun = std::chrono::steady_clock::now();
        CHECK(says(refusal([&] { return certificate::load(giving(text), passphrase{"correct horse"}); }),
                   error::rejected, {}));
        CHECK(std::chrono::steady_clock::now() - begun < 1s);
    }
}

TEST_CASE("sealing by default costs 256 MiB, and a machine without it is told so", "[keys][M1.4]") {
    const scratch folder;
    const auto made = certificate::generate("ann");
    made.save(folder / "a", passphrase{"correct horse"});
    CHECK(slurp(folder / "a").find("argon2id 3 268435456\n") != std::string::npos);
    CHECK(certificate::load(folder / "a", passphrase{"correct horse"}).public_key() == made.public_key());
    if (mlock_is_pretended()) return; // sanitizers need the address space that is taken away here
    const int result = in_child([&] {
        const rlim_t room = mapped_bytes() + (rlim_t{128} << 20);
        const rlimit small{room, room};
        if (::setrlimit(RLIMIT_AS, &small) != 0) return 2;
        const auto refused = refusal([&] { return certificate::load(folder / "a", passphrase{"correct horse"}); });
        return says(refused, error::exhausted, {"256 MiB"}) ? 0 : 3;
    });
    CHECK(result == 0);
}

TEST_CASE("passphrases that protect nothing are refused", "[keys][M1.4]") {
    const scratch folder;
    const auto made = certificate::generate("ann");
    CHECK(says(refusal([] { return passphrase{""}; }), error::misuse, {"1 to 1024"}));
    CHECK(says(refusal([] { return passphrase{std::string(1025, 'x')}; }), error::misuse, {"1 to 1024"}));
    const auto refused = refusal([&] {
        quickly(made, folder / "a", "7 bytes");
        return 0;
    });
    CHECK(says(refused, error::misuse, {"7 bytes; at least 8"}));
    CHECK(folder.names().empty());
}

TEST_CASE("a key that arrived by another way becomes a public certificate", "[keys][M1.2]") {
    const scratch folder;
    const auto key = ih::public_key::from_z85("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7");
    public_certificate::of("ann", key, {.roles = {"orders"}}).save(folder / "ann.key");
    const auto loaded = certificate::load_public(folder / "ann.key");
    CHECK(loaded.key() == key);
    CHECK((loaded.roles() == std::vector<std::string>{"orders"}));
    CHECK(slurp(folder / "ann.key").find(key.fingerprint()) != std::string::npos);
}

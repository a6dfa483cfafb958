// SPDX-License-Identifier: MIT
#include <ironhouse/socket/advisory.hpp>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"

namespace {

namespace advisory = ironhouse::advisory;
using advisory::action;
using advisory::version;
using ironhouse::error;

std::vector<std::vector<std::string>> read_csv(const std::string& path) {
    std::ifstream file{path};
    REQUIRE(file.good());
    std::vector<std::vector<std::string>> rows;
    for (std::string line; std::getline(file, line);) {
        std::vector<std::string> fields{""};
        bool quoted = false;
        for (const char c : line) {
            if (c == '"')
                quoted = !quoted;
            else if (c == ',' && !quoted)
                fields.emplace_back();
            else
                fields.back() += c;
        }
        REQUIRE(!quoted);
        rows.push_back(std::move(fields));
    }
    return rows;
}

version read_version(const std::string& text, int digit_for_x) {
    int numbers[3] = {};
    char dot = 0;
    std::string patch;
    std::istringstream in{text};
    in >> numbers[0] >> dot >> numbers[1] >> dot >> patch;
    CAPTURE(text);
    REQUIRE(!patch.empty());
    numbers[2] = patch == "x" ? digit_for_x : std::stoi(patch);
    return {numbers[0], numbers[1], numbers[2]};
}

// A second reading of the table's prose, so that a slip in the ranges does not pass.
bool prose_says_affected(std::string prose, version v) {
    if (const auto remark = prose.find(" ("); remark != std::string::npos) prose.erase(remark);
    std::istringstream parts{prose};
    for (std::string part; std::getline(parts, part, ';');) {
        part.erase(0, part.find_first_not_of(' '));
        if (part.starts_with("pre-4.3.3 development range")) {
            if (v == version{4, 3, 3}) return true; // the number such a snapshot gives
        } else if (part.starts_with("<=")) {
            if (v <= read_version(part.substr(2), 0)) return true;
        } else if (part.starts_with("<")) {
            if (v < read_version(part.substr(1), 0)) return true;
        } else if (part.ends_with(" only")) {
            if (v == read_version(part.substr(0, part.size() - 5), 0)) return true;
        } else if (const auto dash = part.find('-'); dash != std::string::npos) {
            if (read_version(part.substr(0, dash), 0) <= v && v <= read_version(part.substr(dash + 1), 99)) return true;
        } else if (v == read_version(part, 0)) {
            return true;
        }
    }
    return false;
}

const std::vector<version>& releases() {
    static const std::vector<version> all{{3, 2, 5},  {4, 0, 0}, {4, 0, 4}, {4, 0, 5}, {4, 0, 6}, {4, 0, 8}, {4, 0, 9},
                                          {4, 0, 10}, {4, 1, 0}, {4, 1, 1}, {4, 1, 4}, {4, 1, 6}, {4, 1, 7}, {4, 1, 8},
                                          {4, 2, 0},  {4, 2, 1}, {4, 2, 5}, {4, 3, 0}, {4, 3, 1}, {4, 3, 2}, {4, 3, 3},
                                          {4, 3, 4},  {4, 3, 5}, {4, 3, 6}, {4, 4, 0}, {5, 0, 0}};
    return all;
}

std::optional<std::string> no_package() { return std::nullopt; }
std::optional<std::string> debian_12() { return "4.3.4-6"; }
std::optional<std::string> must_not_be_asked() { throw std::runtime_error{"asked for the package"}; }

std::vector<std::string> ids(const std::vector<advisory::finding>& found) {
    std::vector<std::string> names;
    for (const auto& f : found) names.emplace_back(f.known->id);
    return names;
}

bool names(const std::vector<advisory::finding>& found, const std::string& id) {
    for (const auto& f : found)
        if (f.known->id == id) return true;
    return false;
}

} // namespace

TEST_CASE("the table is the published one, row by row", "[advisory][T8]") {
    const auto csv = read_csv(IRONHOUSE_TEST_DATA "/advisories.csv");
    REQUIRE(csv.size() == std::size(advisory::table) + 1);
    const std::vector<std::string> heading{"id",       "aliases",    "affected",     "fixed_in",
                                           "severity", "confidence", "precondition", "effect"};
    REQUIRE(csv.front() == heading);
    for (std::size_t i = 1; i != csv.size(); ++i) {
        const auto& r = advisory::table[i - 1];
        const std::vector<std::string> ours{
            std::string{r.id},       std::string{r.aliases},    std::string{r.affected},     std::string{r.fixed_in},
            std::string{r.severity}, std::string{r.confidence}, std::string{r.precondition}, std::string{r.effect}};
        CHECK(csv[i] == ours);
        for (const version v : releases()) {
            CAPTURE(r.id, v.text());
            CHECK(r.affects(v) == prose_says_affected(csv[i][2], v));
        }
    }
}

TEST_CASE("every row has an action, a reason, and a feature if and only if it waits for one", "[advisory][T8]") {
    for (const auto& r : advisory::table) {
        CAPTURE(r.id);
        CHECK(r.reason.size() > 20);
        CHECK((r.act == action::only_with) == (r.with != nullptr));
        CHECK(r.then != action::only_with);
        CHECK(advisory::find(r.id) == &r);
    }
}

TEST_CASE("every published remote hole refuses the library", "[advisory][T8]") {
    for (const auto& r : advisory::table)
        if (r.id.starts_with("CVE-")) {
            CAPTURE(r.id);
            CHECK(r.act == action::refuse);
        }
}

TEST_CASE("some release can be used, and none before 4.3.4", "[advisory][T8]") {
    for (const version v : releases()) {
        CAPTURE(v.text());
        if (v < version{4, 3, 4})
            CHECK_THROWS_AS(advisory::review(v, no_package, {}), error);
        else
            CHECK_NOTHROW(advisory::review(v, no_package, {}));
    }
}

TEST_CASE("a refusal names the version, every row and the way out", "[advisory][T8]") {
    try {
        (void)advisory::review({4, 3, 2}, no_package, {});
        FAIL("libzmq 4.3.2 was let in");
    } catch (const error& e) {
        const std::string text = e.what();
        CHECK(e.why() == error::unavailable);
        for (const char* const part : {"4.3.2", "CVE-2020-15166", "CVE-2021-20235", "CVE-2021-20236", "update libzmq"})
            CHECK(text.find(part) != std::string::npos);
        CHECK(text.find("NOREL-PIPE-DFREE") == std::string::npos);
    }
}

TEST_CASE("a row that needs a feature is silent without it", "[advisory][T8]") {
    const auto plain = advisory::applying({4, 3, 5}, std::nullopt);
    CHECK(ids(plain) == std::vector<std::string>{"NOREL-PIPE-DFREE"});

    const auto kerberos = advisory::applying({4, 3, 5}, std::nullopt, {.gssapi = true});
    CHECK(names(kerberos, "NOREL-GSSAPI-ZAP"));
    CHECK_THROWS_AS(advisory::review({4, 3, 5}, no_package, {}, {.gssapi = true}), error);
    CHECK_NOTHROW(advisory::review({4, 3, 6}, no_package, {}, {.gssapi = true}));

    CHECK(!names(advisory::applying({4, 3, 4}, std::nullopt), "435-ZMTP2-TIMER"));
    CHECK(names(advisory::applying({4, 3, 4}, std::nullopt, {.plaintext = true}), "435-ZMTP2-TIMER"));
    CHECK_THROWS_AS(advisory::review({4, 3, 4}, no_package, {}, {.live_hwm = true}), error);
    CHECK_THROWS_AS(advisory::review({4, 3, 4}, no_package, {}, {.draft_udp = true}), error);
    CHECK_THROWS_AS(advisory::review({4, 3, 4}, no_package, {}, {.xpub_manual = true}), error);
}

TEST_CASE("a development head that calls itself 4.3.6 has no known weakness", "[advisory][T8]") {
    CHECK(advisory::applying({4, 3, 6}, std::nullopt, {true, true, true, true, true}).empty());
}

TEST_CASE("a row is accepted by name: a refusal becomes a warning, a warning falls silent", "[advisory][T8]") {
    const std::vector<std::string> all_but_one{"CVE-2021-20234", "CVE-2021-20235", "CVE-2021-20236", "CVE-2021-20237"};
    CHECK_THROWS_AS(advisory::review({4, 3, 2}, no_package, all_but_one), error);

    auto all = all_but_one;
    all.emplace_back("CVE-2020-15166");
    all.emplace_back("NOREL-PIPE-DFREE");
    const auto warnings = advisory::review({4, 3, 2}, no_package, all);
    CHECK(names(warnings, "CVE-2020-15166"));
    CHECK(!names(warnings, "NOREL-PIPE-DFREE"));
    for (const auto& w : warnings) CHECK(w.act == action::warn);
}

TEST_CASE("an accepted id that is not in the table is misuse", "[advisory][T8]") {
    for (const char* const id : {"CVE-2099-1", "", "cve-2020-15166", "CVE-2020-15166 "}) {
        const std::vector<std::string> accepted{id};
        CAPTURE(id);
        try {
            (void)advisory::review({4, 3, 5}, no_package, accepted);
            FAIL("accepted");
        } catch (const error& e) {
            CHECK(e.why() == error::misuse);
        }
    }
}

TEST_CASE("a distribution's patched package is told from upstream's version", "[advisory][T8]") {
    CHECK(names(advisory::review({4, 3, 4}, no_package, {}), "435-EINTR"));
    CHECK(!names(advisory::review({4, 3, 4}, debian_12, {}), "435-EINTR"));
    CHECK(names(advisory::review({4, 3, 4}, debian_12, {}), "435-ROUTER-META"));

    SECTION("only the packages that carry the patch count") {
        CHECK(names(advisory::applying({4, 3, 4}, "4.3.4-2"), "435-EINTR"));
        CHECK(names(advisory::applying({4, 3, 4}, "4.3.4-1+deb11u1"), "435-EINTR"));
        CHECK(!names(advisory::applying({4, 3, 4}, "4.3.4-5"), "435-EINTR"));
    }
    SECTION("a patch for one row heals no other") {
        const auto found = advisory::applying({4, 2, 1}, "4.2.1-4+deb9u4");
        CHECK(!names(found, "CVE-2021-20235"));
        CHECK(names(found, "CVE-2021-20236"));
    }
    SECTION("a newer branch without the patch is not taken for an older one with it") {
        CHECK(!names(advisory::applying({4, 3, 1}, "4.3.1-4+deb10u1"), "CVE-2019-13132"));
        CHECK(names(advisory::applying({4, 3, 1}, "4.3.1-3ubuntu2"), "CVE-2019-13132"));
        CHECK(names(advisory::applying({4, 3, 1}, "4.3.1-5"), "CVE-2020-15166"));
    }
    SECTION("a package of another version than the loaded library is not believed") {
        CHECK(names(advisory::applying({4, 3, 2}, "4.3.4-6"), "435-EINTR"));
        CHECK(names(advisory::applying({4, 2, 5}, "4.2.1-4+deb9u4"), "CVE-2020-15166"));
    }
}

TEST_CASE("the package is looked up only where it can change the answer", "[advisory][T8]") {
    CHECK_NOTHROW(advisory::review({4, 3, 5}, must_not_be_asked, {}));
    CHECK_THROWS_AS(advisory::review({4, 3, 0}, must_not_be_asked, {}), error);
    CHECK_THROWS_AS(advisory::review({4, 3, 4}, must_not_be_asked, {}), std::runtime_error);
}

TEST_CASE("each patched package names a row, says where it was read, and spans one upstream version", "[advisory]") {
    for (const auto& p : advisory::patched_packages) {
        CAPTURE(p.id, p.from, p.below);
        CHECK(advisory::find(p.id) != nullptr);
        CHECK(!p.source.empty());
        using ironhouse::detail::debian_version;
        CHECK(debian_version{p.from} < debian_version{p.below});
    }
}

TEST_CASE("the library this machine runs with passes", "[advisory][T8]") {
    INFO("libzmq " << version::loaded().text());
    CHECK_NOTHROW(advisory::review({}));
}

TEST_CASE("the table is dated", "[advisory][T8]") {
    const std::string date{advisory::table_date()};
    REQUIRE(date.size() == 10);
    CHECK(date > "2026-01-01");
    CHECK(date[4] == '-');
    CHECK(date[7] == '-');
}

// SPDX-License-Identifier: MIT

/// \file
/// audit says of this machine's libzmq what a context would say, and no more than the table holds.

#include <algorithm>
#include <string>

#include <ironhouse/socket/advisory.hpp>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "command.hpp"

namespace ih = ironhouse;
using namespace tools;

TEST_CASE("audit agrees with what a context decides", "[tools][T8.2][T8.1]") {
    const auto end = run({"audit", "--json"});
    const auto all = nlohmann::json::parse(end.said);
    bool starts = true;
    try {
        const ih::context context;
    } catch (const ih::error&) {
        starts = false;
    }
    CHECK(end.code == (starts ? 0 : 1));
    CHECK(all["refused"] == !starts);
    CHECK(all["libzmq"]["version"] == ih::advisory::version::loaded().text());
    CHECK(all["table"]["date"] == ih::advisory::table_date());
    const auto& built_in = all["libzmq"]["built_in"];
    CHECK((std::find(built_in.begin(), built_in.end(), "curve") != built_in.end()) == (::zmq_has("curve") != 0));
    const auto package = ih::detail::installed_libzmq();
    const auto applying = ih::advisory::applying(ih::advisory::version::loaded(),
                                                 package ? std::optional<std::string_view>{*package} : std::nullopt);
    for (const auto& finding : applying) {
        const auto at = std::find_if(all["advisories"].begin(), all["advisories"].end(),
                                     [&](const auto& row) { return row["id"] == finding.known->id; });
        REQUIRE(at != all["advisories"].end());
        CHECK((*at)["verdict"] == (finding.act == ih::advisory::action::refuse ? "refuse" : "warn"));
    }
}

TEST_CASE("audit in words names the table's date and every row", "[tools][T8.2]") {
    const auto words = run({"audit"});
    CHECK(contains(words.said, std::string{ih::advisory::table_date()}));
    for (const auto& row : nlohmann::json::parse(run({"audit", "--json"}).said)["advisories"])
        CHECK(contains(words.said, row["id"]));
}

TEST_CASE("an advisory is accepted by its id only", "[tools][T8.1]") {
    CHECK(run({"audit", "--accept", "CVE-0000-0000"}).code == 2);
    const auto rows = nlohmann::json::parse(run({"audit", "--json"}).said)["advisories"];
    if (rows.empty()) return;
    const std::string id = rows.front()["id"];
    const auto accepted = nlohmann::json::parse(run({"audit", "--json", "--accept", id}).said)["advisories"];
    const auto at = std::find_if(accepted.begin(), accepted.end(), [&](const auto& row) { return row["id"] == id; });
    REQUIRE(at != accepted.end());
    CHECK((*at)["verdict"] == "accepted");
}

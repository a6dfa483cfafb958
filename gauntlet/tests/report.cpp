// SPDX-License-Identifier: MIT

#include "../report.hpp"

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "../../tests/catch.hpp"

using gauntlet::byte_axis;
using gauntlet::escaped;
using gauntlet::step_for;

namespace {

constexpr std::uint64_t MiB = 1ULL << 20U;
constexpr std::string_view replaced = "\xef\xbf\xbd";
constexpr const char* hostile = "</title></style><script>alert('1')</script>\"\x1b[2J\xff";

gauntlet::outcome came(std::uint64_t resident, std::optional<double> ended) {
    gauntlet::outcome all{.text = hostile, .figure = hostile};
    all.honest = gauntlet::honest_figures{.sent = 40, .delivered = 39, .median_ms = 0.25, .p90_ms = 12.5};
    all.memory.push_back({.samples = {{0.0, 4 * MiB, 90 * MiB}, {0.5, resident, 90 * MiB}, {1.0, resident, 90 * MiB}},
                          .peak = resident + MiB,
                          .ended = ended});
    return all;
}

gauntlet::report one_row(const gauntlet::attack& what) {
    gauntlet::report all{.versions = {{hostile, hostile}}, .date = hostile, .command = hostile, .seconds = 1};
    all.rows.push_back({&what, came(300 * MiB, 0.8), came(8 * MiB, std::nullopt), 1.0});
    all.rows.back().ironhouse.held = true;
    return all;
}

bool has(const std::string& page, std::string_view text) { return page.find(text) != std::string::npos; }

} // namespace

TEST_CASE("text is escaped for content and for attributes") {
    CHECK(escaped("one & <two> \"three\" 'four'") == "one &amp; &lt;two&gt; &quot;three&quot; &#39;four&#39;");
    CHECK(escaped("") == "");
    CHECK(escaped("{} {0} %s") == "{} {0} %s");
}

TEST_CASE("UTF-8 stays, and what is none is replaced byte by byte") {
    CHECK(escaped("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91") == "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91");
    for (const std::string_view bad : {"\xff", "\x80", "\xc3", "\x1b", "\x7f", "\n"}) CHECK(escaped(bad) == replaced);
    CHECK(escaped(std::string_view{"\0", 1}) == replaced);
    CHECK(escaped("\xc0\xbc") == std::string{replaced} + std::string{replaced}); // "<", written longer than it may be
    CHECK_FALSE(has(escaped("\xed\xa0\x80"), "\xed"));                           // half a surrogate pair
    CHECK_FALSE(has(escaped("\xe2\x80\xae"), "\xe2\x80\xae")); // would turn the rest of the line round
    CHECK_FALSE(has(escaped("\xef\xbf\xbf"), "\xef\xbf\xbf"));
    CHECK(escaped("\xe2\x82<") == std::string{replaced} + std::string{replaced} + "&lt;"); // cut short
}

TEST_CASE("the axis for bytes holds the largest and ends at a round number") {
    CHECK(byte_axis::holding(0).top == 16 * MiB);
    CHECK(byte_axis::holding(16 * MiB).top == 16 * MiB);
    CHECK(byte_axis::holding(16 * MiB + 1).top == 24 * MiB);
    CHECK(byte_axis::holding(25 * MiB).top == 32 * MiB);
    CHECK(byte_axis::holding(925 * MiB).top == 1024 * MiB);
    for (std::uint64_t size = 1; size < 5000 * MiB; size += size / 3 + 1) {
        const byte_axis axis = byte_axis::holding(size);
        CHECK(axis.top >= size);
        CHECK((axis.top == 16 * MiB || axis.top <= size * 3 / 2 + MiB));
        CHECK(axis.top / axis.intervals % (4 * MiB) == 0);
    }
}

TEST_CASE("the axis for seconds has two to six marks after the first") {
    const auto is = [](double step, double wanted) { return std::abs(step - wanted) < wanted / 1000; };
    CHECK(is(step_for(0.1), 0.02));
    CHECK(is(step_for(1), 0.2));
    CHECK(is(step_for(9), 2));
    CHECK(is(step_for(59), 10));
    for (double seconds = 0.1; seconds < 4000; seconds *= 1.1) {
        CHECK(seconds / step_for(seconds) <= 6);
        CHECK(seconds / step_for(seconds) >= 2);
    }
}

TEST_CASE("nothing a program said becomes markup") {
    const gauntlet::attack what{.id = "row<1>",
                                .threats = "T5.1 <b>",
                                .what = hostile,
                                .keys = gauntlet::bare_keys::none,
                                .bare = hostile,
                                .figure = hostile,
                                .run = nullptr,
                                .plots = gauntlet::plotted::address_space_too};
    const std::string page = report_page(one_row(what));
    CHECK_FALSE(has(page, "<script"));
    CHECK_FALSE(has(page, "alert('"));
    CHECK_FALSE(has(page, "<b>"));
    CHECK_FALSE(has(page, "row<1>"));
    CHECK_FALSE(has(page, "\x1b"));
    CHECK_FALSE(has(page, "\xff"));
    CHECK(has(page, "&lt;script&gt;alert(&#39;1&#39;)"));
}

TEST_CASE("a row shows both verdicts, both peaks, and who ended") {
    const gauntlet::attack what{.id = "row",
                                .threats = "T5.1 B10",
                                .what = "tries",
                                .keys = gauntlet::bare_keys::none,
                                .bare = "usual",
                                .figure = "orders",
                                .run = nullptr};
    const std::string page = report_page(one_row(what));
    CHECK(has(page, "<strong>1 of 1</strong> attacks held by Ironhouse"));
    CHECK(has(page, "<strong>0 of 1</strong> attacks held by bare cppzmq"));
    CHECK(has(page, "bare cppzmq: peak 301 MiB; process ended at 0.8 s"));
    CHECK(has(page, "Ironhouse: peak 9.0 MiB<"));
    CHECK(has(page, "bare cross"));
    CHECK_FALSE(has(page, "ih cross"));
    CHECK(has(page, "39 of 40 orders (median 0.2 ms, p90 12 ms)"));
    CHECK_FALSE(has(page, "Address space"));
    CHECK(has(page, "<dt>B10</dt>"));
    CHECK_FALSE(has(page, "<dt>B1</dt>"));
}

TEST_CASE("a line lies where its figures are") {
    const gauntlet::attack what{.id = "row",
                                .threats = "",
                                .what = "tries",
                                .keys = gauntlet::bare_keys::none,
                                .bare = "usual",
                                .figure = "orders",
                                .run = nullptr};
    gauntlet::report all = one_row(what);
    all.rows.front().bare.memory.front() = {.samples = {{0, 0, 0}, {0.5, 8 * MiB, 0}, {1, 16 * MiB, 0}},
                                            .peak = 16 * MiB};
    // From the left lower corner to the right upper one.
    CHECK(has(report_page(all), R"(<path class="bare" d="M40.0 182.0L244.0 103.0L448.0 24.0"/>)"));
}

TEST_CASE("a row without samples is a row all the same") {
    const gauntlet::attack what{.id = "row",
                                .threats = "",
                                .what = "tries",
                                .keys = gauntlet::bare_keys::none,
                                .bare = "usual",
                                .figure = "orders",
                                .run = nullptr};
    gauntlet::report all;
    all.rows.push_back({&what, {}, {}, 0});
    const std::string page = report_page(all);
    CHECK(has(page, "bare cppzmq: not measured"));
    CHECK(has(page, "id=\"attack-row\""));
    CHECK_FALSE(has(page, "nan"));
    CHECK_FALSE(has(page, "inf "));
}

// SPDX-License-Identifier: MIT

/// \file
/// The page is filled in from small forms. filled() escapes whatever is put in unless it is markup already, so that
/// forgetting it is not possible. Gauntlet.

#include "report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

namespace gauntlet {

namespace {

constexpr std::uint64_t MiB = 1ULL << 20U;

/// Markup that is finished. Made here only, from forms that are literals of this file.
struct markup {
    std::string text{};
    markup& operator+=(const markup& more) {
        text += more.text;
        return *this;
    }
};

const std::string& put(const markup& done) { return done.text; }
std::string put(std::string_view text) { return escaped(text); }

template <class... Parts> markup filled(std::string_view form, const Parts&... parts) {
    return {fmt::format(fmt::runtime(form), put(parts)...)};
}

/// Length of the UTF-8 character at the front; 0 when there is none, or one that markup may not contain.
std::size_t character(std::string_view text) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return lead >= 0x20 && lead != 0x7f ? 1 : 0;
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
    std::uint32_t code = lead & (0x7fU >> length);
    for (std::size_t i = 1; i != length; ++i) {
        if ((byte(i) & 0xc0U) != 0x80) return 0;
        code = code << 6U | (byte(i) & 0x3fU);
    }
    constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    const bool direction = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069); // reorders text
    if (code < least[length] || code > 0x10ffff || (code >= 0x80 && code < 0xa0) || surrogate || direction ||
        (code & 0xfffeU) == 0xfffe)
        return 0;
    return length;
}

std::string in_MiB(std::uint64_t bytes) {
    const double amount = static_cast<double>(bytes) / double{MiB};
    return amount >= 99.5 ? fmt::format("{:.0f} MiB", amount) : fmt::format("{:.1f} MiB", amount);
}

std::string in_ms(double ms) { return ms < 9.95 ? fmt::format("{:.1f} ms", ms) : fmt::format("{:.0f} ms", ms); }

// --- plots ------------------------------------------------------------------------------------------------------------

/// Which figure of a sample a plot shows.
struct quantity {
    const char* name;
    std::uint64_t memory_sample::*figure;
    std::uint64_t limit; ///< drawn as a line where it is not zero
};
constexpr quantity resident{"Resident memory", &memory_sample::resident, 0};
constexpr quantity space{"Address space", &memory_sample::space, 1ULL << 30U};

std::uint64_t largest(const outcome& came, const quantity& what) {
    std::uint64_t most = 0;
    for (const process_memory& process : came.memory) {
        for (const memory_sample& sample : process.samples) most = std::max(most, sample.*what.figure);
        // The line is drawn through samples; the kernel's mark is what the peak is.
        if (what.figure == &memory_sample::resident) most = std::max(most, process.peak);
    }
    return most;
}

/// How many processes ended by themselves.
std::size_t ends(const outcome& came) {
    return static_cast<std::size_t>(
        std::count_if(came.memory.begin(), came.memory.end(), [](const auto& p) { return p.ended.has_value(); }));
}

std::string peak_in_words(const outcome& came, const quantity& what) {
    if (came.memory.empty()) return "not measured";
    std::string words = "peak " + in_MiB(largest(came, what));
    const std::size_t all = came.memory.size();
    if (all > 1) words += fmt::format(" over {} starts", all);
    if (const std::size_t ended = ends(came); ended != 0) {
        words += all > 1 ? fmt::format("; {} ended by themselves", ended) : std::string{"; process ended"};
        if (all == 1) words += fmt::format(" at {:.1f} s", *came.memory.front().ended);
    }
    return words;
}

class plot {
public:
    plot(const finished_row& row, const quantity& what, std::string name)
        : row_{row}, what_{what}, name_{std::move(name)}, seconds_{std::max(row.seconds, 0.1)},
          axis_{byte_axis::holding(std::max({largest(row.bare, what), largest(row.ironhouse, what), what.limit}))} {}

    [[nodiscard]] markup draw() const {
        markup inside;
        inside += bytes();
        inside += seconds();
        if (what_.limit != 0)
            inside +=
                filled(R"(<line class="limit" x1="{}" x2="{}" y1="{}" y2="{}"/>)"
                       R"(<text class="tick" x="{}" y="{}" text-anchor="end">limit of each process: 1 GiB</text>)",
                       number(left), number(right), number(y(what_.limit)), number(y(what_.limit)), number(right),
                       number(y(what_.limit) - 7));
        // Ironhouse last: where both lie on one line, the dashes show it.
        inside += line(row_.bare, "bare");
        inside += line(row_.ironhouse, "ih");
        inside += labels();
        return filled(R"(<svg class="plot" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-t {}-d">)"
                      R"(<title id="{}-t">{} during {}</title><desc id="{}-d">{}</desc>{}</svg>)",
                      number(width), number(height), name_, name_, name_, what_.name, row_.what->id, name_, in_words(),
                      inside);
    }

private:
    struct point {
        double x, y;
    };

    static constexpr double width = 460, height = 214;
    static constexpr double left = 40, right = 448, top = 24, bottom = 182;

    static std::string number(double value) { return fmt::format("{:.4g}", value); }
    [[nodiscard]] double x(double at) const { return left + (right - left) * std::clamp(at / seconds_, 0.0, 1.0); }
    [[nodiscard]] double y(std::uint64_t value) const {
        return bottom - (bottom - top) * static_cast<double>(value) / static_cast<double>(axis_.top);
    }
    [[nodiscard]] std::string in_words() const {
        return fmt::format("{} in MiB over {:.1f} seconds, both axes from 0. Bare cppzmq: {}. Ironhouse: {}.",
                           what_.name, seconds_, peak_in_words(row_.bare, what_), peak_in_words(row_.ironhouse, what_));
    }

    [[nodiscard]] markup bytes() const {
        markup all = filled(R"(<text class="unit" x="{}" y="11" text-anchor="end">MiB</text>)", number(left - 7));
        for (unsigned i = 0; i <= axis_.intervals; ++i) {
            const std::uint64_t value = axis_.top / axis_.intervals * i;
            all += filled(R"(<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>)"
                          R"(<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>)",
                          i == 0 ? "axis" : "grid", number(left), number(right), number(y(value)), number(y(value)),
                          number(left - 7), number(y(value) + 4), fmt::format("{}", value / MiB));
        }
        return all;
    }
    [[nodiscard]] markup seconds() const {
        markup all;
        const double step = step_for(seconds_);
        for (int i = 0; i * step <= seconds_; ++i) {
            const double at = i * step;
            const bool last = (i + 1) * step > seconds_;
            all += filled(R"(<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>)"
                          R"(<text class="tick" x="{}" y="{}" text-anchor="middle">{}{}</text>)",
                          number(x(at)), number(x(at)), number(bottom), number(bottom + 4), number(x(at)),
                          number(bottom + 18), fmt::format("{:g}", at), last ? " s" : "");
        }
        return all;
    }

    [[nodiscard]] markup line(const outcome& came, std::string_view who) const {
        markup all;
        for (const process_memory& process : came.memory) {
            std::string path;
            point at{};
            for (const memory_sample& sample : process.samples) {
                at = {x(sample.seconds), y(sample.*what_.figure)};
                path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", at.x, at.y);
            }
            if (path.empty()) continue;
            all += filled(R"(<path class="{}" d="{}"/>)", who, path);
            if (process.ended) all += cross(at, who);
        }
        return all;
    }
    /// The end of a process.
    static markup cross(point at, std::string_view who) {
        constexpr double arm = 5;
        return filled(R"(<path class="{} cross" d="M{} {}L{} {}M{} {}L{} {}"/>)", who, number(at.x - arm),
                      number(at.y - arm), number(at.x + arm), number(at.y + arm), number(at.x - arm),
                      number(at.y + arm), number(at.x + arm), number(at.y - arm));
    }

    struct box {
        double x, y, width;
        [[nodiscard]] bool inside() const { return x >= left && x + width <= right + 8 && y <= bottom - 3 && y >= 12; }
        [[nodiscard]] bool meets(const box& other) const {
            return x < other.x + other.width + 10 && other.x < x + width + 10 && std::abs(y - other.y) < 15;
        }
    };

    /// How much of the lines a label there would lie on.
    [[nodiscard]] int covered(const box& place) const {
        int hits = 0;
        for (const outcome* came : {&row_.bare, &row_.ironhouse})
            for (const process_memory& process : came->memory) {
                std::optional<point> from;
                for (const memory_sample& sample : process.samples) {
                    const point to{x(sample.seconds), y(sample.*what_.figure)};
                    constexpr int pieces = 8;
                    for (int i = 1; from && i <= pieces; ++i) {
                        const double sx = from->x + (to.x - from->x) * i / pieces;
                        const double sy = from->y + (to.y - from->y) * i / pieces;
                        hits += static_cast<int>(sx >= place.x && sx <= place.x + place.width && sy >= place.y - 12 &&
                                                 sy <= place.y + 3);
                    }
                    from = to;
                }
            }
        return hits;
    }

    /// Names on the lines themselves, each where it covers least.
    [[nodiscard]] markup labels() const {
        markup all;
        std::optional<box> taken;
        const auto place = [&](const outcome& came, std::string_view who, std::string_view text, double wide,
                               bool above) {
            const process_memory* longest = nullptr;
            for (const process_memory& process : came.memory)
                if (longest == nullptr || process.samples.size() > longest->samples.size()) longest = &process;
            if (longest == nullptr || longest->samples.empty()) return;
            std::optional<box> best;
            int least = 0;
            for (const double along : {1.0, 0.75, 0.5, 0.25, 0.0})
                for (const double away : {-7.0, 16.0, -20.0}) {
                    const auto i = static_cast<std::size_t>(along * static_cast<double>(longest->samples.size() - 1));
                    const memory_sample& sample = longest->samples[i];
                    for (const double shift : {-wide + 4, 8.0}) {
                        const box here{x(sample.seconds) + shift, y(sample.*what_.figure) + away, wide};
                        if (!here.inside() || (taken && here.meets(*taken))) continue;
                        if (what_.limit != 0 && here.y < top) continue; // that is where the limit has its own
                        const int hits = 4 * covered(here) + (away == -20.0 ? 3 : 0) + (shift > 0 ? 1 : 0) +
                                         ((away > 0) == above ? 6 : 0);
                        if (!best || hits < least) best = here, least = hits;
                    }
                }
            if (!best) return; // the line under the plot names it as well
            taken = best;
            all +=
                filled(R"(<text class="name {}" x="{}" y="{}">{}</text>)", who, number(best->x), number(best->y), text);
        };
        // The upper line has its name above it, the lower one below, where there is room.
        const bool bare_above = largest(row_.bare, what_) > largest(row_.ironhouse, what_);
        // Widths at the larger size small screens get.
        place(row_.bare, "bare", "bare", 34, bare_above);
        place(row_.ironhouse, "ih", "Ironhouse", 73, !bare_above);
        return all;
    }

    const finished_row& row_;
    const quantity& what_;
    std::string name_;
    double seconds_;
    byte_axis axis_;
};

// --- the parts of the page --------------------------------------------------------------------------------------------

constexpr std::string_view style = R"css(
:root{color-scheme:light dark;--paper:#fbfaf8;--card:#fff;--ink:#1d2329;--soft:#5a646e;--rule:#dcdfe2;--grid:#e8eaec;
--bare:#b8480a;--ih:#0b62a8;--bare-wash:#fbeee5;--ih-wash:#e6f0f8}
@media (prefers-color-scheme:dark){:root{--paper:#14181c;--card:#1b2126;--ink:#e5e8ea;--soft:#a1abb4;--rule:#353d45;
--grid:#2b3239;--bare:#f19a5b;--ih:#6db6f2;--bare-wash:#38271c;--ih-wash:#1b2f41}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Noto Sans","Liberation Sans",Arial,sans-serif}
main{max-width:1160px;margin:0 auto;padding:48px 32px 64px}
h1{font-size:34px;line-height:1.15;letter-spacing:-.02em;margin:0 0 10px;font-weight:680}
h2{font-size:22px;line-height:1.25;letter-spacing:-.01em;margin:56px 0 8px;font-weight:650}
h3{font-size:18px;line-height:1.3;margin:0;font-weight:650}
p{margin:0 0 12px;max-width:72ch}
a{color:inherit;text-decoration-color:var(--soft);text-underline-offset:3px}
a:hover{text-decoration-color:currentColor}
a:focus-visible{outline:2px solid var(--ih);outline-offset:2px}
.lead{font-size:18px;color:var(--soft);max-width:64ch}
.soft{color:var(--soft)}
code{font:0.92em/1.4 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;
overflow-wrap:anywhere}
.sum{display:grid;grid-template-columns:1fr 1fr;gap:20px;margin:28px 0 16px}
.sum div{border-top:4px solid;border-radius:2px;padding:16px 20px 18px}
.sum .i{border-color:var(--ih);background:var(--ih-wash)}
.sum .b{border-color:var(--bare);background:var(--bare-wash)}
.sum strong{display:block;font-size:44px;line-height:1.1;letter-spacing:-.03em;font-weight:680;
font-variant-numeric:tabular-nums}
.sum .i strong{color:var(--ih)}.sum .b strong{color:var(--bare)}
.facts{color:var(--soft);font-size:15px}
table{border-collapse:collapse;width:100%;font-size:15px;line-height:1.42}
caption{text-align:left;color:var(--soft);padding:0 0 12px;max-width:72ch}
th,td{text-align:left;vertical-align:top;padding:12px 20px 12px 0;border-bottom:1px solid var(--rule)}
th:last-child,td:last-child{padding-right:0}
thead th{font-size:13px;font-weight:600;color:var(--soft);border-bottom:1.5px solid var(--ink);padding-top:0}
tbody th{font-weight:400;width:27%}
tbody th a{font-weight:650}
tbody th span{display:block;color:var(--soft)}
td.t{width:9%;font-size:13.5px}td.t span{white-space:nowrap}
td.v{width:21%}td.m{width:22%;font-variant-numeric:tabular-nums}
td.m span{display:block;color:var(--soft)}
.verdict{display:block;font-weight:650;white-space:nowrap}
.yes{color:var(--ih)}.no{color:var(--bare)}
.cards{display:grid;grid-template-columns:1fr 1fr;grid-auto-flow:dense;gap:24px;margin-top:20px}
.card{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:20px 22px 18px;min-width:0;
scroll-margin-top:16px;display:flex;flex-direction:column}
.card header{display:flex;justify-content:space-between;align-items:baseline;gap:12px;margin-bottom:6px}
.card header span{font-size:13.5px;color:var(--soft);white-space:nowrap;font-variant-numeric:tabular-nums}
.card p{font-size:15px;line-height:1.42;margin-bottom:10px}
.card .plots{margin-top:auto}
.wide{grid-column:1/-1}.wide .plots{display:grid;grid-template-columns:1fr 1fr;gap:0 68px}.wide .fare{grid-column:1/-1}
figure{margin:6px 0 0}
figcaption{font-size:13.5px;font-weight:600;margin-bottom:2px}
.key{list-style:none;margin:2px 0 0;padding:0;font-size:13.5px;line-height:1.45;font-variant-numeric:tabular-nums}
.key li{display:flex;gap:8px}
.key svg{flex:none;width:26px;height:20px}
.fare{margin:10px 0 0;padding:9px 0 0;border-top:1px solid var(--rule);font-size:13.5px;line-height:1.45;
color:var(--soft);font-variant-numeric:tabular-nums}
.card p.fare{font-size:13.5px;margin-bottom:0;max-width:none}
svg.plot{display:block;width:100%;height:auto}
svg text{font-family:inherit}
.tick,.unit{font-size:11.5px;fill:var(--soft);font-variant-numeric:tabular-nums}
.grid{stroke:var(--grid);stroke-width:1}.axis{stroke:var(--soft);stroke-width:1}
.limit{stroke:var(--ink);stroke-width:1;stroke-dasharray:1 4;stroke-linecap:round}
path.bare,path.ih{fill:none;stroke-linejoin:round;stroke-linecap:round}
path.bare{stroke:var(--bare);stroke-width:2;stroke-dasharray:6 4}
path.ih{stroke:var(--ih);stroke-width:2.2}
path.cross{stroke-width:2.4;stroke-dasharray:none}
.name{font-size:12.5px;font-weight:650;paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}
.name.bare{fill:var(--bare)}.name.ih{fill:var(--ih)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:6px 24px;margin:12px 0 0;font-size:15px}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.two{display:grid;grid-template-columns:1fr 1fr;gap:0 48px}
@media (max-width:860px){
main{padding:28px 16px 48px}h1{font-size:28px}h2{margin-top:44px}
.cards,.two,.wide .plots{grid-template-columns:minmax(0,1fr)}.sum{gap:12px}.sum div{padding:12px 14px 14px}.sum strong{font-size:34px}
.card{padding:16px 14px 14px}
table,tbody,tr,th,td,caption{display:block}thead{position:absolute;width:1px;height:1px;overflow:hidden;
clip-path:inset(50%)}
tbody tr{border-top:1.5px solid var(--ink);padding:12px 0 14px}
tbody th,td,td.t,td.v,td.m{border:0;padding:3px 0;width:auto}
td[data-head]{display:grid;grid-template-columns:104px minmax(0,1fr)}
td[data-head]::before{content:attr(data-head);color:var(--soft);font-size:13.5px}
.tick,.unit{font-size:13.5px}.name{font-size:14px}}
@media print{:root{color-scheme:light;--paper:#fff;--card:#fff;--ink:#000;--soft:#444;--rule:#bbb;--grid:#ddd;
--bare:#a03c05;--ih:#0b4f8a;--bare-wash:#fff;--ih-wash:#fff}
body{font-size:10.5pt;-webkit-print-color-adjust:exact;print-color-adjust:exact}main{max-width:none;padding:0}
h2{margin-top:24pt;break-after:avoid}.card,tr,.sum,.two{break-inside:avoid}.cards{gap:12pt}
table,.card p{font-size:9.5pt}a{text-decoration:none}}
@page{margin:15mm}
)css";

markup verdict(const outcome& came) {
    return came.held ? filled(R"(<span class="verdict yes">✓ held</span>)")
                     : filled(R"(<span class="verdict no">✗ not held</span>)");
}

std::string anchor(const finished_row& row) { return fmt::format("attack-{}", row.what->id); }

markup summary(const report& of, std::size_t held, std::size_t bare) {
    const auto count = [&](std::size_t some) { return fmt::format("{} of {}", some, of.rows.size()); };
    return filled(R"(
<div class="sum">
<div class="i"><strong>{}</strong> attacks held by Ironhouse</div>
<div class="b"><strong>{}</strong> attacks held by bare cppzmq</div>
</div>
<p class="facts">{}, {} in all. To repeat it: <code>{}</code></p>
)",
                  count(held), count(bare), of.date, fmt::format("{:.0f} s", of.seconds), of.command);
}

markup threats(std::string_view ids) {
    markup all;
    while (!ids.empty()) {
        const auto blank = std::min(ids.find(' '), ids.size());
        if (blank != 0) all += filled("{}<span>{}</span>", all.text.empty() ? "" : " ", ids.substr(0, blank));
        ids.remove_prefix(std::min(blank + 1, ids.size()));
    }
    return all;
}

markup table_row(const finished_row& row) {
    const auto shown = [](const std::string& figure) { return figure.empty() ? std::string{"–"} : figure; };
    return filled(R"(<tr role="row">
<th scope="row" role="rowheader"><a href="#{}">{}</a><span>{}</span></th>
<td role="cell" class="t" data-head="Threats"><div>{}</div></td>
<td role="cell" class="v" data-head="Bare cppzmq"><div>{}{}</div></td>
<td role="cell" class="v" data-head="Ironhouse"><div>{}{}</div></td>
<td role="cell" class="m" data-head="Measured"><div><span>{}</span>bare {}<br/>Ironhouse {}</div></td>
</tr>
)",
                  anchor(row), row.what->id, row.what->what, threats(row.what->threats), verdict(row.bare),
                  row.bare.text, verdict(row.ironhouse), row.ironhouse.text, row.what->figure, shown(row.bare.figure),
                  shown(row.ironhouse.figure));
}

markup whole_table(const std::vector<finished_row>& rows) {
    markup all;
    for (const finished_row& row : rows) all += table_row(row);
    return filled(R"(<table role="table">
<caption>Held: the program kept what it promises, it still answers, and every order of the honest peer arrived in order and
unaltered.</caption>
<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">Attack</th>
<th scope="col" role="columnheader">Threats</th><th scope="col" role="columnheader">Bare cppzmq</th>
<th scope="col" role="columnheader">Ironhouse</th><th scope="col" role="columnheader">Measured</th></tr></thead>
<tbody role="rowgroup">
{}</tbody></table>
)",
                  all);
}

markup key(const outcome& came, const quantity& what, std::string_view who, std::string_view name) {
    return filled(R"(<li><svg viewBox="0 0 26 20" aria-hidden="true"><path class="{}" d="M1 10L25 10"/></svg>)"
                  R"(<span>{}: {}</span></li>)",
                  who, name, peak_in_words(came, what));
}

markup figure(const finished_row& row, const quantity& what, std::string_view kind) {
    return filled(R"(<figure><figcaption>{}</figcaption>
{}
<ul class="key">{}{}</ul></figure>
)",
                  what.name, plot{row, what, fmt::format("{}-{}", anchor(row), kind)}.draw(),
                  key(row.bare, what, "bare", "bare cppzmq"), key(row.ironhouse, what, "ih", "Ironhouse"));
}

std::string fared(const outcome& came) {
    if (!came.honest) return "not measured";
    std::string words = fmt::format("{} of {} orders", came.honest->delivered, came.honest->sent);
    if (came.honest->median_ms && came.honest->p90_ms)
        words += fmt::format(" (median {}, p90 {})", in_ms(*came.honest->median_ms), in_ms(*came.honest->p90_ms));
    return words;
}

markup card(const finished_row& row) {
    markup plots = figure(row, resident, "resident");
    if (row.what->plots == plotted::address_space_too) plots += figure(row, space, "space");
    const bool anyone = row.bare.honest || row.ironhouse.honest;
    const markup fare = anyone ? filled(R"(<p class="fare">The honest peer meanwhile. Bare: {}. Ironhouse: {}.</p>)",
                                        fared(row.bare), fared(row.ironhouse))
                               : filled(R"(<p class="fare">The honest peer is not timed in this row.</p>)");
    return filled(R"(<section class="card{}" id="{}" aria-labelledby="{}-h">
<header><h3 id="{}-h">{}</h3><span>{}</span></header>
<p>The attacker {}.</p>
<p class="soft">Bare program: {}.</p>
<div class="plots">
{}{}</div></section>
)",
                  row.what->plots == plotted::address_space_too ? " wide" : "", anchor(row), anchor(row), anchor(row),
                  row.what->id, fmt::format("{:.1f} s", row.seconds), row.what->what, row.what->bare, plots, fare);
}

/// What an id stands for; docs/threat-model.md says the rest.
constexpr std::array<std::pair<std::string_view, std::string_view>, 29> threat_names{{
    {"T1", "queues that grow without end"},
    {"T1.1", "high-water marks are set"},
    {"T2", "a consumer slower than its senders"},
    {"T3", "storms of connections"},
    {"T3.1", "a limit on connections at a time"},
    {"T3.2", "a limit on the rate of connections"},
    {"T3.4", "dead connections are noticed"},
    {"T4", "messages too large"},
    {"T4.1", "sizes enforced before reception"},
    {"T4.2", "sizes checked before processing"},
    {"T5.1", "encryption by CURVE"},
    {"T6.1", "both ends prove who they are"},
    {"T6.3", "only keys on a list come in"},
    {"T7.1", "one thread per socket, enforced"},
    {"B1", "multipart messages without end"},
    {"B2", "an authenticator that is missing or dead"},
    {"B4", "descriptors eaten by idle connections"},
    {"B5", "removed keys that stay connected"},
    {"B6", "names that one peer takes from another"},
    {"B7", "floods of subscriptions"},
    {"B8", "secrets that can be read back"},
    {"B10", "certificate files two readers understand differently"},
    {"M1.3", "keys that no socket can do without"},
    {"M1.4", "keys change while programs run"},
    {"M1.5", "a test that traffic is encrypted"},
    {"M2.2", "receive queues have a limit"},
    {"M2.3", "send queues have a limit"},
    {"M2.4", "limits follow from memory"},
    {"M2.6", "limits follow the load"},
}};

markup threat_legend(const std::vector<finished_row>& rows) {
    markup all;
    for (const auto& [id, meaning] : threat_names) {
        const bool quoted = std::any_of(rows.begin(), rows.end(), [&id = id](const finished_row& row) {
            return fmt::format(" {} ", row.what->threats).find(fmt::format(" {} ", id)) != std::string::npos;
        });
        if (quoted) all += filled("<dt>{}</dt><dd>{}</dd>", id, meaning);
    }
    return all;
}

markup version_list(const report& of) {
    markup all;
    for (const auto& [name, version] : of.versions) all += filled("<dt>{}</dt><dd>{}</dd>", name, version);
    return all;
}

} // namespace

std::string escaped(std::string_view text) {
    std::string safe;
    safe.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = character(text);
        switch (length == 0 ? '\0' : text.front()) {
        case '\0': safe += "\xef\xbf\xbd"; break;
        case '&': safe += "&amp;"; break;
        case '<': safe += "&lt;"; break;
        case '>': safe += "&gt;"; break;
        case '"': safe += "&quot;"; break;
        case '\'': safe += "&#39;"; break;
        default: safe += text.substr(0, length);
        }
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return safe;
}

byte_axis byte_axis::holding(std::uint64_t largest) {
    // 16, 24, 32, 48, 64, 96 MiB and so on: the marks between are round as well. Never less than 16, so that rows in which
    // nothing happens look alike and do not magnify a few pages.
    std::uint64_t top = 16 * MiB;
    while (top < largest) {
        if (top + top / 2 >= largest) return {top + top / 2, 3};
        top *= 2;
    }
    return {top, 4};
}

double step_for(double seconds) {
    double step = 0.02;
    for (std::size_t i = 0; seconds / step > 6; ++i) step *= i % 3 == 0 ? 2.5 : 2; // 0.02, 0.05, 0.1
    return step;
}

std::string report_page(const report& of) {
    markup cards;
    for (const finished_row& row : of.rows) cards += card(row);
    const auto count = [&](auto came) {
        return static_cast<std::size_t>(
            std::count_if(of.rows.begin(), of.rows.end(), [&](const finished_row& row) { return (row.*came).held; }));
    };
    const std::size_t held = count(&finished_row::ironhouse);
    return filled(R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="referrer" content="no-referrer"/>
<title>Ironhouse gauntlet: {} of {} attacks held</title>
<style>{}</style>
</head>
<body><main>
<h1>The Ironhouse gauntlet</h1>
<p class="lead">The same attacks on two programs with the same job, at the same moment: one on bare cppzmq, written the way
tutorials write it, and one on Ironhouse. Beside each attack an honest peer with a key and an address of its own has to be
served.</p>
{}
<h2 id="results">Results</h2>
{}
<h2 id="attacks">Each attack, and memory during it</h2>
<p>Sampled from what the kernel counts for each process, every 50 ms, and every 10 ms in the first second; the peak is the
kernel’s own mark. Axes begin at 0, and their scale differs from plot to plot. Dashed is bare cppzmq, solid is Ironhouse.
A line ends when its program has been through the attack; a cross marks a process that ended by itself. Times of the honest
peer run from handing an order to libzmq until the gauntlet heard that it was taken; where the attack waits for a busy server, that is part of them.</p>
<div class="cards">
{}</div>
<div class="two">
<section aria-labelledby="versions"><h2 id="versions">Measured on</h2>
<dl>{}</dl></section>
<section aria-labelledby="threats"><h2 id="threats">Threats</h2>
<dl>{}</dl></section>
</div>
</main></body>
</html>
)",
                  fmt::format("{}", held), fmt::format("{}", of.rows.size()), markup{std::string{style}},
                  summary(of, held, count(&finished_row::bare)), whole_table(of.rows), cards, version_list(of),
                  threat_legend(of.rows))
        .text;
}

} // namespace gauntlet

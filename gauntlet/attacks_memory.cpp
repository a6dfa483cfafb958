// SPDX-License-Identifier: MIT

/// \file
/// What an accepted key can make a server hold: messages without an end, subscriptions without number. Gauntlet.

#include "attack_parts.hpp"
#include "lookout.hpp"

#include <chrono>
#include <string>
#include <utility>

#include <fmt/core.h>

namespace gauntlet {

namespace {

constexpr auto attack_time = 3s;

/// Whoever is cut comes back, and starts over.
struct endless {
    std::uint64_t sent = 0; ///< bytes on the line
    std::size_t cuts = 0;
};

/// What a server owes here: that memory stays below what it stated, and that somebody new is served meanwhile.
outcome judge(stage& s, const endless& attack, const lookout::findings& seen, const char* unbounded) {
    const auto growth = s.server().growth();
    const auto bound = s.server().stated_bound();
    const bool bounded = bound && growth <= *bound;
    std::string text = !bound ? fmt::format("{}, {} of them", unbounded, in_MiB(attack.sent))
                              : fmt::format("cut {} times, {} its stated {}", attack.cuts,
                                            bounded ? "stays below" : "grew beyond", in_MiB(*bound));
    if (!seen.served_in_time()) text += "; " + seen.complaint();
    return s.conclude({.held = bounded && attack.cuts != 0 && seen.served_in_time(),
                       .text = std::move(text),
                       .figure = "+" + in_MiB(growth)});
}

outcome endless_multipart(stage& s, std::size_t frame, std::uint64_t most) {
    s.open();
    lookout watch{s};
    endless attack;
    const std::uint64_t header = frame + wire::curve_peer::overhead > 255 ? 9 : 2;
    const std::uint64_t one = frame + wire::curve_peer::overhead + header;
    const wire::deadline until{attack_time};
    while (attack.sent + one <= most && s.server().speaking() && !until.passed()) {
        const auto mallory = s.accepted_peer("mallory", 1s);
        if (!mallory) continue;
        const std::uint64_t left = most - attack.sent;
        attack.sent += one * mallory->send_burst({.frame = frame, .frames = left / one, .wire_bytes = left}, until);
        if (mallory->tcp().ended()) ++attack.cuts;
    }
    return judge(s, attack, watch.finish(), "keeps the frames of a message that never ends");
}

} // namespace

// A frame costs the receiver more than its bytes; the smaller they are, the more.
outcome endless_multipart_1B(stage& s) { return endless_multipart(s, 1, 64 * MiB); }
outcome endless_multipart_1000B(stage& s) { return endless_multipart(s, 1000, 256 * MiB); }

outcome subscription_flood(stage& s) {
    constexpr std::uint64_t most = 32 * MiB;
    s.open_feed();
    lookout watch{s};
    endless attack;
    const wire::deadline until{attack_time};
    while (attack.sent < most && s.server().speaking() && !until.passed()) {
        const auto mallory = s.accepted_peer("mallory", 1s);
        if (!mallory) continue;
        for (std::uint64_t n = 0; attack.sent < most && !until.passed(); ++n) {
            // Spread, so that topics have no beginnings in common.
            const std::string topic = fmt::format("{:016x}/{}/{}", n * 0x9e3779b97f4a7c15U, attack.cuts, n);
            if (!mallory->subscribe(topic, until)) break;
            attack.sent += topic.size() + 10 + wire::curve_peer::overhead + 2;
        }
        if (mallory->tcp().ended()) ++attack.cuts;
    }
    return judge(s, attack, watch.finish(), "remembers all subscriptions");
}

} // namespace gauntlet

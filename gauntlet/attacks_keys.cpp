// SPDX-License-Identifier: MIT

/// \file
/// Keys that change while the program runs: taken off the list, replaced by the next one. Gauntlet.

#include "attack_parts.hpp"
#include "stage.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

namespace gauntlet {

namespace {

using std::chrono::steady_clock;

std::string in_ms(double seconds) { return fmt::format("{:.0f} ms", std::ceil(seconds * 1000)); }

/// What a key that was taken off the list still comes to.
struct afterlife {
    std::size_t heard = 0;           ///< orders of it, or bulletins for it
    double last = 0;                 ///< when, in seconds after the program had said that it is off
    std::optional<double> gone = {}; ///< when its connection was ended
    bool comes_again = false;

    /// Off the list means gone within a second, with nothing after that.
    [[nodiscard]] bool over() const { return gone && *gone <= 1 && last <= *gone + 0.05 && !comes_again; }
    [[nodiscard]] std::string figure() const {
        return heard == 0 ? fmt::format("{}, {}", heard, gone_in_words())
                          : fmt::format("{} until {:.2f} s, {}", heard, last, gone_in_words());
    }

private:
    [[nodiscard]] std::string gone_in_words() const { return gone ? in_ms(*gone) : std::string{"never"}; }
};

/// How long a connection that should not be there is looked at.
constexpr auto observed = 2s;

double seconds(steady_clock::duration some) { return std::chrono::duration<double>(some).count(); }

/// Takes a name off the server's list, and out of its directory; when it said so.
steady_clock::time_point revoke(stage& s, const char* name) {
    s.keys().strike_off(name);
    if (!s.server().ask(fmt::format("revoke {}", name), "revoked"))
        throw wire::broken_setup{"the server takes no key off its list"};
    return s.server().last_answer("revoked").at;
}

/// Sends on under a key that is off the list since then, until it is hung up on, or long enough.
afterlife go_on(stage& s, wire::curve_client& peer, const std::string& who, std::size_t number,
                steady_clock::time_point since) {
    afterlife found;
    for (const wire::deadline until{observed}; !until.passed() && !found.gone;) {
        const bool sent = peer.send_message({fmt::format("{} {}", who, number), honest_body(who, number)}, 250ms);
        if (sent) ++number;
        if (peer.tcp().closed_by_peer(5ms)) found.gone = seconds(steady_clock::now() - since);
    }
    (void)s.server().await(who, number, 300ms); // what may be on its way
    for (const delivery& each : s.server().delivered(who))
        if (each.at > since) {
            ++found.heard;
            found.last = seconds(each.at - since);
        }
    return found;
}

/// The longest time without an acknowledgement since then.
double longest_silence(const std::vector<acknowledgement>& all, steady_clock::time_point since) {
    double longest = 0;
    auto last = since;
    for (const acknowledgement& each : all) {
        if (each.at < since) continue;
        longest = std::max(longest, seconds(each.at - last));
        last = each.at;
    }
    return std::max(longest, seconds(steady_clock::now() - last));
}

/// Tells a server that has to be told that its directory has changed.
void reload(stage& s) {
    if (!s.server().ask("reload", "reloaded")) throw wire::broken_setup{"the server does not read its keys again"};
}

bool is_let_in(stage& s, const char* who) { return s.accepted_peer(who, 500ms) != nullptr; }

// How many of its orders are acknowledged to ben's peer, or to whom his receipts go instead.
std::size_t receipts_of_ben(wire::curve_client& at, std::chrono::milliseconds patience) {
    std::size_t many = 0;
    for (const wire::deadline until{patience}; many != orders;) {
        const auto receipt = at.receive_message(until);
        if (!receipt) break;
        many += receipt->size() == 1 && wire::to_text(receipt->front()).starts_with("ben ") ? 1U : 0U;
    }
    return many;
}

} // namespace

outcome revoked_client(stage& s) {
    s.open();
    const auto mallory = s.accepted_peer("mallory");
    if (!mallory || orders_by_hand(s, *mallory, "mallory") != orders)
        throw wire::broken_setup{"the accepted key was not accepted"};
    const auto since = revoke(s, "mallory");
    afterlife found = go_on(s, *mallory, "mallory", orders + 1, since);
    found.comes_again = s.accepted_peer("mallory", 1s) != nullptr;
    return s.conclude({.held = found.over(),
                       .text = found.gone ? "hung up on after " + in_ms(*found.gone) + ", and kept out"
                                          : "keeps its connection, and its orders are taken",
                       .figure = found.figure()});
}

outcome revoked_silent_subscriber(stage& s) {
    s.open_feed();
    const auto mallory = s.accepted_peer("mallory");
    if (!mallory || !mallory->subscribe("", 1s)) throw wire::broken_setup{"the accepted key was not accepted"};
    for (int n = 0; n != 10; ++n)
        if (!mallory->receive_message(3s)) throw wire::broken_setup{"the subscriber hears nothing"};
    const auto since = revoke(s, "mallory");
    afterlife found;
    for (const wire::deadline until{observed}; mallory->receive_message(until);) {
        ++found.heard;
        found.last = seconds(steady_clock::now() - since);
    }
    if (mallory->tcp().ended()) found.gone = seconds(steady_clock::now() - since);
    found.comes_again = s.accepted_peer("mallory", 1s) != nullptr;
    return s.conclude({.held = found.over(),
                       .text = found.gone ? "hung up on after " + in_ms(*found.gone) + ", and kept out"
                                          : "goes on hearing everything",
                       .figure = found.figure()});
}

outcome server_key_rotation(stage& s) {
    constexpr auto window = 1'500ms;
    constexpr std::size_t sent = 100;
    constexpr int tries = 5; // while both keys are served, either may be met
    s.open_desk();
    if (!s.server().ask(fmt::format("rotate {}", window.count()), "rotated"))
        throw wire::broken_setup{"the server does not change its key"};
    const auto since = s.server().last_answer("rotated").at;
    const wire::deadline over{window};
    std::size_t taken = 0;
    {
        // Ben, who is told of the next key later, has just been started.
        pusher ben{s.context(), s.line("ben"), zmq::socket_type::dealer};
        for (std::size_t n = 1; n <= sent && !over.passed();)
            if (ben.push("ben", n)) ++n;
        (void)s.server().await("ben", sent, over);
        taken = rightly_delivered(s.server().delivered("ben"), "ben");
    }
    while (!over.passed()) s.server().wait_a_tick(over.remaining());
    const auto has_a_server = [&] {
        for (int n = 0; n != tries; ++n)
            if (s.accepted_peer("mallory", s.keys().server(), 500ms)) return true;
        return false;
    };
    const bool retired = wire::eventually([&] { return !has_a_server(); }, 1s);
    const bool serves_next = s.accepted_peer("mallory", s.keys().next_server(), 2s) != nullptr;
    (void)s.client().await_acknowledgements(s.client().acknowledged().size() + 100, 5s);
    const double silence = longest_silence(s.client().acknowledged(), since);
    std::string text = taken == sent ? "both keys are served for a while, then the next one alone"
                                     : "who knows the former key alone has no server from that moment on";
    if (!retired) text += "; the former key is served after that";
    if (!serves_next) text += "; the next key has no server";
    return s.conclude({.held = taken == sent && retired && serves_next && silence < 2,
                       .text = std::move(text),
                       .figure = fmt::format("{}, {:.2f} s", of(sent - taken, sent), silence)});
}

outcome client_key_rotation(stage& s) {
    s.open_desk();
    const auto thief = s.accepted_peer("ann");
    if (!thief || !thief->send_message({"thief 1", honest_body("thief", 1)}, 1s) ||
        !s.server().wait(3s, [] { return true; }))
        throw wire::broken_setup{"the copied key was not accepted"};
    if (!s.client().ask("renew", "renewed")) throw wire::broken_setup{"the client does not change its key"};
    const auto since = s.client().last_answer("renewed").at;
    (void)s.client().await_acknowledgements(s.client().acknowledged().size() + 100, 5s);
    const auto off = revoke(s, "ann");
    afterlife found = go_on(s, *thief, "thief", 2, off);
    found.comes_again = s.accepted_peer("ann", 1s) != nullptr;
    const double silence = longest_silence(s.client().acknowledged(), since);
    return s.conclude({.held = found.over() && silence < 1,
                       .text = found.gone ? "the thief is out after " + in_ms(*found.gone) + ", the owner never"
                                          : "the thief keeps its connection, and its orders are taken",
                       .figure = fmt::format("{}, {:.2f} s", found.figure(), silence)});
}

// Who comes next: the present keys without mallory's, and zoe's. It is copied file by file, and that stops for a while.
outcome half_copied_directory(stage& s) {
    s.open();
    for (const char* name : {"ann", "ann-next", "ben", "mallory"}) s.keys().strike_off(name);
    for (const char* name : {"ann", "ann-next"}) s.keys().enrol(name);
    s.keys().enrol_half("ben");
    reload(s);
    std::size_t came = 0;
    std::size_t served = 0;
    for (const wire::deadline until{2s}; !until.passed(); ++came) {
        const wire::deadline next{20ms};
        served += s.serves_newcomer(500ms) ? 1U : 0U;
        while (!next.passed()) s.server().wait_a_tick(next.remaining());
    }
    for (const char* name : {"ben", "zoe"}) s.keys().enrol(name);
    reload(s);
    const bool took_effect =
        wire::eventually([&] { return is_let_in(s, "zoe") && !is_let_in(s, "mallory"); }, 6s) && s.serves_newcomer(2s);
    return s.conclude({.held = came != 0 && served == came && took_effect,
                       .text = !took_effect ? "the new set never took effect"
                               : served == came
                                   ? "keeps to the present set until the new one is whole"
                                   : "takes half a set for a whole one: who is in the other half is locked out",
                       .figure = of(came - served, came)});
}

outcome vanished_directory(stage& s) {
    constexpr std::size_t tries = 10;
    s.open();
    const auto away = s.keys().home() / "away";
    std::filesystem::rename(s.keys().clients(), away);
    const auto since = steady_clock::now();
    reload(s);
    const bool shut = wire::eventually([&] { return !is_let_in(s, "mallory"); }, 3s);
    const double shut_after = seconds(steady_clock::now() - since);
    // Meanwhile mallory's key is taken off the list, wherever that is now.
    std::filesystem::remove(away / "mallory.key");
    std::size_t let_in = 0;
    for (std::size_t n = 0; n != tries; ++n) let_in += is_let_in(s, "mallory") ? 1U : 0U;
    std::filesystem::rename(away, s.keys().clients());
    reload(s);
    const bool open_again = wire::eventually([&] { return s.serves_newcomer(1s); }, 6s);
    const bool kept_out = !is_let_in(s, "mallory");
    std::string text =
        shut ? fmt::format("lets nobody new in after {:.1f} s, until it is back; who is in is served", shut_after)
             : "keeps the list it has: who is taken off it meanwhile comes in";
    if (!open_again) text += "; nobody comes in afterwards";
    if (!kept_out) text += "; nor does it learn who was removed";
    return s.conclude(
        {.held = shut && let_in == 0 && open_again && kept_out, .text = std::move(text), .figure = of(let_in, tries)});
}

// The server has taken orders and not answered yet when somebody else claims the name under which they came.
outcome routing_id_theft(stage& s) {
    s.open_desk();
    const auto ben = s.accepted_peer("ben", s.keys().server(), 3s, "ben's desk");
    if (!ben) throw wire::broken_setup{"the accepted key was not accepted"};
    if (!s.server().ask("delay", "delayed") || orders_by_hand(s, *ben, "ben") != orders)
        throw wire::broken_setup{"the server takes no orders"};
    const auto mallory = s.accepted_peer("mallory", s.keys().server(), 3s, "ben's desk");
    if (!mallory) throw wire::broken_setup{"the accepted key was not accepted"};
    // libzmq gives names when the program receives: an order that comes later is received after that.
    (void)mallory->send_message({"mallory 1", honest_body("mallory", 1)}, 1s);
    (void)s.server().await("mallory", 1, 500ms);
    if (!s.server().ask("answer", "answered")) throw wire::broken_setup{"the server does not answer"};
    const std::size_t stolen = receipts_of_ben(*mallory, 500ms);
    const std::size_t arrived = receipts_of_ben(*ben, 500ms);
    return s.conclude({.held = stolen == 0 && arrived == orders,
                       .text = stolen == 0 ? "names are given by the server, one to each connection"
                                           : "answers go to whoever claimed the name last",
                       .figure = of(stolen, orders)});
}

// Somebody is there first under the name that a client will come with, and says nothing.
outcome routing_id_squat(stage& s) {
    s.open_desk();
    if (!s.server().ask("keep", "kept")) throw wire::broken_setup{"the server does not leave names with their owners"};
    const auto mallory = s.accepted_peer("mallory", s.keys().server(), 3s, "ben's desk");
    if (!mallory) throw wire::broken_setup{"the accepted key was not accepted"};
    // libzmq gives names when the program looks at its socket: it does so for the honest peer's orders.
    if (!s.server().ask("ping", "pong")) throw wire::broken_setup{"the server does not answer"};
    const auto ben = s.accepted_peer("ben", s.keys().server(), 3s, "ben's desk");
    if (!ben) throw wire::broken_setup{"the accepted key was not accepted"};
    (void)orders_by_hand(s, *ben, "ben");
    const std::size_t arrived = receipts_of_ben(*ben, 2s);
    return s.conclude({.held = arrived == orders,
                       .text = arrived == orders ? "names are given by the server: what a peer claims is not looked at"
                                                 : "whoever has a name first makes its owner mute",
                       .figure = of(orders - arrived, orders)});
}

} // namespace gauntlet

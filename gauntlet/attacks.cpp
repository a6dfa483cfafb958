// SPDX-License-Identifier: MIT

/// \file
/// The attacks. Each one is bounded in bytes and in time, and stays on loopback. Gauntlet.

#include "attacks.hpp"

#include "attack_parts.hpp"
#include "stage.hpp"

#include "../tests/wire/support/mitm.hpp"
#include "../tests/wire/support/relay.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <exception>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <zmq.hpp>

namespace gauntlet {

namespace {

// --- the line ---------------------------------------------------------------------------------------------------------

outcome eavesdrop(stage& s) {
    s.open();
    wire::relay tap{s.server().port(), {.from = "127.0.0.10"}};
    pusher ben{s.context(), s.line("ben", tap.port(), "127.0.0.10")};
    const std::size_t arrived = push_orders(s, ben, "ben", 1, orders, 8s);
    std::size_t read = 0;
    for (std::size_t n = 1; n <= orders; ++n)
        if (tap.contains(honest_body("ben", n)) || tap.contains(fmt::format("ben {}", n))) ++read;
    const auto bytes = tap.count(wire::direction::to_server) + tap.count(wire::direction::to_client);
    return s.conclude({.held = read == 0 && arrived == orders && tap.recorded_everything(),
                       .text = read == 0 ? fmt::format("nothing to read in {} recorded bytes", bytes)
                                         : fmt::format("every word is read: {} orders", read),
                       .figure = of(read, orders)});
}

/// Sits on a line in clear: takes the client's place towards the server and the server's towards the client, and changes
/// each order it passes on.
class rewriter {
public:
    explicit rewriter(std::uint16_t server) : server_{server} {
        hand_ = std::thread{[this] { work(); }};
    }
    rewriter(const rewriter&) = delete;
    rewriter& operator=(const rewriter&) = delete;
    ~rewriter() {
        leaving_ = true;
        hand_.join();
    }
    [[nodiscard]] std::uint16_t port() const noexcept { return ear_.port(); }

private:
    void work() {
        auto from = ear_.accept(8s);
        auto to = wire::connection::attempt(server_, hostile_address, 2s);
        if (!from || !to) return;
        wire::zmtp_peer client{std::move(*from)};
        wire::zmtp_peer server{std::move(*to)};
        if (!client.null_handshake(wire::basic_properties("PULL"), 3s).accepted() ||
            !server.null_handshake(wire::basic_properties("PUSH"), 3s).accepted())
            return;
        while (!leaving_ && !client.tcp().ended()) {
            auto order = client.receive_frame(20ms);
            if (!order) continue;
            std::string body = order->text();
            if (const auto at = body.find("one thousand"); at != std::string::npos)
                body.replace(at, 12, "nine million");
            if (!server.send_frame(body, order->flags, 2s)) return;
        }
    }

    std::uint16_t server_;
    wire::listener ear_;
    std::atomic<bool> leaving_{false};
    std::thread hand_;
};

outcome mitm_relay(stage& s) {
    s.open();
    if (!s.curve()) {
        rewriter between{s.server().port()};
        pusher ben{s.context(), s.line("ben", between.port(), "127.0.0.10")};
        const std::size_t arrived = push_orders(s, ben, "ben", 1, orders, 8s);
        const auto got = s.server().delivered("ben");
        const auto changed = static_cast<std::size_t>(std::count_if(
            got.begin(), got.end(), [](const delivery& d) { return d.text.find("nine million") != d.text.npos; }));
        return s.conclude({.held = arrived == orders && changed == 0,
                           .text = changed == 0 ? "no order was changed" : "takes changed orders for real ones",
                           .figure = of(changed, orders)});
    }
    // Nothing can be changed unread, so the attacker ends the encryption on both sides, with keys of its own.
    wire::mitm between{
        s.server().port(),
        {.server = wire::from_z85(s.keys().server().public_key), .as_server = "PULL", .as_client = "PUSH"}};
    pusher ben{s.context(), s.line("ben", between.port(), "127.0.0.10")};
    for (std::size_t n = 1; n <= orders; ++n) (void)ben.push("ben", n);
    const bool seen = wire::eventually([&] { return !between.sightings().empty(); }, 8s);
    bool kept_out = seen;
    for (const auto& sighting : between.sightings())
        kept_out = kept_out && sighting.with_client.kept_out() && sighting.with_server.kept_out();
    const std::size_t taken = s.server().count("ben");
    return s.conclude({.held = kept_out && taken == 0 && between.read_frames().empty(),
                       .text = kept_out ? "neither end talks to the go-between" : "the go-between was let in",
                       .figure = of(taken, orders)});
}

outcome bit_flip(stage& s) {
    constexpr std::size_t flips = 8;
    s.open();
    wire::relay noise{s.server().port(), {.from = "127.0.0.10"}};
    pusher ben{s.context(), s.line("ben", noise.port(), "127.0.0.10")};
    if (push_orders(s, ben, "ben", 1, 1, 8s) != 1) throw wire::broken_setup{"nothing came through the relay"};
    // Where the next order's body lies: behind its head frame, and under CURVE behind what sealing adds to both.
    const std::uint64_t ahead =
        s.curve() ? 2 + wire::curve_peer::overhead + 6 + 2 + wire::curve_peer::overhead + 10 : 20;
    std::size_t number = 1;
    for (std::size_t n = 1; n <= flips; ++n) {
        s.server().wait_a_tick(20ms); // a quiet line as well as a busy one
        const std::size_t lines = noise.connections();
        const std::size_t before = s.server().count("ben");
        noise.flip_bit(wire::direction::to_server, ahead, 1);
        const wire::deadline until{5s};
        while (!ben.push("ben", ++number) && !until.passed()) {}
        // Either the server takes it, or it ends the connection and the peer comes back on a new one.
        if (!wire::eventually([&] { return s.server().count("ben") > before || noise.connections() > lines; }, until))
            break;
        if (noise.connections() > lines) {
            while (!ben.push("ben", ++number) && !until.passed()) {}
            (void)s.server().await("ben", before + 1, until);
        }
    }
    const auto got = s.server().delivered("ben");
    const auto changed = static_cast<std::size_t>(std::count_if(
        got.begin(), got.end(), [](const delivery& d) { return d.text != honest_body("ben", d.number); }));
    const std::size_t flipped = noise.flipped();
    return s.conclude({.held = flipped == flips && changed == 0,
                       .text = changed == 0 ? fmt::format("{} changed orders refused, none taken", flipped)
                                            : "takes changed orders without noticing",
                       .figure = of(changed, flipped)});
}

// --- who may come in --------------------------------------------------------------------------------------------------

outcome plaintext_client(stage& s) {
    s.open();
    wire::zmtp_peer eve{s.knock()};
    const auto verdict = eve.null_handshake(wire::basic_properties("PUSH"), 3s);
    std::size_t taken = 0;
    // Written whatever the answer was: a server that took it anyway would not have held.
    for (std::size_t n = 1; n <= orders; ++n)
        if (!eve.send_frame(fmt::format("eve {}", n), wire::more_flag, 1s) ||
            !eve.send_frame(honest_body("eve", n), 0, 1s))
            break;
    taken = s.server().await("eve", orders, verdict.accepted() ? 3s : 300ms);
    return s.conclude({.held = taken == 0 && verdict.kept_out(),
                       .text = taken == 0 ? "turned away, nothing taken" : "takes orders from anybody",
                       .figure = of(taken, orders)});
}

outcome unknown_key(stage& s) {
    s.open();
    auto eve = s.curve_peer("eve");
    const auto verdict = eve.handshake(3s);
    const std::size_t taken = verdict.accepted() ? orders_by_hand(s, eve, "eve") : s.server().count("eve");
    return s.conclude(
        {.held = taken == 0 && verdict.kept_out(),
         .text = verdict.kept_out() ? "turned away, nothing taken" : "encrypts, and takes orders from any key",
         .figure = of(taken, orders)});
}

outcome dead_authenticator(stage& s) {
    s.open();
    const bool gate_worked = s.accepted_peer("eve") == nullptr;
    if (!s.server().ask("kill-authenticator", "dead")) throw wire::broken_setup{"the authenticator does not end"};
    // More than once: a request to a handler that is just going away is never answered.
    auto eve = s.accepted_peer("eve", 1s);
    for (int again = 0; again != 2 && !eve; ++again) eve = s.accepted_peer("eve", 1s);
    const std::size_t taken = eve ? orders_by_hand(s, *eve, "eve") : s.server().count("eve");
    // Nobody is left who could tell the keys apart: a good one has to wait outside as well.
    const bool shut = !eve && s.accepted_peer("ben", 1s) == nullptr;
    return s.conclude(
        {.held = gate_worked && shut && taken == 0,
         .text = shut ? "doors shut: nobody new comes in, who is in is served" : "from then on any key comes in",
         .figure = of(taken, orders)});
}

// The file of tests/data/golden/injected.key, with places for keys whose secrets this row holds: a public certificate
// whose writer put a line break into a metadata value, and thereby a second section with another key.
constexpr std::string_view tampered_file = R"(#   ****  Generated on 2026-11-21 22:25:14 by CZMQ  ****
#   ZeroMQ CURVE Public Certificate
#   Exchange securely, or use a secure mechanism to verify the contents
#   of this file after exchange. Store public certificates in your home
#   directory, in the .curve subdirectory.

metadata
    evil = "x"
curve
    public-key = "{}"
curve
    public-key = "{}"
)";

/// What the person sees who looks at the file before enrolling it, and what CZMQ sees: the first key.
std::string first_key(std::string_view file) {
    constexpr std::string_view name = "public-key = \"";
    const auto at = file.find(name);
    return at == file.npos ? std::string{} : std::string{file.substr(at + name.size(), 40)};
}

outcome tampered_certificate(stage& s) {
    const key_pair reviewed = key_pair::make();
    const key_pair& smuggled = s.keys().of("eve");
    const std::string file = fmt::format(tampered_file, reviewed.public_key, smuggled.public_key);
    const auto path = s.keys().clients() / "zoe.key";
    credentials::write(path, file);
    if (first_key(file) != reviewed.public_key) throw wire::broken_setup{"the file is not what it should be"};

    s.start_server();
    if (!s.server().opened()) {
        const std::string why = s.server().refusal().value_or("");
        const bool names_it = why.find("zoe.key") != why.npos;
        (void)s.server().ended(5s);
        // Without that file the same program opens, and the key in question has no way in.
        std::filesystem::remove(path);
        s.open();
        auto eve = s.curve_peer("eve");
        const bool kept_out = eve.handshake(3s).kept_out();
        return s.conclude(
            {.held = names_it && kept_out,
             .text = names_it ? "refuses the file by name before a socket exists" : "refuses to start: " + why,
             .figure = "0 let in"});
    }
    s.welcome_honest_peer();
    s.server().take_baseline();
    auto eve = s.curve_peer("eve");
    const auto verdict = eve.handshake(3s);
    const std::size_t taken = verdict.accepted() ? orders_by_hand(s, eve, "eve") : 0;
    return s.conclude({.held = verdict.kept_out(),
                       .text = verdict.kept_out() ? "reads the key that was reviewed"
                                                  : "reads another key than the reviewer did, and lets it in",
                       .figure = taken == 0 ? "0 let in" : "1 let in"});
}

// --- what it may cost -------------------------------------------------------------------------------------------------

outcome announced_600MiB(stage& s) {
    // One frame is announced and never sent; smaller ones follow until nothing is left to reserve.
    constexpr std::array<std::pair<std::uint64_t, std::size_t>, 4> announcements{
        {{600 * MiB, 1}, {64 * MiB, 12}, {4 * MiB, 40}, {256 * KiB, 250}}};
    s.open();
    const wire::greeting banner{.mechanism = s.curve() ? "CURVE" : "NULL"};
    std::vector<wire::zmtp_peer> peers;
    bool first_cut = false;
    for (const auto& wave : announcements)
        for (std::size_t n = 0; n != wave.second && s.server().speaking(); ++n) {
            auto line = s.try_knock();
            if (!line) break;
            wire::zmtp_peer& eve = peers.emplace_back(std::move(*line));
            if (!eve.greet(banner, 1s) || !eve.announce(wave.first, 0, 1s)) continue;
            if (peers.size() == 1) {
                // The largest one is either refused on the spot or reserved: both show at once.
                const auto shows = [&] { return s.server().reserved() >= wave.first || eve.tcp().closed_by_peer(1ms); };
                (void)wire::eventually(shows, 3s);
                first_cut = eve.tcp().ended();
            }
        }
    // A newcomer now needs memory for its connection.
    if (s.server().speaking()) {
        pusher ben{s.context(), s.line("ben", {}, "127.0.0.10")};
        (void)push_orders(s, ben, "ben", 1, 5, 3s);
    }
    const auto reserved = s.server().reserved();
    const std::size_t newcomer = s.server().count("ben");
    return s.conclude({.held = first_cut && reserved < 64 * MiB && newcomer == 5,
                       .text = reserved < 64 * MiB ? "refused on the spot" : "reserves whatever a stranger announces",
                       .figure = "+" + in_MiB(reserved)});
}

outcome oversize_frame(stage& s) {
    constexpr std::size_t large = 4;
    constexpr std::uint64_t size = 64 * MiB;
    s.open();
    std::size_t begun = 0;
    for (std::size_t n = 1; n <= large && s.server().speaking(); ++n) {
        auto mallory = s.accepted_peer("mallory");
        if (!mallory) break;
        ++begun;
        const wire::bytes body(size, std::uint8_t{'x'});
        if (mallory->send_message({fmt::format("mallory {}", n), body}, 8s)) (void)s.server().await("mallory", n, 8s);
    }
    const std::size_t taken = s.server().count("mallory");
    const auto growth = s.server().growth();
    return s.conclude(
        {.held = begun == large && taken == 0 && growth < 8 * MiB,
         .text = taken == 0 ? "cut at the frame's first bytes" : fmt::format("takes {} frames of 64 MiB", taken),
         .figure = "+" + in_MiB(growth)});
}

outcome too_many_frames(stage& s) {
    s.open();
    const auto mallory = s.accepted_peer("mallory");
    if (!mallory) throw wire::broken_setup{"the accepted key was not accepted"};
    // Whole messages, each with more frames than an order has; an odd number, for readers that count in twos.
    constexpr std::uint64_t frames = 2001;
    for (int n = 0; n != 3; ++n) {
        (void)mallory->send_burst({.frame = 8, .frames = frames - 1, .unfinished = true}, 3s);
        (void)mallory->send("the last", false, 1s);
    }
    (void)mallory->send_message({"mallory 1", honest_body("mallory", 1)}, 1s);
    const wire::deadline until{2s};
    (void)s.server().await("mallory", 1, until);
    const std::size_t strange = s.server().strange();
    return s.conclude({.held = strange == 0,
                       .text = strange == 0 ? "dropped whole, the next order is read right"
                                            : fmt::format("reads {} orders that are none", strange),
                       .figure = fmt::format("{}", strange)});
}

outcome flood_slow_consumer(stage& s) {
    s.open();
    if (!s.server().ask("pause", "paused")) throw wire::broken_setup{"the consumer does not pause"};
    s.server().take_baseline();
    // First with frames far larger than agreed, then with as much as the agreement lets each peer send.
    for (const auto& [peers, frame] : {std::pair<std::size_t, std::size_t>{4, 256 * KiB}, {8, 16 * KiB}}) {
        std::vector<std::unique_ptr<wire::curve_client>> crowd;
        const wire::bytes body(frame, std::uint8_t{'x'});
        for (std::size_t n = 0; n != peers && s.server().speaking(); ++n) {
            if (auto mallory = s.accepted_peer("mallory")) crowd.push_back(std::move(mallory));
        }
        for (auto& mallory : crowd)
            for (std::size_t n = 1; n <= 1000 && s.server().speaking(); ++n) {
                if (!mallory->send_message({fmt::format("mallory {}", n), body, body, body}, 250ms)) break;
            }
    }
    const auto growth = s.server().growth();
    const auto bound = s.server().stated_bound();
    (void)s.server().tell("resume");
    const bool bounded = bound && growth <= *bound;
    return s.conclude({.held = bounded,
                       .text = bounded ? fmt::format("stays below its stated {}", in_MiB(*bound))
                                       : "keeps whatever is sent, without a bound",
                       .figure = "+" + in_MiB(growth)});
}

// --- patience ---------------------------------------------------------------------------------------------------------

outcome silent_peer(stage& s) {
    constexpr std::size_t each = 20;
    s.open();
    std::vector<std::unique_ptr<wire::curve_client>> silent;
    for (std::size_t n = 0; n != 3 * each; ++n) {
        silent.push_back(std::make_unique<wire::curve_client>(s.curve_peer("eve")));
        if (n % 3 != 0) (void)silent.back()->greet(1s);
        if (n % 3 == 2) (void)silent.back()->send_hello(1s);
    }
    // One more has an accepted key, and never says a word after its handshake.
    const auto mallory = s.accepted_peer("mallory");
    const wire::deadline patience{9s};
    std::size_t cut = 0;
    for (auto& peer : silent)
        if (peer->tcp().closed_by_peer(patience)) ++cut;
    const std::size_t held = silent.size() - cut;
    return s.conclude({.held = held == 0,
                       .text = held == 0 ? "lets go of every one of them" : "keeps a descriptor for each of them",
                       .figure = of(held, silent.size())});
}

outcome rubbish_answer(stage& s) {
    constexpr const char* address = "127.0.0.9";
    wire::listener place{0, address};
    s.open_client(fmt::format("{}:{}", address, place.port()));
    {
        auto client = place.accept(5s);
        if (!client) throw wire::broken_setup{"the client does not connect"};
        (void)client->receive_some(64, 2s);
        (void)client->send_all(wire::http_answer, 2s);
        client->finish_sending();
        (void)client->closed_by_peer(3s);
    }
    // From here on the real server answers at that place; what it is sent counts once the client is back.
    const auto start = std::chrono::steady_clock::now();
    const wire::deadline until{7s};
    std::optional<wire::curve_server> real;
    bool back = false;
    while (!back) {
        auto client = place.accept(until);
        if (!client) break;
        real.emplace(std::move(*client),
                     wire::curve_server_script{.identity = {wire::from_z85(s.keys().server().public_key),
                                                            wire::from_z85(s.keys().server().secret_key)},
                                               .socket_type = "PULL"});
        back = real->handshake(until).accepted() && real->client_key() == wire::from_z85(s.keys().of("ann").public_key);
    }
    if (!back) return s.conclude({.held = false, .text = "never connects again", .figure = of(0, orders)});
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    (void)s.server().tell(fmt::format("send {}", orders));
    std::vector<delivery> got;
    while (got.size() < orders) {
        const auto order = real->receive_message(3s);
        const std::uint64_t number = got.size() + 1;
        if (!order || order->size() != 2 || wire::to_text(order->front()) != fmt::format("ann {}", number)) break;
        got.push_back({number, order->back().size(), wire::to_text(order->back())});
    }
    const bool all = rightly_delivered(got, "ann") == orders;
    return s.conclude(
        {.held = all, .text = fmt::format("is back after {:.1f} s", took.count()), .figure = of(got.size(), orders)});
}

// --- mistakes of our own ----------------------------------------------------------------------------------------------

outcome two_threads(stage& s) {
    constexpr std::size_t runs = 5;
    std::size_t died = 0;
    std::size_t mixed_up = 0;
    std::size_t stuck = 0;
    std::size_t stopped_with_a_word = 0;
    for (std::size_t n = 0; n != runs; ++n) {
        s.open(0ms);
        (void)s.server().tell("second-thread");
        s.server().hear_out(1s);
        const std::size_t so_far = s.server().count(honest_peer::name);
        const bool gone = s.server().ended(s.server().speaking() ? 0s : 3s).has_value();
        const bool serves = !gone && s.server().await(honest_peer::name, so_far + 1, 500ms) > so_far;
        const auto got = s.server().delivered(honest_peer::name);
        const bool right = rightly_delivered(got, honest_peer::name) == got.size();
        const auto said = s.server().asides();
        s.dismiss_honest_peer();
        if (gone && right && said.size() == 1 && said.front().starts_with("ironhouse: fatal: ") &&
            said.front().find("thread") != std::string::npos)
            ++stopped_with_a_word;
        else if (gone)
            ++died;
        else if (!serves)
            ++stuck;
        else if (!right)
            ++mixed_up;
    }
    const std::size_t harmed = died + stuck + mixed_up;
    if (s.ironhouse())
        return {.held = stopped_with_a_word == runs,
                .text = stopped_with_a_word == runs
                            ? "stopped at the first wrong call, with one clear line"
                            : fmt::format("only {} of {} runs stopped with one clear line", stopped_with_a_word, runs),
                .figure = of(runs - stopped_with_a_word, runs)};
    return {.held = harmed == 0,
            .text = fmt::format("of {} runs {} died, {} hang, {} mix up orders", runs, died, stuck, mixed_up),
            .figure = of(harmed, runs)};
}

constexpr std::array rows{
    attack{"eavesdrop", "T5.1 M1.5", "listens on the line between a client and the server", bare_keys::none,
           "PULL, bind, receive: the first example of every tutorial; encryption is a later chapter",
           "orders read on the line", eavesdrop},
    attack{"mitm-relay", "T6.1 M1.3", "sits between both ends and changes what passes", bare_keys::none,
           "the same first example; nothing tells either end who the other one is", "changed orders taken", mitm_relay},
    attack{"bit-flip", "T6.1", "flips one bit in orders on their way", bare_keys::none,
           "the same first example; TCP's checksum is no protection, and ZMTP has none of its own",
           "changed orders taken", bit_flip},
    attack{"plaintext-client", "T6.1 M1.3", "connects without any key and sends orders", bare_keys::none,
           "the same first example; who can reach the port is a client", "orders taken", plaintext_client},
    attack{"unknown-key", "T6.1 T6.3 B2", "connects with a key nobody knows and sends orders", bare_keys::curve,
           "curve_server and curve_secretkey are set, as the documentation of these options ends there", "orders taken",
           unknown_key},
    attack{"dead-authenticator", "B2", "waits until the thread that checks keys has died, then connects",
           bare_keys::authenticator,
           "a ZAP handler on a thread of its own, which ends when its loop fails: nothing says so",
           "orders taken from an unknown key", dead_authenticator, plotted::resident, repeated_on::a_new_one},
    attack{"announced-600MiB", "T4.1", "announces large frames before it has shown any key, and sends none of them",
           bare_keys::authenticator, "keys and authenticator right; ZMQ_MAXMSGSIZE is off unless somebody sets it",
           "address space for 22 kB sent", announced_600MiB, plotted::address_space_too},
    attack{"oversize-frame", "T4.1 T4.2", "has an accepted key and sends frames of 64 MiB", bare_keys::authenticator,
           "keys and authenticator right; ZMQ_MAXMSGSIZE is off unless somebody sets it", "resident memory",
           oversize_frame},
    attack{"too-many-frames", "T4.1 B1", "has an accepted key and sends messages of 2,001 frames",
           bare_keys::authenticator, "an order is two frames, so tutorials call recv twice; nobody asks for more()",
           "false orders read", too_many_frames},
    attack{"flood-slow-consumer", "T1.1 T2 M2.2 M2.4", "has an accepted key and floods while the server is busy",
           bare_keys::authenticator,
           "the default of 1,000 messages per peer, of any size, from any number of peers: no example sets anything",
           "resident memory", flood_slow_consumer},
    attack{"silent-peer", "T3", "connects sixty times and stops talking at some point of the handshake",
           bare_keys::authenticator, "ZMQ_HANDSHAKE_IVL stays at its default of 30 seconds", "held after 9 s",
           silent_peer},
    attack{"rubbish-answer", "T3.4", "answers a connecting client once with HTTP, then the real server returns",
           bare_keys::curve,
           "a client that sets its keys and connects; libzmq reconnects by itself, says every tutorial",
           "orders arrived", rubbish_answer, plotted::resident, repeated_on::a_new_one},
    attack{"two-threads", "T7.1", "uses the server's socket from a second thread of the program itself",
           bare_keys::none, "a helper thread that takes the socket by reference: it compiles, and works when tried",
           "runs harmed", two_threads, plotted::resident, repeated_on::a_new_one},
    attack{"tampered-certificate", "B10", "has a certificate enrolled that two readers understand differently",
           bare_keys::authenticator, "a loop over the lines of the file that takes the text behind public-key",
           "keys nobody reviewed", tampered_certificate, plotted::resident, repeated_on::a_new_one},
    attack{"endless-multipart-1B", "B1 T4.1",
           "has an accepted key and sends one-byte frames of a message that never ends", bare_keys::authenticator,
           "keys and authenticator right; the high-water mark counts whole messages alone", "resident memory",
           endless_multipart_1B},
    attack{"endless-multipart-1000B", "B1 T4.1",
           "has an accepted key and sends frames of 1,000 bytes of a message that never ends", bare_keys::authenticator,
           "keys and authenticator right; neither ZMQ_RCVHWM nor ZMQ_MAXMSGSIZE counts a message before its end",
           "resident memory", endless_multipart_1000B},
    attack{"storm-silent", "T3.1 T3.2 B4", "opens 3,000 connections and says nothing", bare_keys::authenticator,
           "nothing in libzmq limits connections, so no example does; 1,024 descriptors are what a process has",
           "descriptors free, wait of 9 in 10 newcomers", storm_silent},
    attack{"storm-greeting", "T3.1 T3.2 B4", "opens 3,000 connections and sends a greeting on each",
           bare_keys::authenticator, "the same; a ZAP handler is asked when a handshake ends, and these never do",
           "descriptors free, wait of 9 in 10 newcomers", storm_greeting},
    attack{"storm-hello", "T3.1 T3.2 B4", "opens 1,500 connections and begins a CURVE handshake on each",
           bare_keys::authenticator, "the same; each HELLO is worked out and answered before anybody asks for a key",
           "descriptors free, wait of 9 in 10 newcomers", storm_hello},
    attack{"descriptor-exhaustion", "B4", "keeps idle connections from 200 networks until no descriptor is left",
           bare_keys::authenticator, "ZMQ_HANDSHAKE_IVL stays at 30 seconds, and accept() is tried again at once",
           "descriptors free, wait of 9 in 10 newcomers, processor", descriptor_exhaustion},
    attack{"handshake-flood", "T3.2", "completes handshakes with a key nobody knows, as fast as they go",
           bare_keys::authenticator, "the authenticator says no, every time; nobody counts how often it had to",
           "handshakes worked through, processor for each attempt, wait of 9 in 10 newcomers", handshake_flood},
    attack{"greedy-key", "T3.1", "has an accepted key and opens connections until there is no place for others",
           bare_keys::authenticator, "a key that is on the list may come in, as often as it likes",
           "places of one key, wait of 9 in 10 newcomers", greedy_key},
    attack{"subscription-flood", "B7", "has an accepted key and subscribes to every topic it can think of",
           bare_keys::authenticator, "PUB, bind, send: subscriptions are kept by libzmq, and have no limit",
           "resident memory", subscription_flood},
    attack{"slow-handshake", "T3.1 B4", "sends 1,100 handshakes byte by byte, and comes back when hung up on",
           bare_keys::authenticator, "ZMQ_HANDSHAKE_IVL stays at 30 seconds: time enough to hold every descriptor",
           "descriptors free, wait of 9 in 10 newcomers", slow_handshake},
    attack{"revoked-client", "B5 T6.3", "is let in, sends orders, and goes on when its key is taken off the list",
           bare_keys::authenticator,
           "the ZAP handler says no from now on; it is asked when somebody connects, and never again",
           "orders taken afterwards, hung up on", revoked_client, plotted::resident, repeated_on::a_new_one},
    attack{"revoked-silent-subscriber", "B5 T6.3",
           "is let in, has subscribed, and listens on when its key is taken off the list", bare_keys::authenticator,
           "the same; nothing of a subscriber ever reaches the program, which could not tell it from others",
           "bulletins heard afterwards, hung up on", revoked_silent_subscriber, plotted::resident,
           repeated_on::a_new_one},
    attack{"server-key-rotation", "M1.4", "knows the server's former key; the server has changed it, under traffic",
           bare_keys::authenticator,
           "unbind, set the next key, bind: a socket serves one key, so clients who have the former one fail at once",
           "orders lost of who knows the former key, longest silence for who knows both", server_key_rotation,
           plotted::resident, repeated_on::a_new_one},
    attack{"client-key-rotation", "M1.4 B5",
           "has copied a client's key; the client changes to its next one, and the former is taken off the list",
           bare_keys::authenticator,
           "set the next key, disconnect, connect; the ZAP handler says no to the former one, when it is asked",
           "the thief's orders taken afterwards, hung up on, longest silence for the owner", client_key_rotation,
           plotted::resident, repeated_on::a_new_one},
    attack{"half-copied-directory", "B5 B10",
           "fills the disk: new keys are copied into the directory, up to the middle of a file",
           bare_keys::authenticator, "reads all files again when told to; a bad one is passed over, as CZMQ does",
           "newcomers locked out", half_copied_directory, plotted::resident, repeated_on::a_new_one},
    attack{"vanished-directory", "B5", "comes with a key that is taken off the list while the directory is not there",
           bare_keys::authenticator, "what cannot be read leaves the list as it is, as in CZMQ's store",
           "let in meanwhile", vanished_directory, plotted::resident, repeated_on::a_new_one},
    attack{"routing-id-theft", "B6 T6.1",
           "has an accepted key and claims another client's routing id, between its orders and their answers",
           bare_keys::authenticator,
           "ROUTER_HANDOVER is on, so that a client who comes again gets its answers; nothing ties a name to a key",
           "answers that went to the thief", routing_id_theft, plotted::resident, repeated_on::a_new_one},
    attack{"routing-id-squat", "B6 T6.1",
           "has an accepted key, is there before another client, claims that one's routing id, and says nothing",
           bare_keys::authenticator,
           "ROUTER_HANDOVER is off, libzmq's default: a name that is taken stays with who has it",
           "the owner's orders without an answer", routing_id_squat, plotted::resident, repeated_on::a_new_one},
};

} // namespace

std::span<const attack> all_attacks() { return rows; }

namespace {

outcome run_on(stage& s, const attack& what) {
    try {
        return what.run(s);
    } catch (const wire::broken_setup& problem) {
        // A program that is gone breaks every later step: then its end is what came of the attack.
        if (const auto end = s.ended()) return {.held = false, .text = "died: " + end->text()};
        return {.held = false, .text = std::string{"could not be run: "} + problem.what()};
    } catch (const std::exception& problem) {
        return {.held = false, .text = std::string{"could not be run: "} + problem.what()};
    }
}

} // namespace

outcome run(const attack& what, program against, const surroundings& where, std::chrono::steady_clock::time_point since,
            lodging* with) noexcept {
    try {
        stage s{against, what.keys, where, since, what.repeats == repeated_on::the_same ? with : nullptr};
        outcome came = run_on(s, what);
        came.memory = s.clear_away();
        return came;
    } catch (const std::exception& problem) {
        return {.held = false, .text = std::string{"could not be run: "} + problem.what()};
    }
}

} // namespace gauntlet

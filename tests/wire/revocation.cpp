// SPDX-License-Identifier: MIT
// ctest: timeout 180

/// \file
/// A key that is no longer in its ring has no connection a second later, whatever the pattern, and whether it ever said
/// anything or not. Everybody else keeps theirs.

#include "catch.hpp"

#include "support/house.hpp"
#include "support/scratch.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace house;
using entries = std::vector<ih::keyring::entry>;

constexpr std::chrono::milliseconds bar = 1s;

entries without(const entries& all, std::string_view name) {
    entries rest;
    for (const auto& each : all)
        if (each.name != name) rest.push_back(each);
    return rest;
}

/// A peer that has done its handshake and says nothing.
std::unique_ptr<wire::curve_client> guest(const people& who, const person& as, std::uint16_t port,
                                          const std::string& type) {
    auto line = wire::connection::attempt(port, "127.0.0.1", soon);
    if (!line) return nullptr;
    auto made = std::make_unique<wire::curve_client>(std::move(*line), who.script(as, type));
    return made->handshake(soon).accepted() ? std::move(made) : nullptr;
}
void write(const std::string& path, const std::string& text) { std::ofstream{path} << text; }
bool stays(wire::curve_client& whose, std::chrono::milliseconds so_long = 200ms) {
    return !whose.tcp().closed_by_peer(so_long);
}

/// Waits until libzmq has taken all that a peer has sent out of the kernel's hands.
bool is_read(wire::curve_client& of, std::uint16_t server) {
    char ports[32];
    std::snprintf(ports, sizeof ports, ":%04X 0100007F:%04X ", unsigned{server}, unsigned{of.tcp().local_port()});
    return wire::eventually([&] {
        std::ifstream table{"/proc/self/net/tcp"};
        for (std::string line; std::getline(table, line);)
            if (const auto at = line.find(ports); at != line.npos) // then the state, what it sends, what it has to read
                return line.compare(at + std::strlen(ports) + std::strlen("01 00000000:"), 8, "00000000") == 0;
        return false;
    });
}

/// A server of that pattern, whose owner does nothing: neither peer has anything from it.
template <class Pattern> void revokes(const std::string& type) {
    CAPTURE(Pattern::traits.name);
    const people who;
    ih::context context;
    server_of<Pattern> server{context, who.serving()};
    server.bind("tcp://127.0.0.1:*");
    const auto eve = guest(who, who.eve, port_of(server), type);
    REQUIRE(eve);
    const bool one_peer = std::is_same_v<Pattern, ih::pair>;
    const auto ann = one_peer ? nullptr : guest(who, who.ann, port_of(server), type);
    REQUIRE((ann || one_peer));
    REQUIRE(counted(context, ih::reason::client_admitted, one_peer ? 1 : 2));
    who.ring.replace(without(who.let_in(), "eve"));
    CHECK(eve->tcp().closed_by_peer(bar));
    CHECK(counted(context, ih::reason::disconnected));
    CHECK(context.count(ih::reason::revoked) == 1);
    CHECK(guest(who, who.eve, port_of(server), type) == nullptr);
    CHECK(context.count(ih::reason::refused_unknown_key) == 1);
    if (ann) CHECK(stays(*ann));
    CHECK(context.count(ih::reason::disconnected) == 1);
}

/// What eve has sent, and the owner has not received, when she is revoked.
template <class Pattern> std::vector<std::string> received_after(ih::on_revocation chosen, int many, const char* type) {
    const people who;
    ih::context context;
    server_of<Pattern> server{context, who.serving(), ih::socket_options{.on_revocation = chosen}};
    server.bind("tcp://127.0.0.1:*");
    const auto eve = guest(who, who.eve, port_of(server), type);
    const auto ann = guest(who, who.ann, port_of(server), type);
    REQUIRE((eve && ann));
    const auto say = [&](wire::curve_client& by, const std::string& text) {
        if (std::is_same_v<Pattern, ih::rep>) REQUIRE(by.send("", true, soon));
        REQUIRE(by.send(text, false, soon));
    };
    for (int n = 0; n != many; ++n) {
        say(*eve, "eve " + std::to_string(n));
        say(*ann, "ann " + std::to_string(n));
    }
    REQUIRE((is_read(*eve, port_of(server)) && is_read(*ann, port_of(server))));
    who.ring.replace(without(who.let_in(), "eve"));
    REQUIRE(counted(context, ih::reason::disconnected));
    std::vector<std::string> got;
    typename server_of<Pattern>::message m;
    const std::size_t expected = static_cast<std::size_t>(chosen == ih::on_revocation::drop ? many : 2 * many);
    while (server.receive(m, got.size() < expected ? soon : 200ms) == ih::receive_status::received) {
        got.emplace_back(m[m.size() - 1].text());
        if constexpr (std::is_same_v<Pattern, ih::rep>) {
            typename server_of<Pattern>::message nothing;
            REQUIRE(server.send(nothing, soon) == ih::send_status::queued);
        }
    }
    CHECK(wire::eventually([&] {
        return context.count(ih::reason::message_of_revoked) ==
               static_cast<std::uint64_t>(chosen == ih::on_revocation::drop ? many : 0);
    }));
    // Nothing is looked up any more once the queue was empty: who comes now is received as ever.
    say(*ann, "afterwards");
    CHECK(hear(server) == "afterwards");
    return got;
}
std::size_t of(const std::vector<std::string>& all, std::string_view whose) {
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [&](const auto& each) { return each.starts_with(whose); }));
}

} // namespace

TEST_CASE("a removed key's connection ends within a second, on every pattern that binds", "[wire][B5][T6.3]") {
    revokes<ih::pull>("PUSH");
    revokes<ih::push>("PULL"); // whose peers never say anything
    revokes<ih::router>("DEALER");
    revokes<ih::rep>("REQ");
    revokes<ih::dealer>("DEALER");
    revokes<ih::pair>("PAIR");
    revokes<ih::pub>("SUB"); // with no subscription, and an idle owner
    revokes<ih::xpub>("SUB");
    revokes<ih::sub>("PUB");
}

TEST_CASE("a subscriber that was revoked hears nothing more, and the others everything", "[wire][B5]") {
    const people who;
    ih::context context;
    server_of<ih::pub> server{context, who.serving()};
    server.bind("tcp://127.0.0.1:*");
    const auto eve = guest(who, who.eve, port_of(server), "SUB");
    const auto ann = guest(who, who.ann, port_of(server), "SUB");
    REQUIRE((eve && ann));
    REQUIRE(eve->subscribe("", soon));
    REQUIRE(ann->subscribe("", soon));
    REQUIRE(counted(context, ih::reason::client_admitted, 2));
    who.ring.replace(without(who.let_in(), "eve"));
    REQUIRE(counted(context, ih::reason::disconnected));
    CHECK(eve->tcp().closed_by_peer(bar));
    REQUIRE(say(server, "news"));
    const auto heard = ann->receive(soon);
    REQUIRE(heard);
    CHECK(heard->text() == "news");
}

TEST_CASE("what a revoked key has sent, and nobody received yet, is dropped unless it is asked for",
          "[wire][B5][T6.3]") {
    for (const auto chosen : {ih::on_revocation::drop, ih::on_revocation::deliver}) {
        CAPTURE(static_cast<int>(chosen));
        const std::size_t of_eve = chosen == ih::on_revocation::drop ? 0 : 20;
        const auto pulled = received_after<ih::pull>(chosen, 20, "PUSH");
        CHECK(of(pulled, "ann") == 20);
        CHECK(of(pulled, "eve") == of_eve);
        const auto routed = received_after<ih::router>(chosen, 20, "DEALER");
        CHECK(of(routed, "ann") == 20);
        CHECK(of(routed, "eve") == of_eve);
    }
}

TEST_CASE("a key that runs out loses its connection when it does", "[wire][B5][M1.4]") {
    const people who;
    ih::context context;
    server_of<ih::pull> server{context, who.serving()};
    server.bind("tcp://127.0.0.1:*");
    const auto ends = std::chrono::ceil<std::chrono::seconds>(std::chrono::system_clock::now() + 1s);
    entries all = without(who.let_in(), "eve");
    ih::keyring::entry short_lived{"eve", who.eve.key()};
    short_lived.not_after = ends;
    all.push_back(short_lived);
    // Known when it came in, and learnt of while it was there.
    const auto early = guest(who, who.eve, port_of(server), "PUSH");
    REQUIRE(early);
    who.ring.replace(all);
    const auto late = guest(who, who.eve, port_of(server), "PUSH");
    const auto ann = guest(who, who.ann, port_of(server), "PUSH");
    REQUIRE((late && ann));
    CHECK(early->tcp().closed_by_peer(soon));
    CHECK(std::chrono::system_clock::now() >= ends);
    CHECK(late->tcp().closed_by_peer(bar));
    CHECK(std::chrono::system_clock::now() <= ends + bar);
    CHECK(context.count(ih::reason::revoked) == 2);
    CHECK(stays(*ann));
    CHECK(guest(who, who.eve, port_of(server), "PUSH") == nullptr);
    CHECK(context.count(ih::reason::refused_expired) == 1);
}

TEST_CASE("a key whose file is deleted, or that loses the role it needs, loses its connection", "[wire][B5][T6.3]") {
    const people who;
    const support::scratch folder;
    const auto file_of = [](const person& whom, const std::string& roles) {
        return "metadata\n    roles = \"" + roles + "\"\ncurve\n    public-key = \"" + whom.key().z85() + "\"\n";
    };
    write(folder / "ann.key", file_of(who.ann, "trader"));
    write(folder / "ben.key", file_of(who.ben, "trader"));
    write(folder / "eve.key", file_of(who.eve, "trader"));
    ih::context context;
    server_of<ih::pull> server{context, ih::curve_server{.domain = "orders",
                                                         .clients = ih::keyring::from_directory(folder.path()),
                                                         .identity = who.server.papers(),
                                                         .role = "trader"}};
    server.bind("tcp://127.0.0.1:*");
    const auto ann = guest(who, who.ann, port_of(server), "PUSH");
    const auto ben = guest(who, who.ben, port_of(server), "PUSH");
    const auto eve = guest(who, who.eve, port_of(server), "PUSH");
    REQUIRE((ann && ben && eve));
    std::filesystem::remove(folder / "eve.key");
    CHECK(eve->tcp().closed_by_peer(soon));
    write(folder / "ben.key", file_of(who.ben, "auditor"));
    CHECK(ben->tcp().closed_by_peer(soon));
    CHECK(stays(*ann));
    REQUIRE(counted(context, ih::reason::keyring_replaced, 2));
    CHECK(guest(who, who.ben, port_of(server), "PUSH") == nullptr);
    CHECK(context.count(ih::reason::refused_role) == 1);
}

TEST_CASE("while the directory of its keys is gone nobody new comes in, and nobody is cut", "[wire][T6.3]") {
    const people who;
    const support::scratch folder;
    const std::string keys = folder.folder("keys");
    write(keys + "/ann.key", "metadata\ncurve\n    public-key = \"" + who.ann.key().z85() + "\"\n");
    write(keys + "/ben.key", "metadata\ncurve\n    public-key = \"" + who.ben.key().z85() + "\"\n");
    ih::context context;
    server_of<ih::pull> server{context, ih::curve_server{.domain = "orders",
                                                         .clients = ih::keyring::from_directory(keys),
                                                         .identity = who.server.papers()}};
    server.bind("tcp://127.0.0.1:*");
    const auto ann = guest(who, who.ann, port_of(server), "PUSH");
    REQUIRE(ann);
    std::filesystem::rename(keys, folder / "elsewhere");
    REQUIRE(counted(context, ih::reason::keyring_missing));
    CHECK(guest(who, who.ben, port_of(server), "PUSH") == nullptr);
    CHECK(context.count(ih::reason::refused_ring_missing) == 1);
    CHECK(stays(*ann));
    std::filesystem::rename(folder / "elsewhere", keys);
    REQUIRE(counted(context, ih::reason::keyring_replaced));
    CHECK(guest(who, who.ben, port_of(server), "PUSH"));
    CHECK(stays(*ann));
}

TEST_CASE("a key that is called otherwise comes in again under its new name", "[wire][B5][T6.3]") {
    const people who;
    ih::context context;
    server_of<ih::pull> server{context, who.serving()};
    server.bind("tcp://127.0.0.1:*");
    client_of<ih::push> source{context, who.as(who.eve)};
    source.connect(endpoint_at(port_of(server)));
    server_of<ih::pull>::message m;
    REQUIRE(say(source, "first"));
    REQUIRE(server.receive(m, soon) == ih::receive_status::received);
    CHECK(m.sender() == "eve");
    entries all = without(who.let_in(), "eve");
    all.push_back({"eve the second", who.eve.key()});
    who.ring.replace(all);
    REQUIRE(counted(context, ih::reason::revoked));
    REQUIRE(counted(context, ih::reason::client_admitted, 2));
    REQUIRE(say(source, "second"));
    REQUIRE(server.receive(m, soon) == ih::receive_status::received);
    CHECK(m.sender() == "eve the second");
}

TEST_CASE("29 of 200 silent clients of one PUSH server are revoked, those and no others, ten times", "[wire][B5]") {
    struct crowd : people {
        std::vector<person> staff;
    } who;
    for (int n = 0; n != 200; ++n) who.staff.push_back(person{"p" + std::to_string(n)});
    entries all;
    for (const person& each : who.staff) all.push_back({each.name, each.key()});
    constexpr ih::outbound wide{.peers = 300_peers, .queue = 10_messages, .frames = 1_frames, .frame = 1_KiB};
    std::mt19937 random{2'026};
    for (int round = 0; round != 10; ++round) {
        CAPTURE(round);
        who.ring.replace(all);
        ih::context context{{.admission = {.newcomers = 10'000_per_s}}};
        ih::socket<ih::push, wide, ih::curve_server> server{context, who.serving()};
        server.bind("tcp://127.0.0.1:*");
        std::vector<std::unique_ptr<wire::curve_client>> there;
        for (const person& each : who.staff) {
            there.push_back(guest(who, each, port_of(server), "PULL"));
            REQUIRE(there.back());
        }
        REQUIRE(counted(context, ih::reason::client_admitted, 200));
        std::vector<std::size_t> order(200);
        for (std::size_t n = 0; n != order.size(); ++n) order[n] = n;
        std::shuffle(order.begin(), order.end(), random);
        entries rest;
        for (std::size_t n = 29; n != order.size(); ++n) rest.push_back(all[order[n]]);
        who.ring.replace(rest);
        std::size_t right = 0, wrong = 0;
        const wire::deadline until{bar};
        for (std::size_t n = 0; n != 29; ++n) right += there[order[n]]->tcp().closed_by_peer(until) ? 1 : 0;
        for (std::size_t n = 29; n != order.size(); ++n) wrong += there[order[n]]->tcp().closed_by_peer(1ms) ? 1 : 0;
        CHECK(right == 29);
        CHECK(wrong == 0);
        CHECK(context.count(ih::reason::revoked) == 29);
    }
}

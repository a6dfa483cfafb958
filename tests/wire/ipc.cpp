// SPDX-License-Identifier: MIT
// ctest: serial
// ctest: timeout 120

/// \file
/// Over ipc the kernel counts nothing: with system/runtime.hpp, clients are told apart, held to their places and their
/// allowances all the same; without it, bind() refuses (unit/socket/socket.cpp).

#include <ironhouse/system/runtime.hpp>

#include "catch.hpp"

#include "support/house.hpp"
#include "support/process.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

namespace {

using namespace house;

inline constexpr ih::inbound two{.peers = 2_peers, .queue = 10_messages, .frames = 4_frames, .frame = 256_B};

/// A server at a path of its own.
struct office {
    std::string folder = "/tmp/ironhouse-test-XXXXXX", path;
    people who;
    ih::context context;
    ih::socket<ih::pull, two, ih::curve_server> sink{context, who.serving()};

    office() {
        if (::mkdtemp(folder.data()) == nullptr) throw wire::broken_setup{"no folder"};
        path = folder + "/door";
        sink.bind(ih::endpoint<ih::curve_server>::parse("ipc://" + path));
    }
    ~office() {
        sink.close();
        ::unlink(path.c_str());
        ::rmdir(folder.c_str());
    }
    office(const office&) = delete;
    office& operator=(const office&) = delete;

    /// Whether it was let in; whoever comes before the listener is watched is asked to come again. The owner looks after its
    /// socket meanwhile: whoever was cut keeps its place until what it sent before is known to have been received.
    [[nodiscard]] std::unique_ptr<wire::curve_client> visit(const person& as,
                                                            std::chrono::milliseconds patience = soon) {
        const wire::deadline until{patience};
        do {
            decltype(sink)::message nothing;
            REQUIRE(sink.receive(nothing, 0ms) == ih::receive_status::timed_out);
            auto line = wire::connection::attempt_path(path, 1s);
            if (!line) continue;
            auto peer = std::make_unique<wire::curve_client>(std::move(*line), who.script(as, "PUSH"));
            if (peer->handshake(1s).accepted()) return peer;
        } while (!until.passed());
        return nullptr;
    }
};

} // namespace

TEST_CASE("clients over ipc have names and places", "[wire][T3.1]") {
    office at;
    auto ann = at.visit(at.who.ann);
    REQUIRE(ann);
    REQUIRE(ann->send("here", false, soon));
    decltype(at.sink)::message m;
    REQUIRE(at.sink.receive(m, soon) == ih::receive_status::received);
    CHECK(m.sender() == "ann");
    auto ben = at.visit(at.who.ben);
    REQUIRE(ben);
    // Both places are taken.
    CHECK(at.visit(at.who.eve, 300ms) == nullptr);
    CHECK(at.context.count(ih::reason::client_admitted) == 2);
    CHECK(at.context.count(ih::reason::refused_full) >= 1);
    // One leaves, and its place is given away.
    ben.reset();
    CHECK(at.visit(at.who.eve));
    // Whoever has come sends as much as it likes, as long as it is read.
    for (int n = 0; n != 2'000; ++n) {
        const std::string text = std::to_string(n) + std::string(200, 'x');
        REQUIRE(ann->send(text, false, soon));
        REQUIRE(at.sink.receive(m, soon) == ih::receive_status::received);
        REQUIRE(m[0].text() == text);
    }
    CHECK(at.context.count(ih::reason::cut_over_budget) + at.context.count(ih::reason::cut_long_handshake) == 0);
}

TEST_CASE("whoever never ends a message over ipc is cut", "[wire][B1][T4.1]") {
    if (!ih::detail::runtime_in_effect()) return; // off under sanitizers
    office at;
    auto ann = at.visit(at.who.ann);
    REQUIRE(ann);
    decltype(at.sink)::message m;
    constexpr std::uint64_t most = 32ULL << 20U;
    for (int n = 0; n != 8; ++n) {
        auto eve = at.visit(at.who.attacker(n)); // each is kept out once it was cut
        REQUIRE(eve);
        const auto frames =
            eve->send_burst({.frame = 200, .frames = most / 235, .wire_bytes = most}, wire::deadline{soon});
        CHECK(frames * 235 < most / 8); // what the kernel had taken already counts as well
        REQUIRE(wire::eventually(
            [&] { return at.context.count(ih::reason::cut_over_budget) >= static_cast<std::uint64_t>(n) + 1; }, soon));
        // Ann is served meanwhile.
        REQUIRE(ann->send("still here", false, soon));
        REQUIRE(at.sink.receive(m, soon) == ih::receive_status::received);
        CHECK(m.sender() == "ann");
    }
}

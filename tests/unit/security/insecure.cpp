// SPDX-License-Identifier: MIT
#include <ironhouse/insecure.hpp>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "catch.hpp"
#include "support/sockets.hpp"

namespace ih = ironhouse;
using namespace support;

namespace {

using plain_sink = ih::socket<ih::pull, receiving, ih::insecure::plaintext>;

static_assert(ih::security_policy<ih::insecure::plaintext>);
static_assert(ih::insecure::plaintext::protects.tcp && !ih::insecure::plaintext::protects.inproc);
static_assert(!ih::insecure::plaintext::protects.curve_spelling, "curve:// must not be plaintext");
// The way out from who may come in is no way out from encryption.
static_assert(!ih::security_policy<ih::insecure::any_client>);

} // namespace

TEST_CASE("the reason for plaintext is kept, and nothing is authenticated", "[insecure][T5.1]") {
    const auto plain = ih::insecure::plaintext{"a laboratory network behind a locked door"}.armour();
    CHECK(plain.mechanism == ih::detail::mechanism::null);
    REQUIRE(plain.waiver != nullptr);
    CHECK(std::strcmp(plain.waiver, "a laboratory network behind a locked door") == 0);
    CHECK_FALSE(plain.identity.has_value());
}

TEST_CASE("an address that says curve is refused by a plaintext socket", "[insecure][T5.1]") {
    CHECK_THROWS_AS(ih::endpoint<ih::insecure::plaintext>::parse("curve://127.0.0.1:5555"), ih::error);
}

TEST_CASE("opening a plaintext socket is an event with the reason, each time", "[insecure]") {
    listener heard;
    ih::context context{{.on_event = heard.ear()}};
    const plain_sink one{context, {"a laboratory network"}};
    CHECK(eventually([&] { return context.count(ih::reason::waived) == 1; }));
    const plain_sink two{context, {"another laboratory network"}};
    CHECK(eventually([&] { return context.count(ih::reason::waived) == 2; }));
    CHECK(eventually([&] { return heard.of(ih::reason::waived).size() == 2; }));
    CHECK(heard.of(ih::reason::waived).back().detail == "another laboratory network");
}

// libzmq reports a plain handshake before its last command is on the line. A connection that is not believed then stays one
// that has not finished its handshake, and is cut after 8 KiB.
TEST_CASE("every plain connection is seen to be past its handshake", "[insecure]") {
    ih::context context;
    constexpr ih::inbound in{.peers = 200_peers, .queue = 2_messages, .frames = 1_frames, .frame = 64_B};
    constexpr ih::outbound out{.peers = 1_peers, .queue = 2_messages, .frames = 1_frames, .frame = 64_B};
    ih::socket<ih::pull, in, ih::insecure::plaintext> sink{context,
                                                           ih::insecure::plaintext{"the test is about plain peers"}};
    sink.bind("tcp://127.0.0.1:*");
    const auto at = ih::connect_endpoint<ih::insecure::plaintext::protects>::parse(sink.last_endpoint());
    using source_type = ih::socket<ih::push, out, ih::insecure::plaintext>;
    std::vector<std::unique_ptr<source_type>> sources;
    for (int i = 0; i != 200; ++i) {
        sources.push_back(
            std::make_unique<source_type>(context, ih::insecure::plaintext{"the test is about plain peers"}));
        sources.back()->connect(at);
    }
    CHECK(eventually([&] { return context.count(ih::reason::connected) == 400; }));
}

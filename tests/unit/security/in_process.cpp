// SPDX-License-Identifier: MIT
#include <ironhouse/security/in_process.hpp>

#include <type_traits>

#include "catch.hpp"
#include "support/sockets.hpp"

namespace ih = ironhouse;
using namespace support;

namespace {

static_assert(!ih::in_process::protects.tcp && !ih::in_process::protects.ipc && ih::in_process::protects.inproc);
static_assert(!ih::in_process::protects.curve_spelling && !ih::in_process::protects.gssapi_spelling);
static_assert(!std::is_same_v<ih::endpoint<ih::in_process>, ih::endpoint<ih::curve_server>>);

} // namespace

TEST_CASE("a policy for one process holds no keys and lets nobody else in", "[in_process][B3]") {
    const auto worn = ih::in_process{}.armour();
    CHECK(worn.mechanism == ih::detail::mechanism::null);
    CHECK(worn.side == ih::detail::side::none);
    CHECK_FALSE(worn.identity.has_value());
    CHECK(worn.clients == nullptr);
    CHECK(worn.waiver == nullptr);
}

TEST_CASE("an address of the network is refused at run time too", "[in_process][B3]") {
    using endpoint = ih::endpoint<ih::in_process>;
    for (const char* text :
         {"tcp://127.0.0.1:5555", "ipc:///run/door", "curve://127.0.0.1:5555", "pgm://eth0;1.2.3.4:5"})
        CHECK_THROWS_AS(endpoint::parse(text), ih::error);
    CHECK(endpoint::parse("inproc://orders").which() == ih::transport::inproc);
}

TEST_CASE("a message within one process has no sender's name", "[in_process]") {
    ih::context context;
    ih::socket<ih::pull, receiving, ih::in_process> sink{context, {}};
    sink.bind("inproc://orders");
    ih::socket<ih::push, sending, ih::in_process> source{context, {}};
    source.connect("inproc://orders");
    decltype(source)::message m;
    REQUIRE(m.add("x"));
    REQUIRE(source.send(m, soon) == ih::send_status::queued);
    decltype(sink)::message got;
    REQUIRE(sink.receive(got, soon) == ih::receive_status::received);
    CHECK(got.sender().empty());
    CHECK(got.sender_serial() == 0);
}

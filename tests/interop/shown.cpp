// SPDX-License-Identifier: MIT
// ctest: timeout 120

/// \file
/// The four programs that docs/interop.md shows, each talking to a socket of ours.

#include <string>
#include <vector>

#include "catch.hpp"
#include "foreign.hpp"
#include "support/sockets.hpp"

namespace ih = ironhouse;
using namespace support;
using interop::keys;
using interop::kind;

namespace {

/// Runs a program in a folder, where its key files are.
wire::child run_in(const std::string& folder, std::vector<std::string> command) {
    command.insert(command.begin(), {"/bin/sh", "-c", R"(cd "$0" && exec "$@")", folder});
    return wire::child::start(command);
}

[[nodiscard]] std::vector<std::string> shown(kind of, const std::string& which) {
    if (of == kind::pyzmq) return {IRONHOUSE_PYTHON, IRONHOUSE_SHOWN "/" + which + ".py"};
    return {which == "client" ? IRONHOUSE_SHOWN_CLIENT_C : IRONHOUSE_SHOWN_SERVER_C};
}

} // namespace

TEST_CASE("the foreign client of the page reaches an Ironhouse server", "[interop][M1.6]") {
    const auto foreign = GENERATE(kind::pyzmq, kind::czmq);
    const keys at;
    ih::context context;
    ih::socket<ih::pull, receiving, ih::curve_server> sink{
        context,
        {.domain = "orders",
         .clients = ih::keyring::from_directory(at.clients),
         .identity = ih::certificate::load(at.folder / "server.key_secret")}};
    sink.bind("tcp://127.0.0.1:*");
    auto command = shown(foreign, "client");
    command.push_back(sink.last_endpoint());
    auto client = run_in(at.folder / "", command);
    decltype(sink)::message order;
    REQUIRE(sink.receive(order, soon) == ih::receive_status::received);
    CHECK(order[0].text() == "one thousand widgets");
    CHECK(order.sender() == "ann");
    const auto end = client.wait(20s);
    REQUIRE(end);
    CHECK(end->clean());
}

TEST_CASE("an Ironhouse client reaches the foreign server of the page", "[interop][M1.6]") {
    const auto foreign = GENERATE(kind::pyzmq, kind::czmq);
    const keys at;
    auto server = run_in(at.folder / "", shown(foreign, "server"));
    const auto endpoint = server.read_line(20s);
    REQUIRE(endpoint);
    const auto there = ih::connect_endpoint<ih::curve_client::protects>::parse(*endpoint);

    ih::context context;
    using source_type = ih::socket<ih::push, sending, ih::curve_client>;
    auto unknown = ih::certificate::generate("ann"); // the name is nothing; the key is what counts
    source_type stranger{context, {.identity = std::move(unknown), .server = at.who.server_key}};
    source_type::message order;
    stranger.connect(there);
    REQUIRE(order.add("not for you"));
    REQUIRE(stranger.send(order, soon) == ih::send_status::queued);
    CHECK(eventually([&] { return context.count(ih::reason::handshake_failed) > 0; }));

    source_type ann{context,
                    {.identity = ih::certificate::load(at.folder / "ann.key_secret"), .server = at.who.server_key}};
    ann.connect(there);
    REQUIRE(order.add("one thousand widgets"));
    REQUIRE(ann.send(order, soon) == ih::send_status::queued);
    CHECK(server.read_line(20s) == "one thousand widgets");
    const auto end = server.wait(20s);
    REQUIRE(end);
    CHECK(end->clean());
}

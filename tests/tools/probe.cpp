// SPDX-License-Identifier: MIT
// ctest: timeout 180

/// \file
/// probe tells apart who enforces CURVE, who only announces it, and who is something else.

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <ironhouse/insecure.hpp>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "command.hpp"
#include "wire/support/curve.hpp"
#include "wire/support/tcp.hpp"

namespace ih = ironhouse;
using namespace tools;
using namespace support;

namespace {

/// A pyzmq or HTTP server as a child process.
class foreign_server {
public:
    explicit foreign_server(std::vector<std::string> arguments) : child_{start(std::move(arguments))} {
        const auto port = child_.read_line(20s);
        REQUIRE(port);
        endpoint = "tcp://127.0.0.1:" + *port;
    }
    std::string endpoint;

private:
    static wire::child start(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {IRONHOUSE_PYTHON, IRONHOUSE_SERVER_PY});
        return wire::child::start(arguments);
    }
    wire::child child_;
};

struct probed {
    int code;
    nlohmann::json said;
    [[nodiscard]] std::string result(const std::string& as) const {
        for (const auto& each : said["attempts"])
            if (each["as"] == as) return each["result"];
        return "not there";
    }
};

[[nodiscard]] probed probe(const std::string& endpoint, const std::string& key, const std::string& timeout = "10") {
    std::vector<std::string> arguments{"probe", endpoint, "--json", "--timeout", timeout};
    if (!key.empty()) arguments.push_back("--server-key=" + key); // a key may begin with '-'
    const auto end = run(arguments);
    INFO(end.said);
    probed all{end.code, nlohmann::json::parse(end.said)};
    CHECK(all.said["exit_code"] == all.code);
    return all;
}

} // namespace

TEST_CASE("an Ironhouse server enforces CURVE, on every kind of socket, over tcp and ipc", "[tools][M1.5][B2]") {
    ih::context context;
    cast who;
    const std::string key = who.server_key.z85();
    const scratch folder;
    who.server.save(folder / "server.key_secret");
    who.server.save_public(folder / "server.key");
    const auto check = [&](auto& socket, const std::string& bound) {
        socket.bind(ih::endpoint<ih::curve_server>::parse(bound));
        const auto all = probe(socket.last_endpoint(), key);
        INFO(all.said.dump());
        CHECK(all.code == 0);
        CHECK(all.said["announced"] == "CURVE");
        for (const char* const as : {"NULL", "PLAIN", "ZMTP 1", "ZMTP 2", "CURVE, unknown key"})
            CHECK(all.result(as) == "kept out");
    };
    const auto serving = [&] {
        return ih::curve_server{
            .domain = "probe", .clients = who.ring, .identity = ih::certificate::load(folder / "server.key_secret")};
    };
    ih::socket<ih::pull, receiving, ih::curve_server> pull{context, serving()};
    check(pull, "tcp://127.0.0.1:*");
    ih::socket<ih::pub, sending, ih::curve_server> pub{context, serving()};
    check(pub, "tcp://127.0.0.1:*");
    ih::socket<ih::router, both, ih::curve_server> router{
        context, serving(),
        ih::socket_options{.ipc_guard = ih::insecure::unguarded_ipc{"the probe is all that comes"}}};
    check(router, "ipc://" + folder / "door");
    ih::socket<ih::req, both, ih::curve_server> req{context, serving()};
    check(req, "tcp://[::1]:*");

    // The key as a file does as well.
    CHECK(run({"probe", pull.last_endpoint(), "--server-key", folder / "server.key"}).code == 0);
    CHECK(context.count(ih::reason::client_admitted) == 0);
}

TEST_CASE("an Ironhouse server that lets everybody in on purpose is reported as open", "[tools][M1.5]") {
    ih::context context;
    cast who;
    const std::string key = who.server_key.z85();
    ih::socket<ih::pull, receiving, ih::curve_server> sink{
        context,
        {.domain = "probe",
         .clients = ih::insecure::any_client{"a test of what probe says"},
         .identity = std::move(who.server)}};
    sink.bind("tcp://127.0.0.1:*");
    const auto all = probe(sink.last_endpoint(), key);
    CHECK(all.code == 1);
    CHECK(all.result("CURVE, unknown key") == "LET IN");
    CHECK(all.result("NULL") == "kept out");
}

TEST_CASE("a pyzmq CURVE server without an authenticator lets in any key, whatever its socket", "[tools][M1.5][B2]") {
    const scratch folder;
    const auto server = ih::certificate::generate("server");
    server.save(folder / "server.key_secret");
    for (const char* const socket : {"pull", "push", "pub", "sub", "rep", "req", "router", "dealer", "pair"}) {
        INFO(socket);
        const foreign_server open{{"curve-without-authenticator", socket, folder / "server.key_secret"}};
        const auto all = probe(open.endpoint, server.public_key().z85());
        CHECK(all.code == 1);
        CHECK(all.result("CURVE, unknown key") == "LET IN");
        CHECK(all.result("NULL") == "kept out");
        CHECK(contains(all.said["verdict"], "OPEN"));
    }
}

TEST_CASE("a plain server and a PLAIN server are not encrypted", "[tools][M1.5]") {
    const foreign_server plain{{"null", "pull"}};
    const auto open = probe(plain.endpoint, "");
    CHECK(open.code == 1);
    CHECK(open.said["announced"] == "NULL");
    CHECK(open.result("NULL") == "LET IN");
    CHECK(open.result("ZMTP 1") == "LET IN");
    CHECK(open.result("ZMTP 2") == "LET IN");
    const foreign_server password{{"plain", "rep"}};
    const auto readable = probe(password.endpoint, "");
    CHECK(readable.code == 1);
    CHECK(readable.said["announced"] == "PLAIN");
    CHECK(readable.result("PLAIN") == "kept out");
}

TEST_CASE("a closed port, a web server and a silent one are none of it", "[tools][M1.5]") {
    const auto closed = run({"probe", "tcp://127.0.0.1:" + std::to_string(wire::unused_port())});
    CHECK(closed.code == 4);
    CHECK(contains(closed.said, "refused"));
    const foreign_server web{{"http"}};
    const auto http = probe(web.endpoint, "", "2");
    CHECK(http.code == 5);
    CHECK(contains(http.said["verdict"], "HTTP"));
    wire::listener silent; // the kernel accepts, nobody speaks
    const auto quiet = probe(silent.endpoint(), "", "2");
    CHECK(quiet.code == 5);
    CHECK(contains(quiet.said["verdict"], "says nothing"));
}

TEST_CASE("what cannot be told is said, with what is missing", "[tools][M1.5]") {
    ih::context context;
    cast who;
    ih::socket<ih::pull, receiving, ih::curve_server> sink{context, who.serving()};
    sink.bind("tcp://127.0.0.1:*");
    const auto without = probe(sink.last_endpoint(), "");
    CHECK(without.code == 6);
    CHECK(contains(without.said["verdict"], "--server-key"));
    const auto other = probe(sink.last_endpoint(), who.mallory.public_key().z85());
    CHECK(other.code == 6);
    CHECK(contains(other.said["verdict"], "another server"));
}

TEST_CASE("an authenticator that takes its time is waited for before anything is called enforced",
          "[tools][M1.5][B2]") {
    const bool lets_in_at_last = GENERATE(true, false);
    wire::listener listening;
    const auto keys = wire::curve_keys::generate();
    std::atomic<bool> over{false};
    std::thread server{[&] {
        std::vector<wire::curve_server> held;
        while (!over) {
            auto next = listening.accept(20ms);
            if (!next) continue;
            wire::curve_server one{std::move(*next), {.identity = keys}};
            if (!one.receive_initiate(200ms).accepted()) continue; // hangs up on all that is not CURVE
            // Longer than one step of the probe, shorter than its whole patience.
            (void)wire::never([&] { return over.load(); }, 1200ms);
            if (lets_in_at_last) (void)one.send_ready(1s);
            held.push_back(std::move(one));
        }
    }};
    const auto all = probe(listening.endpoint(), wire::z85(keys.public_key), "6");
    over = true;
    server.join();
    INFO(all.said.dump());
    CHECK(all.code == (lets_in_at_last ? 1 : 6));
    CHECK(all.result("CURVE, unknown key") == (lets_in_at_last ? "LET IN" : "no answer"));
}

TEST_CASE("a server that hangs up on every key without a word is not called enforced", "[tools][M1.5][B2]") {
    wire::listener listening;
    const auto keys = wire::curve_keys::generate();
    std::atomic<bool> over{false};
    std::thread server{[&] {
        while (!over) {
            if (auto next = listening.accept(20ms)) {
                wire::curve_server one{std::move(*next), {.identity = keys}};
                (void)one.receive_initiate(200ms);
            }
        }
    }};
    const auto all = probe(listening.endpoint(), wire::z85(keys.public_key));
    over = true;
    server.join();
    INFO(all.said.dump());
    CHECK(all.code == 6);
    CHECK(contains(all.said["verdict"], "without a word"));
}

TEST_CASE("a server that gives a byte at a time does not hold the probe up", "[tools][M1.5]") {
    wire::listener slow;
    auto child =
        wire::child::start({IRONHOUSE_COMMAND, "probe", slow.endpoint(), "--timeout", "2"}, {.errors_too = true});
    const wire::bytes greeting = wire::greeting{.mechanism = "CURVE", .as_server = true}.encode();
    std::vector<wire::connection> held;
    const wire::deadline until{20s};
    std::size_t at = 0;
    while (child.alive() && !until.passed()) {
        if (auto next = slow.accept(20ms)) held.push_back(std::move(*next));
        for (auto& each : held) (void)each.send_some(wire::view{greeting}.part(at % greeting.size(), 1));
        ++at;
    }
    const auto end = child.wait(1s);
    REQUIRE(end);
    CHECK(end->code != 0);
}

TEST_CASE("probe refuses what is no endpoint and no key", "[tools]") {
    for (const char* const endpoint : {"localhost:5555", "inproc://x", "tcp://*:5555", "udp://127.0.0.1:5"}) {
        INFO(endpoint);
        CHECK(run({"probe", endpoint}).code == 2);
    }
    CHECK(run({"probe", "tcp://127.0.0.1:5555", "--server-key", "too-short"}).code == 3);
    CHECK(run({"probe", "tcp://no-such-name.invalid:5555"}).code == 4);
}

// SPDX-License-Identifier: MIT
// ctest: timeout 120

/// \file
/// Who comes in, who is who, and what happens when nobody is there to ask: each thing libzmq gets wrong by default, and the
/// library's side of it, against peers that hold real keys.

#include "catch.hpp"

#include "support/house.hpp"
#include "support/process.hpp"

#include <ironhouse/detail/fault.hpp>
#include <ironhouse/insecure.hpp>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <zmq.h>

namespace {

using namespace house;
using ih::receive_status;
using ih::send_status;

/// A PULL server on a free port.
struct hall {
    explicit hall(const ih::context_options& options = {}) : context{options} { sink.bind("tcp://127.0.0.1:*"); }

    [[nodiscard]] wire::curve_client visitor(wire::curve_client_script script, const char* from = "127.0.0.66") {
        return {wire::connection::to(port(), from), std::move(script)};
    }
    [[nodiscard]] std::uint16_t port() { return house::port_of(sink); }

    people who;
    ih::context context;
    server_of<ih::pull> sink{context, who.serving()};
};

/// A raw libzmq socket, for what the library would never do.
class bare {
public:
    explicit bare(int type) : context_{zmq_ctx_new()}, socket_{zmq_socket(context_, type)} {
        set(ZMQ_LINGER, 0);
        set(ZMQ_SNDTIMEO, 0);
    }
    bare(const bare&) = delete;
    bare& operator=(const bare&) = delete;
    ~bare() {
        zmq_close(socket_);
        zmq_ctx_term(context_);
    }
    void set(int option, int value) { REQUIRE(zmq_setsockopt(socket_, option, &value, sizeof value) == 0); }
    void set(int option, wire::view value) {
        REQUIRE(zmq_setsockopt(socket_, option, value.data(), value.size()) == 0);
    }
    [[nodiscard]] void* raw() const { return socket_; }

private:
    void* context_;
    void* socket_;
};

/// The key libzmq would hand out, raw and as text.
bool gives_away(void* socket, const wire::curve_keys& keys) {
    std::array<char, 64> held{};
    std::size_t size = 32;
    const bool raw = zmq_getsockopt(socket, ZMQ_CURVE_SECRETKEY, held.data(), &size) == 0 &&
                     wire::view{reinterpret_cast<const std::uint8_t*>(held.data()), 32} == wire::view{keys.secret_key};
    size = 41;
    const bool text = zmq_getsockopt(socket, ZMQ_CURVE_SECRETKEY, held.data(), &size) == 0 &&
                      std::string{held.data()} == wire::z85(keys.secret_key);
    return raw || text;
}

} // namespace

// --- domain, ENFORCE and a handler, all three -------------------------------------------------------------------------

TEST_CASE("without a live authenticator nobody comes in, and whoever is in goes on", "[wire][B2][T6.1]") {
    ear events;
    hall house_{{.on_event = events.listening()}};
    auto ann = house_.visitor(house_.who.script(house_.who.ann, "PUSH"), "127.0.0.9");
    REQUIRE(ann.handshake(soon).accepted());
    REQUIRE(ann.send("before", false, soon));
    CHECK(hear(house_.sink) == "before");

    ih::detail::kill_authenticator(house_.context);
    REQUIRE(counted(house_.context, ih::reason::sentry_failed));
    REQUIRE(wire::eventually([&] { return !events.of(ih::reason::sentry_failed).empty(); }, soon));

    // Not even those of the ring: nobody is there to tell them from the others.
    for (const person* const each : {&house_.who.ann, &house_.who.ben, &house_.who.mallory}) {
        INFO(each->name);
        auto late = house_.visitor(house_.who.script(*each, "PUSH"));
        CHECK(late.handshake(std::chrono::milliseconds{300}).kept_out());
        (void)late.send("evil", false, soon);
    }
    for (int i = 0; i != 100; ++i) {
        REQUIRE(ann.send("still here", false, soon));
        CHECK(hear(house_.sink) == "still here");
    }
    CHECK(hear(house_.sink, 50ms).empty());

    try {
        server_of<ih::pull> another{house_.context, house_.who.serving()};
        FAIL("a server opened although nobody would be authenticated");
    } catch (const ih::error& refused) {
        CHECK(refused.why() == ih::error::unavailable);
    }
    // A listener that an existing server opens later lets nobody in either.
    house_.sink.bind("tcp://127.0.0.1:*");
    wire::curve_client later{wire::connection::to(house::port_of(house_.sink), "127.0.0.66"),
                             house_.who.script(house_.who.ann, "PUSH")};
    CHECK(later.handshake(std::chrono::milliseconds{300}).kept_out());
}

TEST_CASE("a key outside the ring, and one that is not valid now, are refused and never heard", "[wire][T6.1][B2]") {
    using std::chrono::hours;
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    people who;
    const person early{"early"};
    const person late{"late"};
    who.ring = ih::keyring::of({{"ann", who.ann.key(), now - hours{1}, now + hours{1}},
                                {"early", early.key(), now + hours{1}},
                                {"late", late.key(), std::nullopt, now - hours{1}}});
    ear events;
    ih::context context{{.on_event = events.listening()}};
    server_of<ih::pull> sink{context, who.serving()};
    sink.bind("tcp://127.0.0.1:*");
    const std::uint16_t port = house::port_of(sink);

    const std::vector<std::tuple<const person*, ih::reason, std::string>> strangers{
        {&who.mallory, ih::reason::refused_unknown_key, who.mallory.key().fingerprint()},
        {&early, ih::reason::refused_not_yet_valid, "early"},
        {&late, ih::reason::refused_expired, "late"}};
    for (const auto& [each, why, called] : strangers) {
        INFO(each->name);
        wire::curve_client peer{wire::connection::to(port, "127.0.0.66"), who.script(*each, "PUSH")};
        const auto met = peer.handshake(soon);
        CHECK(met.result == wire::verdict::refused);
        CHECK(met.reason == "400"); // a peer learns less than the log
        (void)peer.send("evil", false, soon);
        const auto reason = why;
        REQUIRE(wire::eventually([&] { return !events.of(reason).empty(); }, soon));
        CHECK(events.of(why).front().peer == called);
        CHECK(events.of(why).front().domain == "orders");
        CHECK(events.of(why).front().address == "127.0.0.66");
    }
    wire::curve_client ann{wire::connection::to(port, "127.0.0.9"), who.script(who.ann, "PUSH")};
    REQUIRE(ann.handshake(soon).accepted());
    REQUIRE(ann.send("in time", false, soon));
    CHECK(hear(sink) == "in time");
}

TEST_CASE("a key is let in where its ring is, not at the socket next door", "[wire][T6.1]") {
    people who;
    ih::context context;
    server_of<ih::pull> orders{context, who.serving()};
    orders.bind("tcp://127.0.0.1:*");
    who.ring = ih::keyring::of({{"mallory", who.mallory.key()}});
    server_of<ih::pull> payments{context, who.serving("payments")};
    payments.bind("tcp://127.0.0.1:*");
    const auto knock = [&](auto& at, const person& by) {
        wire::curve_client peer{wire::connection::to(house::port_of(at), "127.0.0.66"), who.script(by, "PUSH")};
        return peer.handshake(soon).accepted();
    };
    CHECK(knock(orders, who.ann));
    CHECK_FALSE(knock(payments, who.ann));
    CHECK_FALSE(knock(orders, who.mallory));
    CHECK(knock(payments, who.mallory));
}

TEST_CASE("requests to the authenticator that are none do not stop it", "[wire][B2]") {
    hall house_;
    void* const intruder = zmq_socket(house_.context.door()->zmq_context(), ZMQ_DEALER);
    REQUIRE(intruder != nullptr);
    const int none = 0;
    zmq_setsockopt(intruder, ZMQ_LINGER, &none, sizeof none);
    REQUIRE(zmq_connect(intruder, "inproc://zeromq.zap.01") == 0);
    const std::string key(32, 'k');
    const std::vector<std::vector<std::string>> rubbish{
        {"x"},
        {"", "1.0"},
        {"", "1.0", "id"},
        {"", "1.0", "id", "orders#1", "127.0.0.1", "", "CURVE"},
        {"", "1.0", "id", "orders#1", "127.0.0.1", "", "CURVE", "short"},
        {"", "2.0", "id", "orders#1", "127.0.0.1", "", "CURVE", key},
        {"", "1.0", "id", "nowhere", "127.0.0.1", "", "CURVE", key},
        {"", "1.0", "id", "orders#1", "127.0.0.1", "", "PLAIN", "ann", "secret"},
        {"", "1.0", "id", "orders#1", "127.0.0.1", "", "NULL"},
        std::vector<std::string>(40, "x"),
        {"", std::string(100'000, 'x'), std::string(100'000, 'y'), ""},
    };
    for (const auto& request : rubbish)
        for (std::size_t i = 0; i != request.size(); ++i)
            REQUIRE(zmq_send(intruder, request[i].data(), request[i].size(),
                             i + 1 < request.size() ? ZMQ_SNDMORE : 0) >= 0);
    auto ann = house_.visitor(house_.who.script(house_.who.ann, "PUSH"));
    CHECK(ann.handshake(soon).accepted());
    CHECK(counted(house_.context, ih::reason::refused_malformed, 3));
    CHECK(house_.context.count(ih::reason::client_admitted) == 1);
    CHECK(house_.context.count(ih::reason::sentry_failed) == 0);
    zmq_close(intruder);
}

// --- who is who -------------------------------------------------------------------------------------------------------

TEST_CASE("no peer can choose by what name its messages are known", "[wire][T6.1]") {
    hall house_;
    auto script = house_.who.script(house_.who.ben, "PUSH");
    for (const char* const name : {"User-Id", "user-id", "USER-ID", "Peer-Address", "Identity", "Resource"})
        script.more_metadata.push_back({name, wire::to_bytes("ann#1")});
    script.more_metadata.push_back({"User-Id", wire::to_bytes("ann#1")});
    auto ben = house_.visitor(script);
    REQUIRE(ben.handshake(soon).accepted());
    REQUIRE(ben.send("I am ann", false, soon));
    server_of<ih::pull>::message m;
    REQUIRE(house_.sink.receive(m, soon) == receive_status::received);
    CHECK(m.sender() == "ben");
    CHECK(m.sender_serial() == 1);
    zmq::message_t frame = m.take(0);
    CHECK(std::string{frame.gets("Peer-Address")} == "127.0.0.66");
}

TEST_CASE("where nobody was authenticated a message has no sender, whatever its peer says of itself", "[wire][T6.1]") {
    people who;
    const wire::properties claims{{"User-Id", wire::to_bytes("ann#7")}};
    ih::context context;

    // a server is known by its key, and not by a name it gives itself
    wire::listener at;
    client_of<ih::dealer> client{context, who.as(who.ben)};
    client.connect(endpoint_at(at.port()));
    auto met = at.accept(soon);
    REQUIRE(met);
    wire::curve_server server{std::move(*met), {.identity = who.server.keys, .more_metadata = claims}};
    REQUIRE(server.handshake(soon).accepted());
    REQUIRE(server.send("I am ann", false, soon));
    client_of<ih::dealer>::message m;
    REQUIRE(client.receive(m, soon) == receive_status::received);
    CHECK(m.sender() == "");
    CHECK(m.sender_serial() == 0);

    // and in plaintext everybody may say everything
    ih::socket<ih::pull, receiving, ih::insecure::plaintext> open{context, {"what a peer claims in plaintext"}};
    open.bind("tcp://127.0.0.1:*");
    wire::zmtp_peer plain{wire::connection::to(house::port_of(open))};
    wire::properties said = wire::basic_properties("PUSH");
    said.insert(said.end(), claims.begin(), claims.end());
    REQUIRE(plain.null_handshake(said, soon).accepted());
    REQUIRE(plain.send_frame("I am ann", 0, soon));
    decltype(open)::message p;
    REQUIRE(open.receive(p, soon) == receive_status::received);
    CHECK(p.sender() == "");
    CHECK(p.sender_serial() == 0);
}

TEST_CASE("two connections of one key have one name and two serial numbers", "[wire][T6.1]") {
    hall house_;
    auto first = house_.visitor(house_.who.script(house_.who.ann, "PUSH"));
    REQUIRE(first.handshake(soon).accepted());
    auto second = house_.visitor(house_.who.script(house_.who.ann, "PUSH"));
    REQUIRE(second.handshake(soon).accepted());
    auto ben = house_.visitor(house_.who.script(house_.who.ben, "PUSH"));
    REQUIRE(ben.handshake(soon).accepted());
    server_of<ih::pull>::message m;
    const auto from = [&](wire::curve_client& peer) {
        REQUIRE(peer.send_message({"one", "two"}, soon));
        REQUIRE(house_.sink.receive(m, soon) == receive_status::received);
        return std::pair{std::string{m.sender()}, m.sender_serial()};
    };
    for (int i = 0; i != 3; ++i) {
        CHECK(from(first) == std::pair{std::string{"ann"}, std::uint64_t{1}});
        CHECK(from(second) == std::pair{std::string{"ann"}, std::uint64_t{2}});
        CHECK(from(ben) == std::pair{std::string{"ben"}, std::uint64_t{3}});
    }
    first.tcp().reset();
    auto again = house_.visitor(house_.who.script(house_.who.ann, "PUSH"));
    REQUIRE(again.handshake(soon).accepted());
    CHECK(from(again) == std::pair{std::string{"ann"}, std::uint64_t{4}}); // a serial is never used twice
}

// --- keys are set, set right, and not given away ----------------------------------------------------------------------

TEST_CASE("no secret key can be read from a socket, before, between and after it binds or connects", "[wire][B8]") {
    people who;
    ih::context context;
    server_of<ih::rep> server{context, who.serving()};
    CHECK_FALSE(gives_away(server.native_handle(), who.server.keys));
    server.bind("tcp://127.0.0.1:*");
    CHECK_FALSE(gives_away(server.native_handle(), who.server.keys));
    const auto taken = ih::endpoint<ih::curve_server>::parse(server.last_endpoint());
    CHECK_THROWS_AS(server.bind(taken), ih::error);
    CHECK_FALSE(gives_away(server.native_handle(), who.server.keys));

    client_of<ih::req> client{context, who.as(who.ann)};
    CHECK_FALSE(gives_away(client.native_handle(), who.ann.keys));
    client.connect(endpoint_at(house::port_of(server)));
    CHECK_FALSE(gives_away(client.native_handle(), who.ann.keys));
    REQUIRE(say(client, "hello"));
    CHECK(hear(server) == "hello");
    CHECK_FALSE(gives_away(client.native_handle(), who.ann.keys));
    CHECK_FALSE(gives_away(server.native_handle(), who.server.keys));
}

TEST_CASE("the all-zero secret, which libzmq uses where none was set, opens nothing", "[wire][T6.1][B2]") {
    wire::curve_keys nobody;
    crypto_scalarmult_base(nobody.public_key.data(), nobody.secret_key.data());
    const auto source = ih::key_source::callback([](auto& into) { into.append(std::string(40, '0')); }, "zeros");
    CHECK_THROWS_AS(ih::keypair::from_secret(source.read_secret_key()), ih::error);

    people who;
    ih::context context;
    // not even where everybody is welcome
    server_of<ih::pull> open{context,
                             {.domain = "open",
                              .clients = ih::insecure::any_client{"everybody, but somebody"},
                              .identity = who.server.papers()}};
    open.bind("tcp://127.0.0.1:*");
    auto script = who.script(who.mallory, "PUSH");
    wire::curve_client mallory{wire::connection::to(house::port_of(open)), script};
    CHECK(mallory.handshake(soon).accepted());
    script.identity = nobody;
    wire::curve_client zero{wire::connection::to(house::port_of(open)), script};
    CHECK(zero.handshake(soon).result == wire::verdict::refused);
    // nor does a server answer to it
    script.identity = who.mallory.keys;
    script.server = nobody.public_key;
    wire::curve_client misled{wire::connection::to(house::port_of(open)), script};
    CHECK(misled.handshake(soon).result == wire::verdict::closed);
}

TEST_CASE("a client says nothing to a server that does not speak CURVE, or holds another key", "[wire][T5.1][M1.3]") {
    people who;
    ih::context context;
    const auto hears_no_more_than_a_greeting = [](wire::connection& c) {
        wire::bytes all;
        for (wire::bytes some; !(some = c.receive_some(65'536, soon)).empty();) wire::append(all, some);
        CHECK(c.ended());
        CHECK(all.size() <= wire::greeting::size);
    };
    const auto meet = [&](const std::string& name, const std::function<void(wire::connection)>& as) {
        INFO(name);
        wire::listener at;
        client_of<ih::push> client{context, who.as(who.ann)};
        client.connect(endpoint_at(at.port()));
        REQUIRE(say(client, "order of ann"));
        auto met = at.accept(soon);
        REQUIRE(met);
        as(std::move(*met));
    };
    for (const char* const mechanism : {"NULL", "PLAIN", "GSSAPI", "", "CURVEX"}) {
        meet(mechanism, [&](wire::connection c) {
            (void)c.send_all(wire::greeting{.mechanism = mechanism, .as_server = true}.encode(), soon);
            wire::zmtp_peer server{std::move(c)};
            (void)server.send_command("READY", wire::encode(wire::basic_properties("PULL")), soon);
            hears_no_more_than_a_greeting(server.tcp());
        });
    }
    for (const bool first : {true, false}) {
        meet(first ? "ZMTP 1" : "ZMTP 2", [&](wire::connection c) {
            (void)c.send_all(first ? wire::greeting_of_zmtp1("server") : wire::greeting_of_zmtp2(7, "server"), soon);
            hears_no_more_than_a_greeting(c);
        });
    }
    meet("another key", [&](wire::connection c) {
        wire::curve_server server{std::move(c), {.identity = who.mallory.keys, .socket_type = "PULL"}};
        CHECK(server.handshake(soon).reason == "HELLO is not meant for our key");
        CHECK_FALSE(server.zmtp().receive_frame(100ms));
    });
    meet("the right one", [&](wire::connection c) {
        wire::curve_server server{std::move(c), {.identity = who.server.keys, .socket_type = "PULL"}};
        REQUIRE(server.handshake(soon).accepted());
        REQUIRE(server.zmtp().peer_greeting());
        CHECK(server.zmtp().peer_greeting()->mechanism == "CURVE");
        CHECK_FALSE(server.zmtp().peer_greeting()->as_server);
        CHECK(wire::view{server.client_key()} == wire::view{who.ann.keys.public_key});
        const auto said = server.receive_message(soon);
        REQUIRE(said);
        CHECK(wire::to_text(said->front()) == "order of ann");
    });
}

TEST_CASE("libzmq's own NULL and PLAIN sockets get nothing into a server", "[wire][T5.1][M1.3]") {
    hall house_;
    const std::string endpoint = "tcp://127.0.0.1:" + std::to_string(house_.port());
    bare null{ZMQ_PUSH};
    bare plain{ZMQ_PUSH};
    plain.set(ZMQ_PLAIN_USERNAME, "ann");
    plain.set(ZMQ_PLAIN_PASSWORD, "secret");
    bare curve{ZMQ_PUSH}; // a key that nobody knows
    const auto keys = wire::curve_keys::generate();
    curve.set(ZMQ_CURVE_PUBLICKEY, keys.public_key);
    curve.set(ZMQ_CURVE_SECRETKEY, keys.secret_key);
    curve.set(ZMQ_CURVE_SERVERKEY, house_.who.server.keys.public_key);
    for (const bare* const each : {&null, &plain, &curve}) {
        REQUIRE(zmq_connect(each->raw(), endpoint.c_str()) == 0);
        zmq_send(each->raw(), "evil", 4, 0);
    }
    REQUIRE(counted(house_.context, ih::reason::handshake_failed, 2));
    REQUIRE(counted(house_.context, ih::reason::refused_unknown_key));
    CHECK(hear(house_.sink, 50ms).empty());
    auto ann = house_.visitor(house_.who.script(house_.who.ann, "PUSH"));
    REQUIRE(ann.handshake(soon).accepted());
    REQUIRE(ann.send("order of ann", false, soon));
    CHECK(hear(house_.sink) == "order of ann");
}

TEST_CASE("an endpoint opened behind the library's back neither serves with its key nor passes for its owner",
          "[wire][B8][T5.1]") {
    people who;
    ih::context context;
    server_of<ih::pull> sink{context, who.serving()};
    sink.bind("tcp://127.0.0.1:*");
    const std::uint16_t front = house::port_of(sink);
    REQUIRE(zmq_bind(sink.native_handle(), "tcp://127.0.0.1:*") == 0);
    const std::uint16_t back = house::port_of(sink);
    REQUIRE(back != front);
    wire::curve_client at_the_back{wire::connection::to(back), who.script(who.ann, "PUSH")};
    CHECK(at_the_back.handshake(soon).kept_out());
    wire::zmtp_peer in_clear{wire::connection::to(back)};
    CHECK(in_clear.null_handshake(wire::basic_properties("PUSH"), soon).kept_out());

    // the front door is what it was
    wire::curve_client ann{wire::connection::to(front), who.script(who.ann, "PUSH")};
    CHECK(ann.handshake(soon).accepted());

    client_of<ih::push> source{context, who.as(who.ann)};
    const std::string address = "tcp://127.0.0.1:" + std::to_string(front);
    const auto admitted = context.count(ih::reason::client_admitted);
    const auto failed = context.count(ih::reason::handshake_failed);
    REQUIRE(zmq_connect(source.native_handle(), address.c_str()) == 0);
    CHECK(counted(context, ih::reason::handshake_failed, failed + 1)); // its vouch does not open
    CHECK(context.count(ih::reason::client_admitted) == admitted);
}

// --- what authentication leaves behind --------------------------------------------------------------------------------

TEST_CASE("the shortest queue never stalls, although a name takes one of its places", "[wire][M2.2][T1.1]") {
    constexpr ih::inbound in{.peers = 4_peers, .queue = 2_messages, .frames = 1_frame, .frame = 64_B};
    constexpr ih::outbound out{.peers = 1_peers, .queue = 2_messages, .frames = 1_frame, .frame = 64_B};
    people who;
    ih::context context;
    ih::socket<ih::pull, in, ih::curve_server> sink{context, who.serving()};
    sink.bind("tcp://127.0.0.1:*");
    ih::socket<ih::push, out, ih::curve_client> ann{context, who.as(who.ann)};
    ann.connect(endpoint_at(house::port_of(sink)));
    constexpr int many = 5'000;
    int sent = 0;
    int received = 0;
    const wire::deadline until{60s};
    decltype(ann)::message o;
    decltype(sink)::message m;
    while (received != many && !until.passed()) {
        if (sent != many) {
            if (o.empty()) REQUIRE(o.add(std::to_string(sent)));
            if (ann.try_send(o) == send_status::queued) ++sent;
        }
        if (sink.receive(m, sent == many ? 1'000ms : 0ms) == receive_status::received) {
            REQUIRE(m[0].text() == std::to_string(received));
            CHECK(m.sender() == "ann");
            ++received;
        }
    }
    CHECK(received == many);
}

TEST_CASE("the routing ids that a router gives its peers differ from process to process", "[wire][B6]") {
    const people who;
    const auto ids_of_a_process = [&] {
        std::fflush(stdout); // or the child would say it as well
        auto child = wire::child::running([&] {
            ih::context context;
            server_of<ih::router> router{context, who.serving()};
            router.bind("tcp://127.0.0.1:*");
            for (int i = 0; i != 3; ++i) {
                wire::curve_client ann{wire::connection::to(house::port_of(router)), who.script(who.ann, "DEALER")};
                if (!ann.handshake(soon).accepted() || !ann.send("hello", false, soon)) return 1;
                server_of<ih::router>::message m;
                if (router.receive(m, soon) != receive_status::received) return 2;
                for (const std::byte b : m.routing_id()) std::printf("%02x", static_cast<unsigned>(b));
                std::printf("\n");
            }
            std::fflush(stdout);
            return 0;
        });
        const std::string said = child.read_rest(soon);
        const auto ended = child.wait(soon);
        REQUIRE(ended);
        CHECK(ended->text() == "exit code 0");
        return said;
    };
    std::set<std::string> seen;
    for (int i = 0; i != 4; ++i) {
        const std::string ids = ids_of_a_process();
        CHECK(ids.size() == 99); // three ids of 16 bytes
        seen.insert(ids);
    }
    CHECK(seen.size() == 4);
}

TEST_CASE("what a peer claims to be called is not looked at, however long it is", "[wire][B6][T4.1]") {
    constexpr ih::inbound wide{.peers = 16_peers, .queue = 100_messages, .frames = 4_frames, .frame = 256_KiB};
    const people who;
    ih::context context;
    ih::socket<ih::router, ih::duplex{.in = wide, .out = sending}, ih::curve_server> router{context, who.serving()};
    router.bind("tcp://127.0.0.1:*");
    const std::uint16_t port = house::port_of(router);
    wire::curve_client ann{wire::connection::to(port, "127.0.0.9"), who.script(who.ann, "DEALER")};
    REQUIRE(ann.handshake(soon).accepted());
    decltype(router)::message m;
    std::set<std::string> seen;
    std::size_t let_in = 0;
    // The last one is longer than a handshake may be; it is let in only if it is faster than the guard.
    for (const std::size_t size : {1U, 255U, 256U, 500U, 100'000U}) {
        CAPTURE(size);
        auto script = who.script(who.eve, "DEALER");
        script.routing_id = std::string(size, 'r');
        wire::curve_client eve{wire::connection::to(port, "127.0.0.66"), script};
        if (eve.handshake(soon).accepted()) {
            ++let_in;
            REQUIRE(eve.send("polite", false, soon));
            REQUIRE(router.receive(m, soon) == receive_status::received);
            CHECK(m.routing_id().size() == 16);
            CHECK(seen.insert({reinterpret_cast<const char*>(m.routing_id().data()), m.routing_id().size()}).second);
        }
        REQUIRE(ann.send("ann", false, soon));
        REQUIRE(router.receive(m, soon) == receive_status::received);
        CHECK(m[0].text() == "ann");
        decltype(router)::message reply;
        REQUIRE(reply.add("back"));
        reply.to(m);
        REQUIRE(router.send(reply, soon) == send_status::queued);
        const auto answer = ann.receive_message(soon);
        REQUIRE(answer);
        CHECK(wire::to_text(answer->front()) == "back");
    }
    CHECK(let_in >= 4);
    CHECK(router.dropped() == 0);
}

TEST_CASE("in plaintext a routing id longer than 255 bytes never surfaces, and its message is counted",
          "[wire][B6][T4.1]") {
    ih::context context;
    ih::socket<ih::router, ih::duplex{.in = receiving, .out = sending}, ih::insecure::plaintext> router{
        context, {"what a peer claims in plaintext"}};
    router.bind("tcp://127.0.0.1:*");
    decltype(router)::message m;
    std::uint64_t dropped = 0;
    for (const std::size_t size : {255U, 256U, 300U}) {
        CAPTURE(size);
        wire::zmtp_peer peer{wire::connection::to(house::port_of(router))};
        REQUIRE(peer.null_handshake(wire::basic_properties("DEALER", std::string(size, 'r')), soon).accepted());
        REQUIRE(peer.send_frame("hello", 0, soon));
        if (size > 255) {
            ++dropped;
            REQUIRE(wire::eventually(
                [&] {
                    CHECK(router.try_receive(m) == receive_status::timed_out);
                    return router.dropped() == dropped;
                },
                soon));
        } else {
            REQUIRE(router.receive(m, soon) == receive_status::received);
            CHECK(m.routing_id().size() == size);
        }
    }
    CHECK(counted(context, ih::reason::message_bad_routing_id, 2));
}

// A peer that calls itself "desk", whoever it is.
static std::unique_ptr<wire::curve_client> claims_desk(const people& who, const person& as, const char* type,
                                                       std::uint16_t port) {
    auto script = who.script(as, type);
    script.routing_id = "desk";
    auto peer = std::make_unique<wire::curve_client>(wire::connection::to(port), script);
    REQUIRE(peer->handshake(soon).accepted());
    return peer;
}

TEST_CASE("whoever claims another's routing id takes no answer from it, and does not make it mute",
          "[wire][B6][T6.1]") {
    const people who;
    ih::context context;
    server_of<ih::router> router{context, who.serving()};
    router.bind("tcp://127.0.0.1:*");
    const auto answer = [&](const server_of<ih::router>::message& request, const char* text) {
        server_of<ih::router>::message reply;
        REQUIRE(reply.add(text));
        reply.to(request);
        return router.send(reply, soon);
    };
    // One who says nothing is there first, and the router has seen to it.
    const auto squatter = claims_desk(who, who.eve, "DEALER", house::port_of(router));
    server_of<ih::router>::message m;
    REQUIRE(router.try_receive(m) == receive_status::timed_out);
    auto ann = claims_desk(who, who.ann, "DEALER", house::port_of(router));
    REQUIRE(ann->send("mine", false, soon));
    REQUIRE(router.receive(m, soon) == receive_status::received);
    CHECK(m.sender() == "ann");
    // And another one comes while ann waits for her answer.
    const auto thief = claims_desk(who, who.ben, "DEALER", house::port_of(router));
    REQUIRE(thief->send("no, mine", false, soon));
    server_of<ih::router>::message other;
    REQUIRE(router.receive(other, soon) == receive_status::received);
    CHECK(other.sender() == "ben");
    REQUIRE(answer(m, "for ann") == send_status::queued);
    const auto got = ann->receive_message(soon);
    REQUIRE(got);
    CHECK(wire::to_text(got->front()) == "for ann");
    CHECK_FALSE(squatter->receive_message(50ms));
    CHECK_FALSE(thief->receive_message(50ms));
    // She is gone, and her name is claimed once more: what was for her is for nobody.
    ann.reset();
    REQUIRE(wire::eventually([&] { return answer(m, "for ann") == send_status::unroutable; }, soon));
    const auto heir = claims_desk(who, who.eve, "DEALER", house::port_of(router));
    REQUIRE(heir->send("here I am", false, soon));
    REQUIRE(router.receive(other, soon) == receive_status::received);
    CHECK(answer(m, "for ann") == send_status::unroutable);
    CHECK_FALSE(heir->receive_message(50ms));
}

TEST_CASE("a REP answers the one who asked, whatever routing ids its peers claim", "[wire][B6]") {
    const people who;
    ih::context context;
    server_of<ih::rep> desk{context, who.serving()};
    desk.bind("tcp://127.0.0.1:*");
    const auto squatter = claims_desk(who, who.eve, "REQ", house::port_of(desk));
    server_of<ih::rep>::message m;
    REQUIRE(desk.try_receive(m) == receive_status::timed_out);
    const auto ann = claims_desk(who, who.ann, "REQ", house::port_of(desk));
    REQUIRE(ann->send("", true, soon));
    REQUIRE(ann->send("who?", false, soon));
    REQUIRE(desk.receive(m, soon) == receive_status::received);
    CHECK(m.sender() == "ann");
    REQUIRE(say(desk, "you"));
    const auto got = ann->receive_message(soon);
    REQUIRE(got);
    CHECK(wire::to_text(got->back()) == "you");
}

TEST_CASE("a server that connects asks its ring about the client that it finds, and cuts it when its key is gone",
          "[wire][T6.1][B5]") {
    const people who;
    ih::context context, theirs;
    const auto finds = [&](server_of<ih::pull>& sink, const person& as) {
        auto source = std::make_unique<client_of<ih::push>>(theirs, who.as(as));
        source->bind("tcp://127.0.0.1:*");
        sink.connect(ih::connect_endpoint<ih::curve_server::protects>::parse(source->last_endpoint()));
        return source;
    };
    server_of<ih::pull> sink{context, who.serving()};
    const auto mallory = finds(sink, who.mallory);
    REQUIRE(counted(context, ih::reason::refused_unknown_key));
    const auto ann = finds(sink, who.ann);
    REQUIRE(say(*ann, "for you"));
    CHECK(hear(sink) == "for you");
    // Two keys cannot be served there.
    CHECK_THROWS_AS(sink.rotate(who.eve.papers(), 1s), ih::error);
    who.ring.replace({{"ben", who.ben.key()}});
    CHECK(counted(context, ih::reason::revoked));
}

TEST_CASE("a router speaks to a peer by the name of its key, and first if it likes", "[wire][B6]") {
    people who;
    ih::context context;
    server_of<ih::router> router{context, who.serving()};
    router.bind("tcp://127.0.0.1:*");
    server_of<ih::router>::message m;
    const auto tell = [&](std::string_view name, const char* text) {
        m.clear();
        if (!m.add(text) || !router.address(m, name)) return send_status::unroutable;
        return router.send(m, soon);
    };
    CHECK(tell("ann", "nobody there") == send_status::unroutable);
    const auto visitor = [&](const person& as) {
        auto peer = std::make_unique<wire::curve_client>(wire::connection::to(house::port_of(router)),
                                                         who.script(as, "DEALER"));
        REQUIRE(peer->handshake(soon).accepted());
        return peer;
    };
    const auto heard = [](wire::curve_client& by) {
        const auto got = by.receive_message(soon);
        return got ? wire::to_text(got->front()) : std::string{"nothing"};
    };
    const auto ben = visitor(who.ben);
    auto ann = visitor(who.ann);
    CHECK(tell("ann", "to ann") == send_status::queued);
    CHECK(tell("ben", "to ben") == send_status::queued);
    CHECK(heard(*ann) == "to ann");
    CHECK(heard(*ben) == "to ben");
    CHECK(tell("an", "to nobody") == send_status::unroutable);
    CHECK(tell("", "to nobody") == send_status::unroutable);
    // Of two connections it is the later one, and the other one when that has ended.
    auto again = visitor(who.ann);
    CHECK(tell("ann", "to her second") == send_status::queued);
    CHECK(heard(*again) == "to her second");
    again.reset();
    REQUIRE(counted(context, ih::reason::disconnected));
    CHECK(tell("ann", "to her first") == send_status::queued);
    CHECK(heard(*ann) == "to her first");
    ann.reset();
    REQUIRE(counted(context, ih::reason::disconnected, 2));
    CHECK(tell("ann", "gone") == send_status::unroutable);
    CHECK(tell("ben", "still there") == send_status::queued);
}

TEST_CASE("an event callback that is stuck does not stop the messages of those who are in", "[wire][B2]") {
    std::mutex lock;
    std::condition_variable changed;
    bool stuck = false;
    bool free = false;
    hall house_{{.on_event = [&](const ih::event& e) {
        if (e.why != ih::reason::refused_unknown_key) return;
        std::unique_lock held{lock};
        stuck = true;
        changed.notify_all();
        changed.wait_for(held, 2 * soon, [&] { return free; });
    }}};
    auto ann = house_.visitor(house_.who.script(house_.who.ann, "PUSH"), "127.0.0.9");
    REQUIRE(ann.handshake(soon).accepted());
    auto mallory = house_.visitor(house_.who.script(house_.who.mallory, "PUSH"));
    CHECK(mallory.handshake(soon).result == wire::verdict::refused);
    {
        std::unique_lock held{lock};
        REQUIRE(changed.wait_for(held, soon, [&] { return stuck; }));
    }
    // Nobody answers newcomers now, nor reads monitors; connections come and go all the same.
    for (int i = 0; i != 300; ++i) {
        const std::string text = "order " + std::to_string(i);
        REQUIRE(ann.send(text, false, soon));
        REQUIRE(hear(house_.sink) == text);
        if (i % 10 == 0) (void)wire::connection::to(house_.port()).send_all(wire::http_request, soon);
    }
    auto ben = house_.visitor(house_.who.script(house_.who.ben, "PUSH"));
    CHECK(ben.handshake(100ms).kept_out());
    {
        const std::lock_guard held{lock};
        free = true;
        changed.notify_all();
    }
    auto late = house_.visitor(house_.who.script(house_.who.ben, "PUSH"));
    CHECK(late.handshake(soon).accepted());
}

TEST_CASE("an event callback that throws costs its event and nothing else", "[wire]") {
    hall house_{{.on_event = [](const ih::event&) { throw 1; }}};
    auto mallory = house_.visitor(house_.who.script(house_.who.mallory, "PUSH"));
    CHECK(mallory.handshake(soon).result == wire::verdict::refused);
    auto ann = house_.visitor(house_.who.script(house_.who.ann, "PUSH"));
    REQUIRE(ann.handshake(soon).accepted());
    REQUIRE(ann.send("order", false, soon));
    CHECK(hear(house_.sink) == "order");
    CHECK(counted(house_.context, ih::reason::callback_failed));
    CHECK(house_.context.count(ih::reason::sentry_failed) == 0);
}

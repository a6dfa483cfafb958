// SPDX-License-Identifier: MIT
#include <ironhouse/insecure.hpp>
#include <ironhouse/security/curve.hpp>
#include <ironhouse/security/in_process.hpp>
#include <ironhouse/socket/context.hpp>
#include <ironhouse/socket/socket.hpp>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include "catch.hpp"
#include "support/sockets.hpp"

namespace ih = ironhouse;
using namespace support;
using ih::receive_status;
using ih::send_status;

namespace {

using sink_type = ih::socket<ih::pull, receiving, ih::curve_server>;
using source_type = ih::socket<ih::push, sending, ih::curve_client>;

template <class S> concept sends = requires(S& s, typename S::message& m) { s.send(m, 1s); };
template <class S> concept receives = requires(S& s, typename S::message& m) { s.receive(m, 1s); };
template <class S> concept subscribes = requires(S& s) { s.subscribe("x"); };

static_assert(sends<source_type> && !sends<sink_type>);
static_assert(receives<sink_type> && !receives<source_type>);
static_assert(subscribes<ih::socket<ih::sub, receiving, ih::curve_client>> && !subscribes<sink_type>);
static_assert(!std::is_copy_constructible_v<sink_type> && !std::is_move_constructible_v<sink_type>);

int int_option(void* socket, int option) {
    int value = -12345;
    std::size_t size = sizeof value;
    REQUIRE(zmq_getsockopt(socket, option, &value, &size) == 0);
    return value;
}

template <class Socket> std::string next_text(Socket& from) {
    typename Socket::message m;
    const auto status = from.receive(m, soon);
    if (status != receive_status::received) return "status " + std::to_string(static_cast<int>(status));
    return std::string{m[0].text()};
}

} // namespace

TEST_CASE("a client of the ring is heard, and its messages carry its name", "[socket][T5.1][T6.1][M1.3]") {
    ih::context context;
    cast who;
    sink_type sink{context, who.serving()};
    sink.bind("tcp://127.0.0.1:*");
    source_type source{context, who.as(who.ann)};
    source.connect(address_of(sink));

    source_type::message out;
    REQUIRE(out.add("one"));
    REQUIRE(out.add("two"));
    REQUIRE(source.send(out, soon) == send_status::queued);
    CHECK(out.empty());

    sink_type::message m;
    REQUIRE(sink.receive(m, soon) == receive_status::received);
    REQUIRE(m.size() == 2);
    CHECK(m[0].text() == "one");
    CHECK(m[1].text() == "two");
    CHECK(m.sender() == "ann");
    CHECK(m.sender_serial() == 1);
    CHECK(context.count(ih::reason::client_admitted) == 1);
}

TEST_CASE("a key outside the ring is refused and never heard", "[socket][T6.1][B2]") {
    listener heard;
    ih::context context{{.on_event = heard.ear()}};
    cast who;
    sink_type sink{context, who.serving()};
    sink.bind("tcp://127.0.0.1:*");
    const auto fingerprint = who.mallory.fingerprint();
    source_type source{context, who.as(who.mallory)};
    source.connect(address_of(sink));
    source_type::message out;
    REQUIRE(out.add("let me in"));
    REQUIRE(source.send(out, soon) == send_status::queued); // accepted here, never there
    // The event, and not the counter: it is counted first, and told after.
    REQUIRE(eventually([&] { return !heard.of(ih::reason::refused_unknown_key).empty(); }));
    CHECK(context.count(ih::reason::refused_unknown_key) != 0);
    sink_type::message m;
    CHECK(sink.try_receive(m) == receive_status::timed_out);
    const auto refusals = heard.of(ih::reason::refused_unknown_key);
    CHECK(refusals.front().peer == fingerprint);
    CHECK(refusals.front().domain == "orders");
}

TEST_CASE("every hardened default is what libzmq holds", "[socket][T1.1][T3.4][M2.2]") {
    ih::context context;
    cast who;
    sink_type sink{context, who.serving()};
    void* const raw = sink.native_handle();
    CHECK(int_option(raw, ZMQ_RCVHWM) == 100);
    CHECK(int_option(raw, ZMQ_SNDHWM) == 2);
    CHECK(int_option(raw, ZMQ_LINGER) == 0); // it sends nothing
    CHECK(int_option(raw, ZMQ_HANDSHAKE_IVL) == 5000);
    CHECK(int_option(raw, ZMQ_TCP_KEEPALIVE) == 1);
    CHECK(int_option(raw, ZMQ_HEARTBEAT_IVL) == 0);
    CHECK(int_option(raw, ZMQ_CONFLATE) == 0);
    CHECK(int_option(raw, ZMQ_IMMEDIATE) == 0);
    CHECK(int_option(raw, ZMQ_MECHANISM) == ZMQ_CURVE);
    CHECK(int_option(raw, ZMQ_CURVE_SERVER) == 1);
    CHECK(int_option(raw, ih::detail::zap_enforce_domain) == 1);
    std::int64_t largest = 0;
    std::size_t size = sizeof largest;
    REQUIRE(zmq_getsockopt(raw, ZMQ_MAXMSGSIZE, &largest, &size) == 0);
    CHECK(largest == 1024 + 33);
}

TEST_CASE("the secret key cannot be read back from the socket", "[socket][B8]") {
    ih::context context;
    cast who;
    unsigned char secret[32];
    std::memcpy(secret, who.server.secret().expose().data(), 32);
    sink_type sink{context, who.serving()};
    unsigned char held[32] = {};
    std::size_t size = sizeof held;
    REQUIRE(zmq_getsockopt(sink.native_handle(), ZMQ_CURVE_SECRETKEY, held, &size) == 0);
    CHECK(std::memcmp(held, secret, 32) != 0);
    sink.bind("tcp://127.0.0.1:*");
    size = sizeof held;
    REQUIRE(zmq_getsockopt(sink.native_handle(), ZMQ_CURVE_SECRETKEY, held, &size) == 0);
    CHECK(std::memcmp(held, secret, 32) != 0);
    // and the endpoint still serves with the right one
    source_type source{context, who.as(who.ann)};
    source.connect(address_of(sink));
    source_type::message out;
    REQUIRE(out.add("hello"));
    REQUIRE(source.send(out, soon) == send_status::queued);
    CHECK(next_text(sink) == "hello");
}

TEST_CASE("a literal endpoint with a wildcard port binds, and a second bind to the same port is refused", "[socket]") {
    ih::context context;
    cast who;
    sink_type sink{context, who.serving()};
    sink.bind("tcp://127.0.0.1:*");
    const auto taken = ih::endpoint<ih::curve_server>::parse(sink.last_endpoint());
    try {
        sink.bind(taken);
        FAIL("bound twice");
    } catch (const ih::error& refused) {
        CHECK(refused.why() == ih::error::unavailable);
        CHECK(refused.zmq_code() == EADDRINUSE);
        CHECK(std::string{refused.during()}.find(taken.text()) != std::string::npos);
    }
}

TEST_CASE("IPv6, names and wildcards work", "[socket]") {
    ih::context context;
    cast who;
    sink_type sink{context, who.serving()};
    sink.bind("tcp://*:*");
    const std::string any = sink.last_endpoint();
    const std::string port = any.substr(any.rfind(':'));
    source_type source{context, who.as(who.ann)};
    source.connect(ih::connect_endpoint<ih::curve_client::protects>::parse("tcp://localhost" + port));
    source_type::message out;
    REQUIRE(out.add("by name"));
    REQUIRE(source.send(out, soon) == send_status::queued);
    CHECK(next_text(sink) == "by name");

    sink.bind("tcp://[::1]:*");
    const std::string six = sink.last_endpoint();
    CHECK(six.find("[::1]") != std::string::npos);
    const ih::certificate again = ih::certificate::generate("ben");
    CHECK_THROWS_AS(source.connect(ih::endpoint<ih::curve_client>::parse("tcp://*:5555")), ih::error);
}

TEST_CASE("a client reaches a server over IPv6", "[socket]") {
    ih::context context;
    cast who;
    sink_type sink{context, who.serving()};
    sink.bind("curve://[::1]:*");
    source_type source{context, who.as(who.ann)};
    source.connect(address_of(sink));
    source_type::message out;
    REQUIRE(out.add("six"));
    REQUIRE(source.send(out, soon) == send_status::queued);
    CHECK(next_text(sink) == "six");
}

TEST_CASE("a receive that waits ends at its patience, not before and not much later", "[socket]") {
    ih::context context;
    cast who;
    sink_type sink{context, who.serving()};
    sink.bind("tcp://127.0.0.1:*");
    sink_type::message m;
    for (const auto patience : {0ms, 5ms, 20ms, 60ms}) {
        const auto begin = std::chrono::steady_clock::now();
        CHECK(sink.receive(m, patience) == receive_status::timed_out);
        const auto took = std::chrono::steady_clock::now() - begin;
        CHECK(took >= patience - 1ms);
        CHECK(took < patience + 2s);
    }
}

TEST_CASE("shutdown ends a wait with closing, and every later one at once", "[socket]") {
    ih::context context;
    cast who;
    sink_type sink{context, who.serving()};
    sink.bind("tcp://127.0.0.1:*");
    std::thread ender{[&] { context.shutdown(); }};
    sink_type::message m;
    CHECK(sink.receive(m, 60s) == receive_status::closing);
    ender.join();
    CHECK(sink.receive(m, 60s) == receive_status::closing);
    CHECK(sink.try_receive(m) == receive_status::closing);
    CHECK_FALSE(sink.service());
    CHECK_THROWS_AS(sink.bind("tcp://127.0.0.1:*"), ih::error);
    cast others;
    CHECK_THROWS_AS((sink_type{context, others.serving()}), ih::error);
}

TEST_CASE("a stop request ends a wait with interrupted", "[socket]") {
    ih::context context;
    cast who;
    sink_type sink{context, who.serving()};
    sink.bind("tcp://127.0.0.1:*");
    std::stop_source stop;
    sink_type::message m;
    std::thread ender{[&] { stop.request_stop(); }};
    CHECK(sink.receive(m, 60s, stop.get_token()) == receive_status::interrupted);
    ender.join();
    CHECK(sink.receive(m, 60s, stop.get_token()) == receive_status::interrupted);
    // a stop request does not disturb waits that do not listen to it
    CHECK(sink.receive(m, 30ms) == receive_status::timed_out);

    source_type source{context, who.as(who.ann)};
    source.connect("tcp://127.0.0.1:1"); // nobody there: the queue fills
    source_type::message out;
    for (;;) {
        REQUIRE(out.add("x"));
        if (source.try_send(out) != send_status::queued) break;
    }
    CHECK(source.send(out, 60s, stop.get_token()) == send_status::interrupted);
    CHECK(out.size() == 1);
}

TEST_CASE("a full queue leaves the whole message with the caller", "[socket][T1.1][M2.3]") {
    ih::context context;
    cast who;
    source_type source{context, who.as(who.ann)};
    source.connect("tcp://127.0.0.1:1");
    source_type::message out;
    int queued = 0;
    for (;; ++queued) {
        REQUIRE(out.add("head"));
        REQUIRE(out.add("body"));
        if (source.send(out, 1ms) == send_status::full) break;
        REQUIRE(queued < 1000);
    }
    CHECK(queued == 100);
    REQUIRE(out.size() == 2);
    CHECK(out[0].text() == "head");
    CHECK(out[1].text() == "body");
}

TEST_CASE("a bound sender without peers says so", "[socket]") {
    ih::context context;
    cast who;
    ih::socket<ih::push, sending, ih::curve_server> source{context, who.serving()};
    source.bind("tcp://127.0.0.1:*");
    decltype(source)::message m;
    REQUIRE(m.add("x"));
    CHECK(source.try_send(m) == send_status::no_peer);
    CHECK(source.send(m, 30ms) == send_status::no_peer);
    CHECK(m.size() == 1);
}

TEST_CASE("run-time limits below the type's are enforced, and above them refused", "[socket][M2.4][T4.1]") {
    ih::context context;
    const ih::outbound smaller{.peers = ih::peers::from_config(1),
                               .queue = ih::messages::from_config(2),
                               .frames = ih::frames::from_config(1),
                               .frame = ih::bytes::from_config(10)};
    ih::socket<ih::push, sending, ih::in_process> source{context, {}, smaller};
    source.bind("inproc://small");
    CHECK(int_option(source.native_handle(), ZMQ_SNDHWM) == 2);
    decltype(source)::message m;
    REQUIRE(m.add("12345678901"));
    CHECK(source.try_send(m) == send_status::oversize);
    CHECK(m.size() == 1);
    m.clear();
    REQUIRE(m.add("a"));
    REQUIRE(m.add("b"));
    CHECK(source.try_send(m) == send_status::oversize);

    const ih::outbound larger{.peers = ih::peers::from_config(16),
                              .queue = ih::messages::from_config(101),
                              .frames = ih::frames::from_config(4),
                              .frame = ih::bytes::from_config(1024)};
    try {
        ih::socket<ih::push, sending, ih::in_process> refused{context, {}, larger};
        FAIL("limits above the ceiling were taken");
    } catch (const ih::error& e) {
        CHECK(e.why() == ih::error::misuse);
        CHECK(std::string{e.what()}.find("101") != std::string::npos);
        CHECK(std::string{e.what()}.find("100") != std::string::npos);
    }
}

TEST_CASE("no more endpoints are connected than the limits have peers", "[socket][T3.1]") {
    ih::context context;
    cast who;
    ih::socket<ih::push, ih::outbound{.peers = 1_peers, .queue = 2_messages, .frames = 1_frame, .frame = 1_KiB},
               ih::curve_client>
        source{context, who.as(who.ann)};
    source.connect("tcp://127.0.0.1:1");
    try {
        source.connect("tcp://127.0.0.1:2");
        FAIL("a second endpoint was taken");
    } catch (const ih::error& refused) {
        CHECK(refused.why() == ih::error::exhausted);
    }
    source.disconnect("tcp://127.0.0.1:1");
    source.connect("tcp://127.0.0.1:2");
    CHECK_THROWS_AS(source.disconnect("tcp://127.0.0.1:1"), ih::error);
}

TEST_CASE("a message that breaks the limits on inproc is dropped whole, counted, and the wait goes on",
          "[socket][T4.1][T4.2]") {
    ih::context context;
    constexpr ih::outbound wide{.peers = 1_peers, .queue = 100_messages, .frames = 8_frames, .frame = 4_KiB};
    ih::socket<ih::pull, receiving, ih::in_process> sink{context, {}};
    sink.bind("inproc://narrow");
    ih::socket<ih::push, wide, ih::in_process> source{context, {}};
    source.connect("inproc://narrow");
    decltype(source)::message out;
    for (int i = 0; i != 5; ++i) REQUIRE(out.add("frame"));
    REQUIRE(source.try_send(out) == send_status::queued);
    REQUIRE(out.add(std::string(1025, 'x')));
    REQUIRE(out.add("tail"));
    REQUIRE(source.try_send(out) == send_status::queued);
    REQUIRE(out.add("good"));
    REQUIRE(source.try_send(out) == send_status::queued);
    CHECK(next_text(sink) == "good");
    CHECK(sink.dropped() == 2);
    CHECK(eventually([&] { return context.count(ih::reason::message_too_many_frames) == 1; }));
    CHECK(eventually([&] { return context.count(ih::reason::message_frame_too_large) == 1; }));
}

TEST_CASE("try_receive drops at most sixteen bad messages per call", "[socket]") {
    ih::context context;
    constexpr ih::outbound wide{.peers = 1_peers, .queue = 100_messages, .frames = 8_frames, .frame = 4_KiB};
    ih::socket<ih::pull, receiving, ih::in_process> sink{context, {}};
    sink.bind("inproc://narrow");
    ih::socket<ih::push, wide, ih::in_process> source{context, {}};
    source.connect("inproc://narrow");
    decltype(source)::message out;
    for (int i = 0; i != 20; ++i) {
        REQUIRE(out.add(std::string(2000, 'x')));
        REQUIRE(source.try_send(out) == send_status::queued);
    }
    decltype(sink)::message m;
    CHECK(sink.try_receive(m) == receive_status::timed_out);
    CHECK(sink.dropped() == 16);
    CHECK(sink.try_receive(m) == receive_status::timed_out);
    CHECK(sink.dropped() == 20);
}

TEST_CASE("a REQ that is the server gets its answers, and knows who gave them", "[socket][T6.1]") {
    ih::context context;
    cast who;
    ih::socket<ih::req, both, ih::curve_server> asks{context, who.serving()};
    asks.bind("tcp://127.0.0.1:*");
    ih::socket<ih::rep, both, ih::curve_client> answers{context, who.as(who.ann)};
    answers.connect(address_of(asks));

    decltype(asks)::message question, got;
    REQUIRE(question.add("who are you?"));
    REQUIRE(asks.send(question, soon) == send_status::queued);
    decltype(answers)::message heard, answer;
    REQUIRE(answers.receive(heard, soon) == receive_status::received);
    REQUIRE(answer.add("guess"));
    REQUIRE(answers.send(answer, soon) == send_status::queued);
    REQUIRE(asks.receive(got, soon) == receive_status::received);
    CHECK(got[0].text() == "guess");
    CHECK(got.sender() == "ann");
    CHECK(got.sender_serial() != 0);
}

TEST_CASE("an empty message is a message", "[socket]") {
    ih::context context;
    ih::socket<ih::pull, receiving, ih::in_process> sink{context, {}};
    sink.bind("inproc://empty");
    ih::socket<ih::push, sending, ih::in_process> source{context, {}};
    source.connect("inproc://empty");
    decltype(source)::message m;
    REQUIRE(source.try_send(m) == send_status::queued);
    REQUIRE(m.add(""));
    REQUIRE(source.try_send(m) == send_status::queued);
    decltype(sink)::message got;
    for (int i = 0; i != 2; ++i) {
        REQUIRE(sink.receive(got, soon) == receive_status::received);
        CHECK(got.size() == 1);
        CHECK(got[0].size() == 0);
    }
}

TEST_CASE("what a pull received, a push sends on, frame by frame and without a copy", "[socket]") {
    ih::context context;
    ih::socket<ih::push, sending, ih::in_process> first{context, {}};
    first.bind("inproc://first");
    ih::socket<ih::pull, receiving, ih::in_process> middle_in{context, {}};
    middle_in.connect("inproc://first");
    ih::socket<ih::push, sending, ih::in_process> middle_out{context, {}};
    middle_out.bind("inproc://second");
    ih::socket<ih::pull, receiving, ih::in_process> last{context, {}};
    last.connect("inproc://second");

    decltype(first)::message m;
    REQUIRE(m.add(std::string(900, 'a')));
    REQUIRE(m.add("b"));
    REQUIRE(first.send(m, soon) == send_status::queued);
    decltype(middle_in)::message relayed;
    REQUIRE(middle_in.receive(relayed, soon) == receive_status::received);
    const void* const payload = relayed[0].bytes().data();
    REQUIRE(middle_out.send(relayed, soon) == send_status::queued);
    decltype(last)::message got;
    REQUIRE(last.receive(got, soon) == receive_status::received);
    REQUIRE(got.size() == 2);
    CHECK(static_cast<const void*>(got[0].bytes().data()) == payload);
}

TEST_CASE("objects of a fixed size are sent and read", "[socket][T4.2]") {
    struct tick {
        std::uint64_t at;
        double price;
    };
    ih::context context;
    ih::socket<ih::pull, receiving, ih::in_process> sink{context, {}};
    sink.bind("inproc://ticks");
    ih::socket<ih::push, sending, ih::in_process> source{context, {}};
    source.connect("inproc://ticks");
    REQUIRE(source.send_object(tick{7, 1.5}, soon) == send_status::queued);
    decltype(sink)::message m;
    REQUIRE(sink.receive(m, soon) == receive_status::received);
    REQUIRE(m.object<tick>(0).has_value());
    CHECK(m.object<tick>(0)->at == 7);
}

TEST_CASE("one domain belongs to one keyring", "[socket]") {
    ih::context context;
    cast first, second;
    const ih::keyring ring = first.ring;
    sink_type one{context, first.serving()};
    CHECK_THROWS_AS((sink_type{context, second.serving()}), ih::error);
    sink_type same{context, {.domain = "orders", .clients = ring, .identity = ih::certificate::generate("other")}};
    one.close();
    same.close();
    REQUIRE(eventually([&] {
        try {
            cast third;
            sink_type free_again{context, third.serving()};
            return true;
        } catch (const ih::error&) {
            return false;
        }
    }));
}

TEST_CASE("a waiver is reported with its reason, and any key is named by its fingerprint", "[socket]") {
    listener heard;
    ih::context context{{.on_event = heard.ear()}};
    cast who;
    sink_type sink{context,
                   {.domain = "open",
                    .clients = ih::insecure::any_client{"a public feed, read by anybody"},
                    .identity = std::move(who.server)}};
    sink.bind("tcp://127.0.0.1:*");
    REQUIRE(eventually([&] { return heard.of(ih::reason::waived).size() == 1; }));
    CHECK(heard.of(ih::reason::waived).front().detail == "a public feed, read by anybody");
    const std::string print = who.mallory.fingerprint();
    source_type source{context, who.as(who.mallory)};
    source.connect(address_of(sink));
    source_type::message out;
    REQUIRE(out.add("hello"));
    REQUIRE(source.send(out, soon) == send_status::queued);
    sink_type::message m;
    REQUIRE(sink.receive(m, soon) == receive_status::received);
    CHECK(m.sender() == print);
}

TEST_CASE("plaintext works only by name, and keeps the limits", "[socket]") {
    ih::context context;
    ih::socket<ih::pull, receiving, ih::insecure::plaintext> sink{context, {"a test of the way out"}};
    sink.bind("tcp://127.0.0.1:*");
    CHECK(int_option(sink.native_handle(), ZMQ_MECHANISM) == ZMQ_NULL);
    ih::socket<ih::push, sending, ih::insecure::plaintext> source{context, {"a test of the way out"}};
    source.connect(ih::connect_endpoint<ih::insecure::plaintext::protects>::parse(sink.last_endpoint()));
    decltype(source)::message m;
    REQUIRE(m.add("plain"));
    REQUIRE(source.send(m, soon) == send_status::queued);
    CHECK(next_text(sink) == "plain");
}

TEST_CASE("an ipc socket is bound only where nobody else can write, with mode 0600", "[socket]") {
    char folder[] = "/tmp/ironhouse-test-XXXXXX";
    REQUIRE(mkdtemp(folder) != nullptr);
    const std::string path = std::string{folder} + "/door";
    ih::context context;
    cast who;
    const ih::socket_options unguarded{.ipc_guard = ih::insecure::unguarded_ipc{"a test of the ipc rules"}};
    {
        sink_type sink{context, who.serving(), unguarded};
        const auto at = ih::endpoint<ih::curve_server>::parse("ipc://" + path);
        sink.bind(at);
        struct stat seen {};
        REQUIRE(stat(path.c_str(), &seen) == 0);
        CHECK((seen.st_mode & 07777) == 0600);
        source_type source{context, who.as(who.ann)};
        source.connect(at);
        source_type::message out;
        REQUIRE(out.add("over ipc"));
        REQUIRE(source.send(out, soon) == send_status::queued);
        CHECK(next_text(sink) == "over ipc");

        // somebody listens there
        ih::socket<ih::pull, receiving, ih::insecure::plaintext> second{context, {"never gets that far"}, unguarded};
        CHECK_THROWS_AS(second.bind(ih::endpoint<ih::insecure::plaintext>::parse("ipc://" + path)), ih::error);
    }
    // something that is not a socket lies there, and stays
    const std::string file = std::string{folder} + "/precious";
    {
        FILE* made = std::fopen(file.c_str(), "w");
        REQUIRE(made != nullptr);
        std::fclose(made);
    }
    ih::socket<ih::pull, receiving, ih::insecure::plaintext> plain{context, {"a test of the ipc rules"}, unguarded};
    CHECK_THROWS_AS(plain.bind(ih::endpoint<ih::insecure::plaintext>::parse("ipc://" + file)), ih::error);
    CHECK(access(file.c_str(), F_OK) == 0);
    // others may write to the folder
    REQUIRE(chmod(folder, 0777) == 0);
    CHECK_THROWS_AS(plain.bind(ih::endpoint<ih::insecure::plaintext>::parse("ipc://" + path + "2")), ih::error);
    unlink(file.c_str());
    unlink(path.c_str());
    rmdir(folder);
}

TEST_CASE("an ipc socket of several peers needs the runtime, or a reason to do without", "[socket][B1][T4.1]") {
    char folder[] = "/tmp/ironhouse-test-XXXXXX";
    REQUIRE(mkdtemp(folder) != nullptr);
    const std::string path = std::string{folder} + "/door";
    const auto at = ih::endpoint<ih::curve_server>::parse("ipc://" + path);
    listener heard;
    ih::context context{{.on_event = heard.ear()}};
    cast who;
    {
        sink_type sink{context, who.serving()};
        std::string said;
        try {
            sink.bind(at);
        } catch (const ih::error& refused) {
            CHECK(refused.why() == ih::error::unavailable);
            said = refused.what();
        }
        CHECK(said.find("16 peers") != said.npos);
        CHECK(said.find("ironhouse/system/runtime.hpp") != said.npos);
        CHECK(access(path.c_str(), F_OK) != 0); // nothing was left
    }
    {
        // One peer has the queue for itself.
        auto alone = receiving;
        alone.peers = 1_peers;
        cast again;
        sink_type sink{context, again.serving(), alone};
        sink.bind(ih::endpoint<ih::curve_server>::parse("ipc://" + path + "1"));
    }
    cast once_more;
    sink_type sink{context, once_more.serving(),
                   ih::socket_options{.ipc_guard = ih::insecure::unguarded_ipc{"both programs are ours"}}};
    sink.bind(at);
    REQUIRE(eventually([&] { return heard.of(ih::reason::waived).size() == 1; }));
    CHECK(heard.of(ih::reason::waived).front().detail == "both programs are ours");
    sink.close();
    unlink(path.c_str());
    unlink((path + "1").c_str());
    rmdir(folder);
}

TEST_CASE("a domain is free again as soon as its socket is closed, for other keys as well", "[socket][B2]") {
    ih::context context;
    for (int n = 0; n != 100; ++n) {
        cast who;
        sink_type sink{context, who.serving()};
        sink.close();
        cast others;
        CHECK_NOTHROW(sink_type{context, others.serving()});
    }
}

TEST_CASE("linger is finite: more than a minute, or less than nothing, is refused", "[socket]") {
    ih::context context;
    using socket_type = ih::socket<ih::push, sending, ih::in_process>;
    CHECK_THROWS_AS((socket_type{context, {}, ih::socket_options{.linger = -1ms}}), ih::error);
    CHECK_THROWS_AS((socket_type{context, {}, ih::socket_options{.linger = 61s}}), ih::error);
    CHECK(int_option(socket_type{context, {}}.native_handle(), ZMQ_LINGER) == 1000);
    socket_type s{context, {}, ih::socket_options{.on_disconnect = ih::on_disconnect::drop, .linger = 0ms}};
    CHECK(int_option(s.native_handle(), ZMQ_LINGER) == 0);
    CHECK(int_option(s.native_handle(), ZMQ_IMMEDIATE) == 1);
}

TEST_CASE("a context may be destroyed before its sockets", "[socket]") {
    auto context = std::make_unique<ih::context>();
    ih::socket<ih::pull, receiving, ih::in_process> sink{*context, {}};
    sink.bind("inproc://orphan");
    context.reset();
    decltype(sink)::message m;
    CHECK(sink.try_receive(m) == receive_status::timed_out);
}

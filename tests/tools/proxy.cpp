// SPDX-License-Identifier: MIT
// ctest: timeout 180

/// \file
/// proxy puts CURVE and limits before services of pyzmq that know nothing of it, and loses nothing when it is stopped.

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <ironhouse/insecure.hpp>

#include "catch.hpp"
#include "command.hpp"

namespace ih = ironhouse;
using namespace tools;
using namespace support;

namespace {

/// A folder with the keys of a server, of Ann, who may come in, and of Eve, who may not.
struct keys {
    scratch folder;
    ih::certificate server = ih::certificate::generate("server");
    ih::certificate ann = ih::certificate::generate("ann");
    keys() {
        const auto eve = ih::certificate::generate("eve");
        server.save(at("server.key_secret"));
        server.save_public(at("server.key"));
        ann.save(at("ann.key_secret"));
        eve.save(at("eve.key_secret"));
        std::filesystem::create_directory(at("clients"));
        ann.save_public(at("clients/ann.key"));
    }
    [[nodiscard]] std::string at(const std::string& name) const { return folder / name; }
    /// One more client that may come in.
    void welcome(const std::string& name, ih::certificate_terms terms = {}) const {
        const auto made = ih::certificate::generate(name, std::move(terms));
        made.save(at(name + ".key_secret"));
        made.save_public(at("clients/" + name + ".key"));
    }
    [[nodiscard]] ih::curve_client as_ann() const {
        return {.identity = ih::certificate::load(at("ann.key_secret")), .server = server.public_key()};
    }
};

[[nodiscard]] wire::child python(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {IRONHOUSE_PYTHON, IRONHOUSE_OLD_PY});
    return wire::child::start(arguments);
}

/// A service of pyzmq: what it listens at, and what it prints.
struct old_service {
    wire::child child;
    std::string endpoint;
    explicit old_service(const std::string& kind, const std::string& at = "tcp://127.0.0.1:*")
        : child{python({kind, at})}, endpoint{child.read_line(20s).value_or("")} {
        REQUIRE_FALSE(endpoint.empty());
    }
};

/// The command between both.
struct front {
    wire::child child;
    std::string endpoint;
    front(const keys& with, const std::string& pattern, const std::string& back, std::vector<std::string> more = {})
        : child{wire::child::start(command(with, pattern, back, std::move(more)), {.errors_too = true})} {
        const auto first = child.read_line_with("front ", 20s);
        REQUIRE(first);
        const auto from = first->find("tcp://");
        REQUIRE(from != std::string::npos);
        endpoint = first->substr(from, first->find(',') - from);
        REQUIRE(child.read_line_with("ready", 20s));
    }
    static std::vector<std::string> command(const keys& with, const std::string& pattern, const std::string& back,
                                            std::vector<std::string> more) {
        const std::vector<std::pair<std::string, std::string>> usual{{"--pattern", pattern},
                                                                     {"--front", "tcp://127.0.0.1:*"},
                                                                     {"--back", back},
                                                                     {"--key", with.at("server.key_secret")},
                                                                     {"--clients", with.at("clients")},
                                                                     {"--domain", "orders"},
                                                                     {"--peers", "10"},
                                                                     {"--queue", "100"},
                                                                     {"--frames", "4"},
                                                                     {"--frame", "1KiB"},
                                                                     {"--drain", "20"}};
        std::vector<std::string> all{IRONHOUSE_COMMAND, "proxy"};
        for (const auto& [name, value] : usual)
            if (std::find(more.begin(), more.end(), name) == more.end()) all.insert(all.end(), {name, value});
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    /// Stops it by a signal: its exit code, and what it still said.
    [[nodiscard]] ended stop(int number = SIGTERM) {
        child.signal(number);
        ended end;
        end.said = child.read_rest(60s);
        const auto status = child.wait(20s);
        if (status && status->code) end.code = *status->code;
        return end;
    }
};

[[nodiscard]] wire::child client(const keys& with, const std::string& kind, const front& to, int count,
                                 std::vector<std::string> more = {}, const std::string& who = "ann") {
    std::vector<std::string> all{kind, to.endpoint, with.at(who + ".key_secret"), with.at("server.key"),
                                 std::to_string(count)};
    all.insert(all.end(), more.begin(), more.end());
    return python(all);
}

constexpr ih::duplex generous{.in = {.peers = 1_peers, .queue = 1'000_messages, .frames = 16_frames, .frame = 1_MiB},
                              .out = {.peers = 1_peers, .queue = 1'000_messages, .frames = 16_frames, .frame = 1_MiB}};
constexpr ih::outbound generous_out = generous.out;

template <class Socket> void connect(Socket& socket, const std::string& to) {
    socket.connect(ih::connect_endpoint<ih::curve_client::protects>::parse(to));
}

} // namespace

TEST_CASE("requests of REQ and DEALER clients are answered by an unmodified REP and an unmodified ROUTER",
          "[proxy][M1.6]") {
    const keys with;
    const std::string kind = GENERATE("rep", "router");
    CAPTURE(kind);
    old_service service{kind};
    front proxy{with, "router", service.endpoint};
    auto req = client(with, "req", proxy, 20);
    auto dealer = client(with, "dealer", proxy, 20);
    CHECK(dealer.read_line(20s) == "sent");
    for (int i = 1; i <= 20; ++i) {
        CHECK(req.read_line(20s) == "answer " + std::to_string(i));
        CHECK(dealer.read_line(20s) == "answer " + std::to_string(i));
    }
    CHECK(req.wait(20s));
    CHECK(dealer.wait(20s));

    // The library's REQ numbers its requests: one frame more, which both echo.
    ih::context context;
    ih::socket<ih::req, generous, ih::curve_client> asks{context, with.as_ann()};
    connect(asks, proxy.endpoint);
    decltype(asks)::message m;
    for (int i = 1; i <= 20; ++i) {
        REQUIRE(m.add(std::to_string(i)));
        REQUIRE(asks.send(m, soon) == ih::send_status::queued);
        REQUIRE(asks.receive(m, soon) == ih::receive_status::received);
        CHECK(m[0].text() == "answer " + std::to_string(i));
        m.clear();
    }
    const ended end = proxy.stop();
    INFO(end.said);
    CHECK(end.code == 0);
    CHECK(contains(end.said, "forwarded to_back=60 to_front=60 dropped=0"));
}

TEST_CASE("with a connection for each client, a ROUTER service sees a name for each, and no envelope",
          "[proxy][M1.6]") {
    const keys with;
    with.welcome("desk-1");
    with.welcome("desk-2");
    old_service service{"names"};
    front proxy{with, "router", service.endpoint, {"--per-client"}};
    // What a client calls itself is not looked at.
    auto first = client(with, "req", proxy, 20, {"desk-2"}, "desk-1");
    auto second = client(with, "req", proxy, 20, {"desk-2"}, "desk-2");
    for (int i = 1; i <= 20; ++i) {
        CHECK(first.read_line(20s) == "desk-1 asked " + std::to_string(i));
        CHECK(second.read_line(20s) == "desk-2 asked " + std::to_string(i));
    }
    // One that comes again under its key is known again.
    ih::context context;
    for (int round = 0; round != 30; ++round) {
        ih::socket<ih::req, generous, ih::curve_client> asks{context, with.as_ann(),
                                                             ih::socket_options{.correlation = ih::correlation::none}};
        connect(asks, proxy.endpoint);
        decltype(asks)::message m;
        REQUIRE(m.add("once"));
        REQUIRE(asks.send(m, soon) == ih::send_status::queued);
        REQUIRE(asks.receive(m, soon) == ih::receive_status::received);
        CHECK(m[0].text() == "ann asked once");
    }
    auto again = client(with, "req", proxy, 2, {}, "desk-1");
    CHECK(again.read_line(20s) == "desk-1 asked 1");
    CHECK(again.read_line(20s) == "desk-1 asked 2");
    const ended end = proxy.stop();
    INFO(end.said);
    CHECK(end.code == 0);
    CHECK(contains(end.said, "forwarded to_back=72 to_front=72 dropped=0"));
}

TEST_CASE("a client that does not fetch its answers keeps nobody else waiting", "[proxy][M1.6]") {
    const keys with;
    with.welcome("ben");
    old_service service{"router"};
    const bool per_client = GENERATE(false, true);
    CAPTURE(per_client);
    front proxy{with, "router", service.endpoint,
                per_client
                    ? std::vector<std::string>{"--per-client", "--queue", "4", "--frame", "64KiB", "--drain", "2"}
                    : std::vector<std::string>{"--queue", "4", "--frame", "64KiB", "--drain", "2"}};
    ih::context context;
    constexpr ih::duplex deaf_limits{.in = {.peers = 1_peers, .queue = 2_messages, .frames = 4_frames, .frame = 64_KiB},
                                     .out = generous_out};
    ih::socket<ih::dealer, deaf_limits, ih::curve_client> deaf{context, with.as_ann()};
    connect(deaf, proxy.endpoint);
    decltype(deaf)::message m;
    const std::string body(60'000, 'x');
    for (int i = 0; i != 300; ++i) {
        m.clear();
        REQUIRE(m.add(""));
        REQUIRE(m.add(body));
        if (deaf.send(m, 200ms) != ih::send_status::queued) break;
    }
    auto ben = client(with, "req", proxy, 50, {}, "ben");
    for (int i = 1; i <= 50; ++i) CHECK(ben.read_line(20s) == "answer " + std::to_string(i));
    const ended end = proxy.stop();
    INFO(end.said);
    CHECK(end.code != -1);
    CHECK(contains(end.said, "dropped=0") == per_client);
}

namespace {

/// How often a subscriber, who ends after three, hears of oil and of nothing else while gas is published as well. A subscription
/// takes its time; until it is there, what is published is lost, as ever.
int times_heard(wire::child& oil, old_service& service) {
    int heard = 0;
    for (int i = 0; i != 400 && heard != 3; ++i) {
        REQUIRE(service.child.write_line("gas 1"));
        REQUIRE(service.child.write_line("oil 1"));
        for (; const auto line = oil.read_line(50ms); ++heard) CHECK(line == "oil 1");
    }
    return heard;
}

} // namespace

TEST_CASE("the service publishes to subscribers, who subscribe through the proxy", "[proxy][M1.6]") {
    const keys with;
    old_service service{"pub"};
    front proxy{with, "pub", service.endpoint};
    auto oil = client(with, "sub", proxy, 3, {"oil"});
    CHECK(oil.read_line(20s) == "subscribed");
    CHECK(times_heard(oil, service) == 3);
    CHECK(proxy.stop().code == 0);
}

TEST_CASE("a subscriber hears through the proxy what its certificate names, and nothing else", "[proxy][M1.6][T6.3]") {
    const keys with;
    with.welcome("ben", {.topics = {"oil"}});
    old_service service{"pub"};
    front proxy{with, "pub", service.endpoint};
    auto gas = client(with, "sub", proxy, 3, {"gas"}, "ben");
    auto oil = client(with, "sub", proxy, 3, {"oil"}, "ben");
    CHECK(gas.read_line(20s) == "subscribed");
    CHECK(oil.read_line(20s) == "subscribed");
    CHECK(proxy.child.read_line_with("subscription_refused", 20s));
    CHECK(times_heard(oil, service) == 3);
    CHECK_FALSE(gas.read_line(50ms));
    CHECK(proxy.stop().code == 0);
}

TEST_CASE("who pushes reaches the service; who has no key of the ring, or no key at all, does not",
          "[proxy][M1.6][T6.1]") {
    const keys with;
    old_service service{"pull"};
    front proxy{with, "pull", service.endpoint};
    auto eve = client(with, "push", proxy, 5, {}, "eve");
    CHECK(proxy.child.read_line_with("refused_unknown_key", 20s));
    ih::context context;
    ih::socket<ih::push, generous_out, ih::insecure::plaintext> plain{context,
                                                                      ih::insecure::plaintext{"the test's stranger"}};
    plain.connect(ih::connect_endpoint<ih::insecure::plaintext::protects>::parse(proxy.endpoint));
    decltype(plain)::message m;
    REQUIRE(m.add("intruder"));
    CHECK(plain.send(m, soon) == ih::send_status::queued);
    CHECK(proxy.child.read_line_with("handshake_failed", 20s));

    auto ann = client(with, "push", proxy, 100);
    CHECK(ann.read_line(20s) == "sent");
    for (int i = 1; i <= 100; ++i) CHECK(service.child.read_line(20s) == std::to_string(i));
    const ended end = proxy.stop();
    INFO(end.said);
    CHECK(end.code == 0);
    CHECK(contains(end.said, "forwarded to_back=100 "));
}

TEST_CASE("messages over the limits are dropped, and the next one is forwarded", "[proxy][M1.6][T4.1]") {
    const keys with;
    old_service service{"pull"};
    front proxy{with, "pull", service.endpoint, {"--frame", "300"}};
    ih::context context;
    ih::socket<ih::push, generous_out, ih::curve_client> push{context, with.as_ann()};
    connect(push, proxy.endpoint);
    decltype(push)::message m;
    const auto send = [&](std::size_t frames, std::size_t size, const std::string& first) {
        for (std::size_t i = 0; i != frames; ++i) REQUIRE(m.add(i == 0 ? first : std::string(size, 'x')));
        REQUIRE(push.send(m, soon) == ih::send_status::queued);
    };
    send(1, 0, "one");
    CHECK(service.child.read_line(20s) == "one");
    send(5, 1, "too many frames");
    CHECK(proxy.child.read_line_with("message_too_many_frames", 20s));
    send(2, 301, "a frame too large");
    CHECK(proxy.child.read_line_with("message_frame_too_large", 20s));
    send(1, 0, "two");
    CHECK(service.child.read_line(20s) == "two");
    CHECK(proxy.stop().code == 0);
}

TEST_CASE("a stop loses nothing that clients have sent", "[proxy][M1.6]") {
    const keys with;
    old_service service{"pull"};
    front proxy{with, "pull", service.endpoint, {"--queue", "50"}};
    constexpr int many = 20'000;
    auto ann = client(with, "push", proxy, many);
    // In the midst of it.
    for (int i = 1; i <= 100; ++i) REQUIRE(service.child.read_line(20s) == std::to_string(i));
    proxy.child.signal(SIGTERM);
    int next = 101;
    for (; next <= many; ++next)
        if (service.child.read_line(20s) != std::to_string(next)) break;
    CHECK(next == many + 1);
    CHECK(ann.read_line(20s) == "sent");
    const std::string said = proxy.child.read_rest(60s);
    INFO(said);
    const auto status = proxy.child.wait(20s);
    REQUIRE(status);
    CHECK(status->clean());
    CHECK(contains(said, "drained"));
}

TEST_CASE("a stop waits for the answers to what was asked", "[proxy][M1.6]") {
    const keys with;
    old_service service{"router"};
    front proxy{with, "router", service.endpoint};
    auto dealer = client(with, "dealer", proxy, 2'000);
    CHECK(dealer.read_line(20s) == "sent");
    proxy.child.signal(SIGINT);
    for (int i = 1; i <= 2'000; ++i) REQUIRE(dealer.read_line(20s) == "answer " + std::to_string(i));
    const std::string said = proxy.child.read_rest(60s);
    INFO(said);
    const auto status = proxy.child.wait(20s);
    REQUIRE(status);
    CHECK(status->clean());
    CHECK(contains(said, "forwarded to_back=2000 to_front=2000 dropped=0"));
}

TEST_CASE("what a service that stays away was sent is lost with a word, and a second signal ends at once",
          "[proxy][M1.6]") {
    const keys with;
    std::string nowhere;
    { nowhere = old_service{"pull"}.endpoint; }
    front proxy{with, "pull", nowhere, {"--drain", "2"}};
    auto ann = client(with, "push", proxy, 10);
    CHECK(ann.read_line(20s) == "sent");
    CHECK(proxy.child.read_line_with("connected", 20s));
    SECTION("with a word") {
        const ended end = proxy.stop();
        INFO(end.said);
        CHECK(end.code == 3);
        CHECK(contains(end.said, "the time to drain ran out"));
    }
    SECTION("a second signal") {
        front patient{with, "pull", nowhere, {"--drain", "100"}};
        auto other = client(with, "push", patient, 300);
        CHECK(patient.child.read_line_with("connected", 20s));
        patient.child.signal(SIGTERM);
        CHECK(patient.child.read_line_with("draining", 20s));
        patient.child.signal(SIGTERM);
        const auto status = patient.child.wait(20s);
        REQUIRE(status);
        CHECK(status->code == 3);
    }
}

TEST_CASE("a service that is started again is found again", "[proxy][M1.6]") {
    const keys with;
    std::optional<old_service> service{std::in_place, "rep"};
    const std::string at = service->endpoint;
    front proxy{with, "router", at};
    ih::context context;
    ih::socket<ih::req, generous, ih::curve_client> asks{context, with.as_ann()};
    connect(asks, proxy.endpoint);
    decltype(asks)::message m;
    const auto ask = [&](const std::string& what) {
        m.clear();
        REQUIRE(m.add(what));
        REQUIRE(asks.send(m, soon) == ih::send_status::queued);
        return asks.receive(m, soon) == ih::receive_status::received && m[0].text() == "answer " + what;
    };
    CHECK(ask("1"));
    service.reset();
    service.emplace("rep", at);
    // What was on its way when the service died is lost with it, as without a proxy.
    CHECK(wire::eventually([&] { return ask("2"); }, 40s));
    CHECK(ask("3"));
    CHECK(proxy.stop().code == 0);
}

TEST_CASE("a service that does not read makes clients wait, and memory stay where it is", "[proxy][M1.6][T1.1]") {
    const keys with;
    old_service service{"slow-pull"};
    front proxy{with, "pull", service.endpoint, {"--frame", "64KiB", "--queue", "20"}};
    ih::context context;
    ih::socket<ih::push, generous_out, ih::curve_client> push{context, with.as_ann()};
    connect(push, proxy.endpoint);
    CHECK(proxy.child.read_line_with("connected", 20s));
    const auto before = wire::resident_bytes(proxy.child.pid());
    decltype(push)::message m;
    const std::string body(60'000, 'x');
    int sent = 0;
    for (; sent != 20'000; ++sent) {
        m.clear();
        REQUIRE(m.add(std::to_string(sent) + " " + body));
        if (push.send(m, 1s) == ih::send_status::full) break;
    }
    INFO(sent << " messages sent before it was full");
    CHECK(sent < 20'000);
    // Two queues of 20 messages, the peers' rest unused: far below what was offered.
    const auto grown = wire::peak_resident_bytes(proxy.child.pid()) - before;
    CAPTURE(grown);
    CHECK(grown < (std::uint64_t{24} << 20));
    // And no loop that is busy with waiting.
    const auto ticks = [&] {
        const std::string stat = wire::detail::read_proc(proxy.child.pid(), "stat");
        std::istringstream rest{stat.substr(stat.rfind(')') + 2)};
        std::string word;
        long used = 0, sum = 0;
        for (int i = 3; i <= 15 && rest >> word; ++i)
            if (i >= 14) used = std::stol(word), sum += used;
        return sum;
    };
    const long busy = ticks();
    ::poll(nullptr, 0, 1'000);
    CHECK(ticks() - busy < 20); // of a hundred

    REQUIRE(service.child.write_line("read"));
    push.close();
    for (int i = 0; i != sent; ++i) {
        const auto line = service.child.read_line(20s);
        REQUIRE(line);
        REQUIRE(line->starts_with(std::to_string(i) + " "));
    }
    CHECK(proxy.stop().code == 0);
}

TEST_CASE("a back end that is not on this machine is refused, and why is said", "[proxy][M1.6]") {
    const keys with;
    const std::string back = GENERATE("tcp://10.0.0.1:6000", "tcp://localhost:6000", "tcp://192.0.2.1:6000",
                                      "tcp://[::2]:6000", "tcp://[::ffff:127.0.0.1]:6000", "tcp://0.0.0.0:6000",
                                      "tcp://127.0.0.1:1;10.0.0.1:6000", "tcp://service.example:6000");
    CAPTURE(back);
    const ended end = finished(wire::child::start(front::command(with, "router", back, {}), {.errors_too = true}));
    INFO(end.said);
    CHECK(end.code == 2);
    CHECK(contains(end.said, "plaintext, so it must not leave this machine"));
    CHECK(contains(end.said, "--back tcp://127.0.0.1:PORT"));
}

TEST_CASE("every limit is owed, and the answer is a whole example", "[proxy][M1.6]") {
    const ended end = run({"proxy", "--pattern", "router", "--back", "tcp://127.0.0.1:6000"});
    INFO(end.said);
    CHECK(end.code == 2);
    for (const char* const owed : {"--front", "--key or --credential", "--clients", "--domain", "--peers", "--queue",
                                   "--frames", "--frame", "ironhouse proxy --pattern router --front"})
        CHECK(contains(end.said, std::string{"\n    "} + owed));
    const keys with;
    const ended narrow = finished(wire::child::start(
        front::command(with, "router", "tcp://127.0.0.1:6000", {"--queue", "1"}), {.errors_too = true}));
    CHECK(narrow.code == 2);
    CHECK(contains(narrow.said, "a queue below 2 messages can stall for ever"));
}

TEST_CASE("ipc reaches a service as well, and what it may cost is said", "[proxy][M1.6]") {
    const keys with;
    old_service service{"rep", "ipc://" + with.at("service.ipc")};
    wire::child proxy = wire::child::start(front::command(with, "router", service.endpoint, {}), {.errors_too = true});
    const auto front_line = proxy.read_line_with("front ", 20s);
    REQUIRE(front_line);
    CHECK(proxy.read_line_with("plaintext, dealer", 20s));
    CHECK(proxy.read_line_with("ih1:", 20s));
    CHECK(proxy.read_line_with("memory_ceiling ", 20s));
    const auto gate = proxy.read_line_with("gate ", 20s);
    REQUIRE(gate);
#if !defined(__SANITIZE_ADDRESS__)
    if (!contains(*gate, "exact")) CHECK(contains(*gate, "under a sanitizer"));
#endif
    CHECK(proxy.read_line_with("ready", 20s));
    proxy.signal(SIGTERM);
    const auto status = proxy.wait(20s);
    REQUIRE(status);
    CHECK(status->clean());
}

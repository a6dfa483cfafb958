// SPDX-License-Identifier: MIT
// ctest: timeout 180

/// \file
/// Keys of servers and clients change under traffic: both are served for a while, then the new one alone, and every message
/// that was asked for again until it was acknowledged has arrived.

#include "catch.hpp"

#include "support/house.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace house;

/// A server with the next key at hand.
struct changing : people {
    person next{"next"};
    [[nodiscard]] ih::curve_client trusting(const person& who, ih::server_keys keys) const {
        return {.identity = who.papers(), .server = std::move(keys)};
    }
    /// Whether a peer that believes in one key alone comes in, and at which try.
    [[nodiscard]] int tries(const person& who, const person& believed, std::uint16_t port, int most) const {
        for (int n = 1; n <= most; ++n) {
            auto line = wire::connection::attempt(port, "127.0.0.1", 2s);
            if (!line) continue;
            auto how = script(who, "DEALER");
            how.server = believed.keys.public_key;
            wire::curve_client peer{std::move(*line), how};
            if (peer.handshake(2s).accepted()) return n;
        }
        return 0;
    }
};

/// Sends numbered orders, each again until it is acknowledged, until it is told to stop.
class insistent {
public:
    insistent(ih::context& within, ih::curve_client as, std::uint16_t port, std::vector<ih::certificate> renewals)
        : renewals_{std::move(renewals)}, worker_{[this, &within, as = std::move(as), port]() mutable {
              work(within, std::move(as), port);
          }} {}
    insistent(const insistent&) = delete;
    insistent& operator=(const insistent&) = delete;
    ~insistent() { stop(); }
    void stop() {
        stopping_ = true;
        if (worker_.joinable()) worker_.join();
    }
    [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }
    [[nodiscard]] bool comes_to(std::uint64_t number) const {
        return wire::eventually([&] { return acknowledged_ >= number; }, soon);
    }
    void renew() { renew_ = true; }

private:
    void work(ih::context& within, ih::curve_client as, std::uint16_t port) {
        client_of<ih::dealer> source{within, std::move(as)};
        source.connect(endpoint_at(port));
        decltype(source)::message order, answer;
        for (std::uint64_t number = 1; !stopping_;) {
            if (renew_.exchange(false)) {
                source.renew(std::move(renewals_.back()));
                renewals_.pop_back();
            }
            order.clear();
            (void)order.add(std::to_string(number));
            if (source.send(order, 50ms) != ih::send_status::queued) continue;
            const wire::deadline until{100ms};
            do {
                if (source.receive(answer, until.remaining()) != ih::receive_status::received) break;
                if (answer[0].text() != std::to_string(number)) continue; // of one that was sent twice
                acknowledged_ = number++;
                break;
            } while (!until.passed());
        }
    }
    std::vector<ih::certificate> renewals_;
    std::atomic<bool> stopping_{false}, renew_{false};
    std::atomic<std::uint64_t> acknowledged_{0};
    std::thread worker_; // last
};

/// A router that acknowledges what it receives, and changes its key when it is told to.
class registrar {
public:
    registrar(const changing& who, ih::context& within) : worker_{[this, &who, &within] { work(who, within); }} {
        (void)wire::eventually([this] { return port_ != 0; }, soon);
    }
    registrar(const registrar&) = delete;
    registrar& operator=(const registrar&) = delete;
    ~registrar() {
        stopping_ = true;
        worker_.join();
    }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    void rotate(std::chrono::milliseconds window) {
        window_ = window.count();
        (void)wire::eventually([this] { return window_ < 0; }, soon);
    }
    /// Numbers it has seen; only when it has stopped.
    [[nodiscard]] bool has_seen_all_to(std::uint64_t last) const {
        for (std::uint64_t n = 1; n <= last; ++n)
            if (!seen_.contains(n)) return false;
        return true;
    }
    void stop() {
        stopping_ = true;
        (void)wire::eventually([this] { return stopped_.load(); }, soon);
    }

private:
    void work(const changing& who, ih::context& within) {
        server_of<ih::router> server{within, who.serving()};
        server.bind("tcp://127.0.0.1:*");
        port_ = port_of(server);
        decltype(server)::message m;
        while (!stopping_) {
            if (window_ >= 0) {
                server.rotate(who.next.papers(), std::chrono::milliseconds{window_});
                window_ = -1;
            }
            if (server.receive(m, 10ms) != ih::receive_status::received) continue;
            seen_.insert(std::stoull(std::string{m[0].text()}));
            (void)server.try_send(m); // its route is the sender's
        }
        stopped_ = true;
    }
    std::atomic<bool> stopping_{false}, stopped_{false};
    std::atomic<std::int64_t> window_{-1};
    std::atomic<std::uint16_t> port_{0};
    std::set<std::uint64_t> seen_;
    std::thread worker_; // last
};

} // namespace

TEST_CASE("two keys are served on one port for a while, then the next one alone", "[wire][M1.4]") {
    const changing who;
    ih::context context;
    server_of<ih::router> server{context, who.serving()};
    server.bind("tcp://127.0.0.1:*");
    const auto port = port_of(server);
    CHECK(who.tries(who.ann, who.server, port, 1) == 1);
    CHECK(who.tries(who.ann, who.next, port, 1) == 0);
    server.rotate(who.next.papers(), 3s);
    // The kernel chooses the listener: with either key, one comes in before long.
    CHECK(who.tries(who.ann, who.next, port, 60) != 0);
    CHECK(who.tries(who.ben, who.server, port, 60) != 0);
    REQUIRE(counted(context, ih::reason::server_key_rotated));
    // One under each key is there when the window ends.
    const auto stay = [&](const person& as, const person& believed) {
        for (;;) {
            auto how = who.script(as, "DEALER");
            how.server = believed.keys.public_key;
            auto peer = std::make_unique<wire::curve_client>(wire::connection::to(port), how);
            if (peer->handshake(2s).accepted()) return peer;
        }
    };
    const auto former = stay(who.eve, who.server);
    const auto later = stay(who.gang[0], who.next);
    CHECK(former->tcp().closed_by_peer(soon));
    REQUIRE(counted(context, ih::reason::server_key_retired));
    CHECK_FALSE(later->tcp().closed_by_peer(100ms));
    // All go to the next key's listener now.
    for (int n = 0; n != 20; ++n) CHECK(who.tries(who.ann, who.next, port, 1) == 1);
    CHECK(who.tries(who.ben, who.server, port, 20) == 0);
}

TEST_CASE("a socket that was handed over serves its next key at the ports it was bound to", "[wire][M1.4]") {
    const changing who;
    ih::context context;
    auto handed_over = [&] {
        server_of<ih::router> server{context, who.serving()};
        server.bind("tcp://127.0.0.1:*");
        return server.detach();
    }();
    auto server = std::move(handed_over).attach();
    const auto port = port_of(server);
    wire::curve_client former{wire::connection::to(port), who.script(who.ben, "DEALER")};
    REQUIRE(former.handshake(2s).accepted());
    server.rotate(who.next.papers(), 0ms);
    CHECK(former.tcp().closed_by_peer(soon));
    CHECK(who.tries(who.ann, who.next, port, 1) == 1);
    CHECK_THROWS_AS(server.rotate(who.next.papers(), 0ms), ih::error); // the present one
}

TEST_CASE("a key that is changed again before the window is over is served all the same", "[wire][M1.4]") {
    const changing who;
    const person last{"last"};
    ih::context context;
    server_of<ih::router> server{context, who.serving()};
    server.bind("tcp://127.0.0.1:*");
    const auto port = port_of(server);
    const auto former = [&] {
        auto how = who.script(who.eve, "DEALER");
        auto peer = std::make_unique<wire::curve_client>(wire::connection::to(port), how);
        CHECK(peer->handshake(2s).accepted());
        return peer;
    }();
    server.rotate(who.next.papers(), 100ms);
    server.rotate(last.papers(), 60s);
    CHECK(former->tcp().closed_by_peer(soon)); // the first window is over
    CHECK(who.tries(who.ann, last, port, 60) != 0);
    CHECK(who.tries(who.ben, who.next, port, 60) != 0);
    CHECK(who.tries(who.ben, who.server, port, 10) == 0);
}

TEST_CASE("a client that trusts both keys finds the server under either, and comes over when the window ends",
          "[wire][M1.4]") {
    const changing who;
    ih::context context;
    server_of<ih::pull> server{context, who.serving()};
    server.bind("tcp://127.0.0.1:*");
    const auto port = port_of(server);
    client_of<ih::push> source{context, who.trusting(who.ann, {who.next.key(), who.server.key()})};
    source.connect(endpoint_at(port));
    const auto arrives = [&](const std::string& text) {
        server_of<ih::pull>::message m;
        const wire::deadline until{soon};
        while (!until.passed()) {
            (void)source.service();
            decltype(source)::message order;
            (void)order.add(text);
            (void)source.try_send(order);
            if (server.receive(m, 100ms) == ih::receive_status::received && m[0].text() == text) return true;
        }
        return false;
    };
    CHECK(arrives("under the present key"));
    server.rotate(who.next.papers(), 200ms);
    REQUIRE(counted(context, ih::reason::server_key_retired));
    CHECK(arrives("under the next one"));
}

TEST_CASE("servers and clients change their keys under traffic, and nothing that was acknowledged is missing",
          "[wire][M1.4]") {
    const char* const asked = std::getenv("IRONHOUSE_ROTATIONS"); // 20 by hand
    const int rounds = asked != nullptr ? std::atoi(asked) : 3;
    for (int round = 0; round != rounds; ++round) {
        CAPTURE(round);
        const changing who;
        ih::context context;
        registrar server{who, context};
        REQUIRE(server.port() != 0);
        std::vector<ih::certificate> renewals;
        renewals.push_back(who.ben.papers());
        insistent source{context, who.trusting(who.ann, {who.server.key(), who.next.key()}), server.port(),
                         std::move(renewals)};
        REQUIRE(source.comes_to(100));
        source.renew();
        REQUIRE(source.comes_to(source.acknowledged() + 100));
        server.rotate(200ms);
        REQUIRE(source.comes_to(source.acknowledged() + 100));
        REQUIRE(counted(context, ih::reason::server_key_rotated));
        // Well after the window: no one is served under the former key any more.
        const wire::deadline over{500ms};
        (void)wire::never([] { return false; }, over);
        CHECK(who.tries(who.eve, who.server, server.port(), 5) == 0);
        REQUIRE(source.comes_to(source.acknowledged() + 100));
        source.stop();
        server.stop();
        CHECK(server.has_seen_all_to(source.acknowledged()));
    }
}

TEST_CASE("what cannot be rotated is refused before anything has changed", "[wire][M1.4]") {
    const changing who;
    ih::context context;
    server_of<ih::pull> server{context, who.serving()};
    server.bind("tcp://127.0.0.1:*");
    CHECK_THROWS_AS(server.rotate(who.server.papers(), 1s), ih::error);
    CHECK_THROWS_AS(server.rotate(who.next.papers(), -1ms), ih::error);
    server_of<ih::rep> other{context, who.serving("other")};
    other.bind("tcp://127.0.0.1:*");
    CHECK(who.tries(who.ann, who.server, port_of(other), 1) == 1);
    CHECK(context.count(ih::reason::server_key_rotated) == 0);
    CHECK_THROWS_AS((ih::server_keys{}), ih::error);
    CHECK_THROWS_AS((ih::server_keys{who.server.key(), who.server.key()}), ih::error);
}

// SPDX-License-Identifier: MIT
#include <ironhouse/sentry/doorkeeper.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <zmq.h>

#include "callers.hpp"
#include "catch.hpp"

namespace ih = ironhouse;
using ih::gate_kind;
using ih::reason;
using namespace ih::detail;
using namespace std::chrono_literals;

namespace {

/// A doorkeeper with one socket. The test is libzmq, which accepts and reads, and the owner, who receives.
class house {
public:
    explicit house(const ih::admission_limits& allowed, std::int64_t peers = 4, int type = ZMQ_PULL)
        : house{allowed, opened(peers, type)} {}
    house(const ih::admission_limits& allowed, std::shared_ptr<enrolment> record)
        : gate_{allowed, gate_kind::shutdown, bell_}, keeper{events, allowed, gate_}, socket{keeper.take_on(record)} {}
    ~house() { keeper.retire(socket); }
    house(const house&) = delete;
    house& operator=(const house&) = delete;

    /// Comes in, and goes through what a handshake has until the authenticator is asked.
    [[nodiscard]] caller knock() {
        caller made = step.visit();
        keeper.opened(socket, made.ours, step.address(), false);
        made.sends(600);
        made.is_sent(300);
        return made;
    }
    /// The same, and is let in under that name.
    [[nodiscard]] caller guest(std::string_view name) {
        caller made = knock();
        bool others = true;
        const auto asked = keeper.candidates(socket, "127.0.0.1", others);
        REQUIRE(asked.size() == 1);
        CHECK_FALSE(others);
        keeper.admit(socket, asked.front().where, {reason::client_admitted, std::string{name}}, ++serial);
        return made;
    }
    void leaves(caller& who) {
        who.hang_up();
        const int number = who.ours;
        ended = keeper.closed(socket, number);
        who.let_go();
    }
    /// So many bytes come in, and libzmq reads them. The doorkeeper is there when the first one comes.
    void hears(const caller& from, std::size_t bytes) {
        from.sends_unread();
        keeper.work(true, true);
        from.is_read();
        from.sends(bytes - 1);
    }
    /// The owner receives so much of the one with that serial number.
    void receives(std::uint64_t whose, std::int64_t bytes, std::uint64_t messages) const {
        enrolment& record = *socket.who;
        {
            const std::lock_guard held{record.lock};
            record.shares.push_back({static_cast<std::int64_t>(whose), bytes});
        }
        record.taken_messages += messages;
        record.taken_bytes += static_cast<std::uint64_t>(bytes);
    }
    /// Lets the doorkeeper work until that is so; false when it does not become so.
    [[nodiscard]] bool works_until(const std::function<bool()>& so, std::chrono::milliseconds patience = 10s) {
        const auto until = std::chrono::steady_clock::now() + patience;
        do {
            keeper.work(true, true);
            if (so()) return true;
            std::this_thread::sleep_for(500us);
        } while (std::chrono::steady_clock::now() < until);
        return false;
    }
    [[nodiscard]] reason place_for(std::string_view who, std::int64_t most = 0) {
        return keeper.place_for(socket, who, "127.0.0.1", most);
    }

    /// The owner of a connecting socket instead, that proves itself with a key.
    [[nodiscard]] static std::shared_ptr<enrolment> connecting() {
        terms said;
        said.pattern = "push";
        said.client = true;
        said.type = ZMQ_PUSH;
        said.peers = 4;
        said.queue = 100;
        said.frames = 4;
        said.frame = 4096;
        return std::make_shared<enrolment>(8, std::move(said));
    }
    /// It connects, and so many bytes go either way. `theirs` is libzmq's end here.
    [[nodiscard]] caller connects(std::size_t written, std::size_t heard) {
        caller made = step.visit();
        keeper.opened(socket, made.theirs, step.address(), true);
        if (written != 0) made.sends(written);
        if (heard != 0) made.is_sent(heard);
        return made;
    }
    /// What libzmq says of one of them.
    [[nodiscard]] bool says_succeeded() { return keeper.succeeded(socket, step.address()); }
    [[nodiscard]] std::uint32_t live() const { return socket.who->live.load(); }

    ih::detail::herald events{{}};
    doorstep step;
    std::uint64_t serial = 0;
    std::optional<reason> ended;

    static std::shared_ptr<enrolment> opened(std::int64_t peers, int type, std::optional<ih::keyring> clients = {}) {
        terms said;
        if (clients) said.clients.reset(new ih::keyring{std::move(*clients)});
        said.pattern = "pull";
        said.domain = "orders";
        said.authenticates = true;
        said.type = type;
        said.peers = peers;
        said.queue = 100;
        said.frames = 4;
        said.frame = 4096;
        return std::make_shared<enrolment>(7, std::move(said));
    }

private:
    wake bell_;
    gate gate_;

public:
    doorkeeper keeper;
    ward& socket;
};

} // namespace

TEST_CASE("where a publisher decides on each topic, half as many bytes of them may come", "[sentry][B7][T6.3]") {
    for (const int type : {ZMQ_PUB, ZMQ_XPUB}) {
        terms what;
        what.type = type;
        const std::int64_t plain = ward::budget(what).queue;
        what.holds_topics = true; // libzmq keeps what was asked for beside what is in effect
        const std::int64_t decided = ward::budget(what).queue;
        CHECK(plain - guard_budget::in_hand == 2 * (decided - guard_budget::in_hand));
        CHECK(decided > longest_topic);
    }
}

TEST_CASE("a place is taken by who is let in, and free again when it has left", "[sentry][T3.1]") {
    house at{{}, 1};
    CHECK(at.place_for("ann") == reason::client_admitted);
    auto ann = at.guest("ann");
    CHECK(at.place_for("ben") == reason::refused_full);
    at.leaves(ann);
    CHECK(at.ended == reason::disconnected);
    CHECK(at.place_for("ben") == reason::client_admitted);
}

TEST_CASE("a key whose terms say how many connections it may have is held to that number", "[sentry][T3.1][M1.4]") {
    house at{{.per_key = ih::peers::from_config(2)}};
    auto first = at.guest("ann");
    CHECK(at.place_for("ann") == reason::client_admitted);
    CHECK(at.place_for("ann", 1) == reason::refused_per_key);
    CHECK(at.place_for("ben", 1) == reason::client_admitted);
    auto second = at.guest("ann");
    CHECK(at.place_for("ann") == reason::refused_per_key);
    CHECK(at.place_for("ann", 2) == reason::refused_per_key);
    CHECK(at.place_for("ann", 3) == reason::client_admitted);
    at.leaves(second);
    at.leaves(first);
}

TEST_CASE("whoever has left unread messages keeps its place until little is unread, and no longer",
          "[sentry][T3.1][B1]") {
    house at{{.per_key = ih::peers::from_config(1)}};
    auto ben = at.guest("ben");
    auto ann = at.guest("ann");
    const std::uint64_t bens = 1;
    // Ben's burst makes the guard watchful; ann's come after that, and then she leaves.
    at.hears(ben, 1'000'000);
    REQUIRE(at.works_until([&] { return at.socket.eye.watchful(); }));
    at.hears(ann, 200'000);
    REQUIRE(at.works_until([&] { return at.socket.eye.unread() >= 1'150'000; }));
    at.leaves(ann);
    CHECK(at.ended == reason::disconnected);
    CHECK(at.place_for("ann") == reason::refused_per_key);
    // The owner has received what was ben's. What is left is too little to stay awake for.
    at.receives(bens, 1'000'000, 61);
    REQUIRE(at.works_until([&] { return !at.socket.eye.watchful(); }));
    CHECK(at.place_for("ann") == reason::client_admitted);
    CHECK(at.socket.departed == 0);
}

TEST_CASE("what came before the guard woke is not forgiven on an owner's word that it has nothing to read",
          "[sentry][B1]") {
    house at{{}};
    auto eve = at.guest("eve");
    auto ann = at.guest("ann");
    at.hears(ann, 5'000); // she has said something, and may hold it
    at.hears(eve, 1'000'000);
    REQUIRE(at.works_until([&] { return at.socket.eye.watchful(); }));
    enrolment& record = *at.socket.who;
    // Nothing is received; the queues are empty, each time that is asked.
    const auto answers = [&] { record.answer = record.question.load(); };
    CHECK_FALSE(at.works_until([&] { return answers(), !at.socket.eye.watchful(); }, 300ms));
    CHECK(at.events.count(reason::cut_over_budget) == 0);
    // A little more than one message may have, and it is over.
    at.hears(eve, 100'000);
    CHECK(at.works_until([&] { return answers(), at.events.count(reason::cut_over_budget) == 1; }));
    CHECK(eve.ended());
    CHECK_FALSE(ann.ended());
}

TEST_CASE("a key that was cut off has to stay away, and nobody else has", "[sentry][B1]") {
    house at{{}, house::opened(4, ZMQ_PULL, ironhouse::keyring::of(std::vector<ironhouse::keyring::entry>{}))};
    auto eve = at.guest("eve");
    at.hears(eve, 1'000'000);
    REQUIRE(at.works_until([&] { return at.socket.eye.watchful(); }));
    at.hears(eve, 3'000'000);
    REQUIRE(at.works_until([&] { return at.events.count(reason::cut_over_budget) == 1; }));
    CHECK(at.place_for("eve") == reason::refused_after_cut);
    CHECK(at.place_for("ann") == reason::client_admitted);
    auto ann = at.guest("ann"); // from the same address
    CHECK(at.events.count(reason::refused_too_fast) == 0);
}

TEST_CASE("where every key is let in, the address of whoever was cut off has to stay away", "[sentry][B1]") {
    house at{{}};
    auto eve = at.guest("eve");
    at.hears(eve, 1'000'000);
    REQUIRE(at.works_until([&] { return at.socket.eye.watchful(); }));
    at.hears(eve, 3'000'000);
    REQUIRE(at.works_until([&] { return at.events.count(reason::cut_over_budget) == 1; }));
    auto again = at.step.visit();
    at.keeper.opened(at.socket, again.ours, at.step.address(), false);
    CHECK(at.events.count(reason::refused_too_fast) == 1);
    CHECK(again.ended());
}

TEST_CASE("a key that comes all the same makes its address wait", "[sentry][B1][T3.2]") {
    house at{{}, house::opened(4, ZMQ_PULL, ironhouse::keyring::of(std::vector<ironhouse::keyring::entry>{}))};
    for (unsigned n = 0; n <= ih::detail::turnstile::forgiven; ++n) {
        auto eve = at.knock();
        bool others = false;
        const auto asked = at.keeper.candidates(at.socket, "127.0.0.1", others);
        REQUIRE(asked.size() == 1);
        at.keeper.turn_back(at.socket, asked.front().where, reason::refused_after_cut);
        CHECK(eve.ended());
        at.leaves(eve);
    }
    CHECK(at.events.count(reason::address_barred) == 1);
}

TEST_CASE("what libzmq read before the doorkeeper could look is found all the same", "[sentry][B1]") {
    house at{{}};
    auto ann = at.guest("ann");
    ann.sends(2'000'000);
    CHECK(at.works_until([&] { return at.socket.eye.unread() >= 1'990'000; }));
}

TEST_CASE("what comes between asking to be let in and being let in is counted", "[sentry][B1]") {
    house at{{}};
    caller ann = at.knock();
    bool others = true;
    const auto asked = at.keeper.candidates(at.socket, "127.0.0.1", others);
    REQUIRE(asked.size() == 1);
    ann.sends(500'000);
    at.keeper.admit(at.socket, asked.front().where, {reason::client_admitted, "ann"}, 1);
    CHECK(at.works_until([&] { return at.socket.eye.unread() >= 490'000; }));
}

TEST_CASE("a handshake is too long only once all that libzmq had to say of it was heard", "[sentry][B1]") {
    house at{{}};
    auto eve = at.knock();
    eve.sends(9'000);
    for (int look = 0; look != 5; ++look) {
        std::this_thread::sleep_for(3ms);
        at.keeper.work(true, false);
    }
    CHECK(at.events.count(reason::cut_long_handshake) == 0);
    CHECK(at.works_until([&] { return at.events.count(reason::cut_long_handshake) == 1; }));
}

TEST_CASE("heartbeats are let go of, however seldom they are looked at", "[sentry][B7]") {
    // A PUSH receives nothing, so that nothing is ever credited: what may be commands has to go by itself.
    house at{{}, 4, ZMQ_PUSH};
    auto ann = at.guest("ann");
    auto next = std::chrono::steady_clock::now();
    CHECK_FALSE(at.works_until(
        [&] {
            if (std::chrono::steady_clock::now() < next) return false;
            next += 250ms;
            ann.sends(50);
            return at.events.count(reason::cut_over_budget) != 0;
        },
        9s));
    CHECK(at.socket.eye.unread() < 512);
}

TEST_CASE("an event that comes after libzmq was seen to have closed is still that connection's", "[sentry][B4]") {
    house at{{}};
    auto ann = at.guest("ann");
    const int number = ann.ours;
    ann.hang_up();
    ann.let_go();
    // One look sees that it is closed; its event is on its way.
    at.keeper.check_soon();
    std::this_thread::sleep_for(2ms);
    at.keeper.work(true, true);
    // However often it looks, as long as what libzmq says is not heard.
    for (int look = 0; look != 5; ++look) {
        std::this_thread::sleep_for(5ms);
        at.keeper.work(true, false);
    }
    CHECK(at.keeper.closed(at.socket, number) == reason::disconnected);
    CHECK(at.socket.established == 0);
}

TEST_CASE("a connection that ends without an event is let go of", "[sentry][B4]") {
    house at{{}};
    auto ann = at.guest("ann");
    ann.hang_up();
    ann.let_go();
    at.keeper.check_soon();
    CHECK(at.works_until([&] { return at.socket.established == 0; }));
}

TEST_CASE("of several that may have asked, it is the one that was written to since", "[sentry][T6.1]") {
    house at{{}};
    auto ann = at.knock();
    auto ben = at.knock();
    bool others = true;
    const auto asked = at.keeper.candidates(at.socket, "127.0.0.1", others);
    REQUIRE(asked.size() == 2);
    bool left = true;
    CHECK(at.keeper.answered(asked, left) == connection_table::none);
    CHECK_FALSE(left);
    ben.is_sent(50);
    const auto it = at.keeper.answered(asked, left);
    REQUIRE(it != connection_table::none);
    at.keeper.admit(at.socket, it, {reason::client_admitted, "ben"}, 1);
    // Whoever was hung up on may have asked before that.
    at.keeper.show_out_all(at.socket, at.keeper.candidates(at.socket, "127.0.0.1", others));
    CHECK(ann.ended());
    CHECK_FALSE(ben.ended());
    CHECK(at.keeper.candidates(at.socket, "127.0.0.1", others).empty());
    CHECK(others);
}

TEST_CASE("one refusal is one failure of its address", "[sentry][T3.2]") {
    house at{{}};
    for (unsigned n = 0; n != turnstile::forgiven; ++n) {
        auto mallory = at.knock();
        bool others = false;
        const auto asked = at.keeper.candidates(at.socket, "127.0.0.1", others);
        REQUIRE(asked.size() == 1);
        at.keeper.refused(at.socket, asked.front().where);
        at.leaves(mallory);
    }
    CHECK(at.events.count(reason::refused_too_fast) == 0);
    const auto next = at.knock();
    CHECK_FALSE(next.ended());
    CHECK(at.events.count(reason::refused_too_fast) == 0);
}

namespace {
// What a CURVE client writes: greeting, HELLO, INITIATE; and its server: greeting, WELCOME, READY.
constexpr std::size_t up_to_hello = 64 + 202, up_to_initiate = up_to_hello + 254;
constexpr std::size_t up_to_welcome = 64 + 170, up_to_ready = up_to_welcome + 40;
[[nodiscard]] bool hung_up(const caller& who) {
    char byte = 0;
    return ::recv(who.ours, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}
} // namespace

TEST_CASE("a success before the client has proved its key is refused_unproven", "[sentry][T6.1]") {
    for (const std::size_t written : {up_to_hello, up_to_initiate - 1}) {
        INFO("written " << written);
        house at{{}, house::connecting()};
        const auto server = at.connects(written, up_to_ready);
        CHECK_FALSE(at.says_succeeded());
        CHECK(at.events.count(reason::refused_unproven) == 1);
        CHECK(hung_up(server));
        CHECK(at.live() == 0);
        // Its end was said when it was refused.
        CHECK_FALSE(at.keeper.closed(at.socket, server.theirs).has_value());
    }
}

TEST_CASE("a success after the client has proved its key is one", "[sentry][T6.1]") {
    house at{{}, house::connecting()};
    const auto server = at.connects(up_to_initiate, up_to_ready);
    CHECK(at.says_succeeded());
    CHECK(at.events.count(reason::refused_unproven) == 0);
    CHECK_FALSE(hung_up(server));
    CHECK(at.live() == 1);
    CHECK(at.keeper.closed(at.socket, server.theirs) == reason::disconnected);
}

TEST_CASE("of two connections, the one that proved its key has succeeded, and the other is left to go on",
          "[sentry][T6.1]") {
    house at{{}, house::connecting()};
    const auto slow = at.connects(up_to_hello, up_to_welcome);
    const auto quick = at.connects(up_to_initiate, up_to_ready);
    CHECK(at.says_succeeded());
    CHECK(at.events.count(reason::refused_unproven) == 0);
    CHECK_FALSE(hung_up(slow));
    CHECK_FALSE(hung_up(quick));
    CHECK(at.live() == 1);
}

TEST_CASE("of several that may have claimed it nobody stays, and who has heard no more than a greeting cannot have",
          "[sentry][T6.1]") {
    house at{{}, house::connecting()};
    const auto one = at.connects(up_to_hello, up_to_ready);
    const auto other = at.connects(up_to_hello, up_to_welcome);
    const auto fresh = at.connects(up_to_hello, 64);
    CHECK_FALSE(at.says_succeeded());
    CHECK(at.events.count(reason::refused_unproven) == 2);
    CHECK(hung_up(one));
    CHECK(hung_up(other));
    CHECK_FALSE(hung_up(fresh));
    CHECK(at.live() == 0);
}

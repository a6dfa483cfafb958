// SPDX-License-Identifier: MIT
#include <ironhouse/sentry/gate.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "catch.hpp"
#include "wire/support/process.hpp"

using namespace ironhouse::detail;
using namespace std::chrono_literals;
using ironhouse::admission_limits;
using ironhouse::gate_kind;
using ironhouse::per_second;
using ironhouse::reason;

namespace {

/// A listener on loopback, and what comes to it: the gate is asked as libzmq's accept4() would ask it.
class porch {
public:
    porch() : listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        size_ = sizeof at_;
        REQUIRE(::bind(listener_, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0);
        REQUIRE(::listen(listener_, 64) == 0);
        REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&at_), &size_) == 0);
    }
    porch(const porch&) = delete;
    porch& operator=(const porch&) = delete;
    ~porch() {
        for (const int fd : open_) ::close(fd);
        ::close(listener_);
    }
    [[nodiscard]] int listener() const { return listener_; }
    /// The descriptor that came of it; -1 when the gate refused.
    [[nodiscard]] int visit() {
        const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(::connect(client, reinterpret_cast<const sockaddr*>(&at_), size_) == 0);
        open_.push_back(client);
        const int made = runtime_accept(listener_, nullptr, nullptr, [&](::sockaddr* from, ::socklen_t* size) {
            return ::accept4(listener_, from, size, SOCK_CLOEXEC | SOCK_NONBLOCK);
        });
        if (made >= 0) open_.push_back(made);
        return made;
    }
    /// What libzmq would be given of so many bytes; 0 is the end.
    [[nodiscard]] std::size_t receive(int fd, std::size_t bytes) {
        std::vector<char> buffer(bytes, 'x');
        const auto got = runtime_receive(fd, buffer.data(), bytes, 0,
                                         [&](std::size_t room) { return static_cast<::ssize_t>(room); });
        return static_cast<std::size_t>(got);
    }

private:
    int listener_;
    sockaddr_in at_{};
    socklen_t size_ = 0;
    std::vector<int> open_;
};

/// An exact gate, and one connection past its handshake that may bring 10,000 bytes.
struct guest {
    explicit guest(bool lenient = false) {
        terms said;
        said.pattern = "pull";
        who = std::make_shared<enrolment>(7, std::move(said));
        exact.listen(here.listener(), 7);
        fd = here.visit();
        REQUIRE(fd >= 0);
        generation = runtime_generation(fd, cookie_of(fd));
        REQUIRE(generation != 0);
        exact.serve(fd, generation, who, 10'000, lenient);
    }
    ~guest() {
        exact.forget(fd, generation);
        exact.retire(7);
    }
    guest(const guest&) = delete;
    guest& operator=(const guest&) = delete;

    [[nodiscard]] std::size_t receive(std::size_t bytes) { return here.receive(fd, bytes); }

    wake bell;
    gate exact{{}, gate_kind::exact, bell};
    porch here;
    std::shared_ptr<enrolment> who;
    int fd = -1;
    std::uint64_t generation = 0;
};

} // namespace

TEST_CASE("a gate that is not exact registers nothing and lets everybody pass but those who come too fast",
          "[sentry][T3.2]") {
    wake bell;
    gate loose{{.newcomers = per_second::from_config(1)}, gate_kind::shutdown, bell};
    porch here;
    loose.listen(here.listener(), 7);
    for (int n = 0; n != 8; ++n) CHECK(here.visit() >= 0);
    CHECK(loose.take().refusals.empty());
    CHECK(loose.watch(here.listener()) == 0);
    const auto now = gate::clock::now();
    for (int n = 0; n != 4; ++n) CHECK(loose.pass("a", now));
    CHECK_FALSE(loose.pass("a", now));
}

TEST_CASE("an exact gate refuses before libzmq sees the connection, and says why", "[sentry][T3.1][T3.2]") {
    wake bell;
    gate exact{{.newcomers = per_second::from_config(1)}, gate_kind::exact, bell};
    porch here;
    exact.listen(here.listener(), 7);
    for (int n = 0; n != 4; ++n) CHECK(here.visit() >= 0);
    CHECK(here.visit() == -1);
    auto news = exact.take();
    REQUIRE(news.refusals.size() == 1);
    CHECK(news.refusals.front().why == reason::refused_too_fast);
    CHECK(news.refusals.front().socket == 7);
    CHECK(news.refusals.front().address == "127.0.0.1");

    gate full{{}, gate_kind::exact, bell};
    porch there;
    full.listen(there.listener(), 8);
    full.set_full(8, true);
    CHECK(there.visit() == -1);
    CHECK(full.take().refusals.front().why == reason::refused_full);
    full.set_full(8, false);
    CHECK(there.visit() >= 0);
    full.retire(8);
    CHECK(there.visit() >= 0);
    exact.retire(7);
}

TEST_CASE("thousands of refusals are told as a few, and a number", "[sentry][T3.2]") {
    wake bell;
    gate exact{{}, gate_kind::exact, bell};
    porch here;
    exact.listen(here.listener(), 7);
    exact.set_full(7, true);
    for (int n = 0; n != 200; ++n) REQUIRE(here.visit() == -1);
    const auto news = exact.take();
    CHECK(news.refusals.size() == 64);
    CHECK(news.unsaid[1] == 136);
    CHECK(exact.take().refusals.empty());
    exact.retire(7);
}

TEST_CASE("whoever is not past its handshake may bring a handshake, and is cut at the next byte",
          "[sentry][B1][T4.1]") {
    wake bell;
    gate exact{{}, gate_kind::exact, bell};
    porch here;
    exact.listen(here.listener(), 7);
    const int fd = here.visit();
    REQUIRE(fd >= 0);
    std::size_t all = 0;
    while (const std::size_t got = here.receive(fd, 3'000)) all += got;
    CHECK(all == static_cast<std::size_t>(guard_budget::handshake));
    const auto news = exact.take();
    REQUIRE(news.cuts.size() == 1);
    CHECK(news.cuts.front().fd == fd);
    CHECK_FALSE(news.cuts.front().served);
    exact.retire(7);
}

TEST_CASE("an allowance follows what the owner receives, and not one byte more", "[sentry][B1][T4.1]") {
    guest ann;
    CHECK(ann.receive(8'000) == 8'000);
    CHECK(ann.receive(8'000) == 2'000);
    ann.who->taken_bytes += 4'000;
    CHECK(ann.receive(8'000) == 4'000); // as much as was received
    ann.who->taken_bytes += 50'000;
    CHECK(ann.receive(20'000) == 10'000); // never more than a queue at once
    // What was received after the guard had counted is not in its sum.
    ann.exact.limit(ann.fd, ann.generation, 500, ann.who->taken_bytes - 300);
    CHECK(ann.receive(8'000) == 500);
    CHECK(ann.receive(8'000) == 300);
    CHECK(ann.receive(8'000) == 0);
    CHECK(ann.exact.take().cuts.size() == 1);
    CHECK(ann.receive(8'000) == 0);
    ann.exact.forget(ann.fd, ann.generation);
    CHECK(ann.receive(8'000) == 8'000); // somebody else's by now
}

TEST_CASE("whoever is allowed more while the gate is being asked is not cut", "[sentry][B1][T4.1]") {
    guest ann;
    CHECK(ann.receive(10'000) == 10'000);
    // libzmq's thread has seen that nothing is left and asks; the guard, which has looked just now, is first.
    const runtime_watcher& asked = runtime_registered.find(ann.fd)->watcher;
    ann.who->taken_bytes += 4'000;
    ann.exact.limit(ann.fd, ann.generation, 6'000, ann.who->taken_bytes);
    CHECK(asked.used_up(asked.who, ann.fd, ann.generation) == 0);
    CHECK(ann.exact.take().cuts.empty());
    CHECK(ann.receive(8'000) == 6'000);
    CHECK(ann.receive(8'000) == 0);
    CHECK(ann.exact.take().cuts.size() == 1);
}

TEST_CASE("where something never reaches the owner, only the guard cuts", "[sentry][B1]") {
    guest ann{true};
    std::size_t all = 0;
    for (int n = 0; n != 100; ++n) all += ann.receive(8'000);
    CHECK(all > 300'000);
    CHECK(ann.exact.take().cuts.empty());
}

namespace {

/// Whether somebody who comes from there is accepted within that time. Who is not has left again.
bool is_let_in(int listener, const char* from, int family, std::chrono::milliseconds within) {
    sockaddr_storage here{}, there{};
    socklen_t size = sizeof there;
    REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&there), &size) == 0);
    here.ss_family = static_cast<sa_family_t>(family);
    void* const address = family == AF_INET ? static_cast<void*>(&reinterpret_cast<sockaddr_in&>(here).sin_addr)
                                            : static_cast<void*>(&reinterpret_cast<sockaddr_in6&>(here).sin6_addr);
    REQUIRE(::inet_pton(family, from, address) == 1);
    const int client = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE(::bind(client, reinterpret_cast<const sockaddr*>(&here), size) == 0);
    (void)::connect(client, reinterpret_cast<const sockaddr*>(&there), size);
    pollfd waits{listener, POLLIN, 0};
    const bool came = ::poll(&waits, 1, static_cast<int>(within.count())) == 1;
    if (came) ::close(::accept(listener, nullptr, nullptr));
    ::close(client);
    return came;
}
peer_address named(const char* text, bool is_v6 = false) {
    peer_address made;
    made.text = text;
    made.is_v6 = is_v6;
    return made;
}

} // namespace

TEST_CASE("a filter keeps a barred address out in the kernel until its time is over, and nobody else",
          "[sentry][T3.2]") {
    if (!may_drop_newcomers()) {
        WARN("not run: this process may not attach a filter (CAP_NET_ADMIN)");
        return;
    }
    wake bell;
    CHECK(gate::best(false) == gate_kind::filter);
    gate filtered{{}, gate_kind::filter, bell};
    porch here;
    filtered.listen(here.listener(), 7);
    const auto start = gate::clock::now();
    auto until = start;
    for (unsigned n = 0; n <= turnstile::forgiven; ++n) until = filtered.failed(named("127.0.0.66"), start);
    CHECK(until == start + turnstile::first_bar);
    REQUIRE(filtered.next());
    filtered.renew(start);
    CHECK(filtered.next() == until);
    CHECK_FALSE(is_let_in(here.listener(), "127.0.0.66", AF_INET, 200ms));
    CHECK(is_let_in(here.listener(), "127.0.0.67", AF_INET, 10s));
    // Whoever was let in meanwhile has the filter too, and is heard.
    const int served = here.visit();
    REQUIRE(served >= 0);

    // That another listener of that number was closed is heard late.
    filtered.unlisten(here.listener());

    // A listener that comes later has it as well.
    porch later;
    filtered.listen(later.listener(), 8);
    filtered.renew(start + 20ms);
    CHECK_FALSE(is_let_in(later.listener(), "127.0.0.66", AF_INET, 200ms));

    filtered.renew(until);
    CHECK_FALSE(filtered.next());
    CHECK(is_let_in(here.listener(), "127.0.0.66", AF_INET, 10s));
    CHECK(is_let_in(later.listener(), "127.0.0.66", AF_INET, 10s));
}

TEST_CASE("a filter that may no longer be changed is taken off, so that nobody stays dropped", "[sentry][T3.2]") {
    if (!may_drop_newcomers()) {
        WARN("not run: this process may not attach a filter (CAP_NET_ADMIN)");
        return;
    }
    wake bell;
    gate filtered{{}, gate_kind::filter, bell};
    porch here;
    filtered.listen(here.listener(), 7);
    const auto start = gate::clock::now();
    const auto bar = [&](const char* address) {
        for (unsigned n = 0; n <= turnstile::forgiven; ++n) (void)filtered.failed(named(address), start);
    };
    bar("127.0.0.66");
    filtered.renew(start);
    REQUIRE_FALSE(is_let_in(here.listener(), "127.0.0.66", AF_INET, 200ms));
    const wire::without_net_admin unprivileged;
    bar("127.0.0.67");
    filtered.renew(start + 20ms);
    CHECK(is_let_in(here.listener(), "127.0.0.66", AF_INET, 10s));
    CHECK(is_let_in(here.listener(), "127.0.0.67", AF_INET, 10s));
}

TEST_CASE("a filter that is full keeps whoever is barred for longest", "[sentry][T3.2]") {
    if (!may_drop_newcomers()) {
        WARN("not run: this process may not attach a filter (CAP_NET_ADMIN)");
        return;
    }
    wake bell;
    gate filtered{{}, gate_kind::filter, bell};
    porch here;
    filtered.listen(here.listener(), 7);
    const auto start = gate::clock::now();
    const auto bar = [&](const std::string& address, unsigned failures) {
        for (unsigned n = 0; n != turnstile::forgiven + failures; ++n)
            (void)filtered.failed(named(address.c_str()), start);
    };
    for (std::size_t n = 0; n != most_dropped; ++n) bar("127.0.1." + std::to_string(n + 1), 10);
    bar("127.0.2.1", 1);
    filtered.renew(start);
    CHECK(is_let_in(here.listener(), "127.0.2.1", AF_INET, 10s)); // by the kernel; the turnstile bars it
    CHECK_FALSE(is_let_in(here.listener(), "127.0.1.1", AF_INET, 200ms));
}

TEST_CASE("a filter knows an IPv6 neighbourhood, and as many addresses as there is room for", "[sentry][T3.2]") {
    const int listener = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_addr = in6addr_loopback;
    if (!may_drop_newcomers() || ::bind(listener, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) {
        WARN("not run: this process may not attach a filter (CAP_NET_ADMIN), or there is no IPv6");
        ::close(listener);
        return;
    }
    REQUIRE(::listen(listener, 16) == 0);
    dropped_address all[most_dropped];
    for (std::size_t n = 0; n != most_dropped; ++n)
        REQUIRE(all[n].read(("2001:db8:0:" + std::to_string(n) + "::1").c_str()));
    REQUIRE(drop_newcomers(listener, all, most_dropped));
    CHECK(is_let_in(listener, "::1", AF_INET6, 10s));
    REQUIRE((all[most_dropped - 1] = {}).read("::2")); // of the same /64
    REQUIRE(drop_newcomers(listener, all, most_dropped));
    CHECK_FALSE(is_let_in(listener, "::1", AF_INET6, 200ms));
    REQUIRE(drop_newcomers(listener, nullptr, 0));
    CHECK(is_let_in(listener, "::1", AF_INET6, 10s));
    ::close(listener);
}

TEST_CASE("an address that a filter can know is read, and anything else is not", "[sentry]") {
    dropped_address four, mapped, six, none;
    REQUIRE(four.read("10.1.2.3"));
    CHECK((four.words[0] == 0x0A010203 && !four.is_v6));
    REQUIRE(mapped.read("::ffff:10.1.2.3"));
    CHECK(mapped == four);
    REQUIRE(six.read("2001:db8::1"));
    CHECK((six.words[0] == 0x20010DB8 && six.words[1] == 0 && six.is_v6));
    CHECK_FALSE(none.read("fe80::1%eth0"));
    CHECK_FALSE(none.read(""));
}

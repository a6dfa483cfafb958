// SPDX-License-Identifier: MIT

#include <ironhouse/system/runtime.hpp>

#include "catch.hpp"
#include "support/ending.hpp"
#include "wire/support/process.hpp"
#include "wire/support/tcp.hpp"
#include "wire/support/zmtp.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace ironhouse::detail;

namespace {

/// Whether this program's memory and sockets are the runtime's. Under sanitizers they are not, and it says so.
bool on() {
    if (look_for_runtime() == runtime_finding::off) return false;
    REQUIRE(runtime_in_effect());
    return true;
}

std::uintptr_t mark(void* block, std::size_t size) {
    std::memset(block, 0xA5, size);
    __asm__ __volatile__("" : : "r"(block) : "memory"); // what is released next would not be written
    return reinterpret_cast<std::uintptr_t>(block);
}
/// How much of a mark is left in memory that is nobody's any more: read without the language noticing, and without taking
/// memory. What cannot be read is gone.
long marked(std::uintptr_t at, std::size_t size) {
    static const wire::descriptor memory{::open("/proc/self/mem", O_RDONLY | O_CLOEXEC)};
    static std::array<unsigned char, 3'000'000> seen;
    const ::ssize_t got = ::pread(memory.get(), seen.data(), std::min(size, seen.size()), static_cast<::off_t>(at));
    return got <= 0 ? 0 : std::count(seen.begin(), seen.begin() + got, 0xA5);
}

struct pair_of_sockets {
    pair_of_sockets() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0); }
    ~pair_of_sockets() {
        for (const int end : ends)
            if (end >= 0) ::close(end);
    }
    pair_of_sockets(const pair_of_sockets&) = delete;
    pair_of_sockets& operator=(const pair_of_sockets&) = delete;
    int ends[2];
};

/// What libzmq does, whether or not this program's recv() is the runtime's.
::ssize_t receive(int fd, void* buffer, std::size_t size, int flags = MSG_DONTWAIT) {
    return runtime_receive(fd, buffer, size, flags,
                           [=](std::size_t room) { return ::recvfrom(fd, buffer, room, flags, nullptr, nullptr); });
}
int accept_one(int fd, ::sockaddr* from, ::socklen_t* size) {
    return runtime_accept(fd, from, size, [=](::sockaddr* to, ::socklen_t* to_size) {
        return static_cast<int>(::syscall(SYS_accept4, fd, to, to_size, SOCK_CLOEXEC));
    });
}
void fill(int fd, std::size_t bytes) {
    const std::vector<char> data(bytes, 'x');
    REQUIRE(::send(fd, data.data(), data.size(), 0) == static_cast<::ssize_t>(bytes));
}

/// Grants what it was told to, and notes that it was asked.
struct purse {
    std::atomic<std::uint64_t> next{0};
    std::atomic<int> asked{0};
    std::atomic<std::uint64_t> last{0};
    [[nodiscard]] runtime_watcher watching(std::uint64_t first) {
        return {this, nullptr,
                [](void* who, int, std::uint64_t generation) noexcept {
                    auto* const it = static_cast<purse*>(who);
                    ++it->asked;
                    it->last = generation;
                    return it->next.exchange(0);
                },
                first};
    }
};

} // namespace

TEST_CASE("the runtime is in effect, or says in a sentence why not", "[runtime]") {
    CHECK(runtime_is_linked());
    CHECK(runtime_in_effect() == std::string{why_runtime_is_not_in_effect()}.empty());
    if (!on()) CHECK(std::string{why_runtime_is_not_in_effect()}.find("Sanitizer") != std::string::npos);
}

// ---- memory ------------------------------------------------------------------------------------------------------------

TEST_CASE("released memory keeps nothing of what it held", "[runtime]") {
    if (!on()) return;
    // glibc writes two words of its own into what is free.
    constexpr std::size_t head = 16;
    {
        (void)marked(0, 1);
        void* const block = std::malloc(4'000);
        const auto at = mark(block, 4'000);
        std::free(block);
        REQUIRE(marked(at + head, 4'000 - head) > 3'000); // the witness: free() alone leaves it
    }
    for (const std::size_t size : {24U, 64U, 1'000U, 4'096U, 70'000U, 300'000U, 3'000'000U}) {
        CAPTURE(size);
        {
            void* const block = ::operator new(size);
            const auto at = mark(block, size);
            ::operator delete(block);
            CHECK(marked(at + head, size - head) == 0);
        }
        {
            void* const block = ::operator new(size, std::nothrow);
            const auto at = mark(block, size);
            ::operator delete(block, std::nothrow);
            CHECK(marked(at + head, size - head) == 0);
        }
        {
            auto* const block = new unsigned char[size];
            const auto at = mark(block, size);
            delete[] block;
            CHECK(marked(at + head, size - head) == 0);
        }
        {
            void* const block = ::operator new (size, std::align_val_t{256});
            CHECK(reinterpret_cast<std::uintptr_t>(block) % 256 == 0);
            const auto at = mark(block, size);
            ::operator delete (block, std::align_val_t{256});
            CHECK(marked(at + head, size - head) == 0);
        }
    }
    { // also what was never asked for: a string that has shrunk, a vector's spare room
        auto text = std::make_unique<std::string>(500, '\xA5');
        const auto at = reinterpret_cast<std::uintptr_t>(text->data());
        text.reset();
        CHECK(marked(at + head, 500 - head) == 0);
    }
}

TEST_CASE("memory for libzmq comes filled with random bytes, whatever it held before", "[runtime]") {
    if (!on()) return;
    std::vector<std::array<unsigned char, 64>> seen;
    for (int i = 0; i != 1'000; ++i) {
        void* const stale = std::malloc(64);
        mark(stale, 64);
        std::free(stale);
        void* const block = ::operator new(64, std::nothrow);
        REQUIRE(block != nullptr);
        auto& bytes = seen.emplace_back();
        std::memcpy(bytes.data(), block, 64);
        ::operator delete(block);
        REQUIRE(std::count(bytes.begin(), bytes.end(), 0xA5) < 16);
        REQUIRE(std::count(bytes.begin(), bytes.end(), bytes[0]) < 16);
    }
    std::sort(seen.begin(), seen.end());
    CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
    for (const std::size_t size : {0U, 1U, 7U, 8U, 9U, 63U, 65U, 1'000'000U}) {
        errno = 77;
        std::unique_ptr<unsigned char[]> plain{new (std::nothrow) unsigned char[size]};
        void* const aligned = ::operator new (size, std::align_val_t{128}, std::nothrow);
        CHECK(plain != nullptr);
        CHECK(aligned != nullptr);
        CHECK(errno == 77);
        ::operator delete (aligned, std::align_val_t{128}, std::nothrow);
    }
}

TEST_CASE("two threads do not get the same bytes, nor do parent and child after a while", "[runtime]") {
    if (!on()) return;
    std::array<unsigned char, 64> here{}, there{};
    const auto take = [](std::array<unsigned char, 64>& into) {
        void* const block = ::operator new(64, std::nothrow);
        std::memcpy(into.data(), block, 64);
        ::operator delete(block);
    };
    std::thread{[&] { take(here); }}.join();
    std::thread{[&] { take(there); }}.join();
    CHECK(here != there);
}

TEST_CASE("memory that there is not is refused as the language says", "[runtime]") {
    if (!on()) return;
    volatile std::size_t far_too_much = PTRDIFF_MAX;
    CHECK(::operator new(far_too_much, std::nothrow) == nullptr);
    CHECK(::operator new (far_too_much, std::align_val_t{64}, std::nothrow) == nullptr);
    CHECK_THROWS_AS(::operator new(far_too_much), std::bad_alloc);
    static int asked = 0;
    std::set_new_handler([] {
        if (++asked == 3) std::set_new_handler(nullptr);
    });
    CHECK_THROWS_AS(::operator new(far_too_much), std::bad_alloc);
    CHECK(asked == 3);
    ::operator delete(static_cast<void*>(nullptr));
}

TEST_CASE("a large block that was never touched costs no memory when it is released", "[runtime]") {
    if (!on() || !wire::reset_peak(::getpid())) return;
    const auto before = wire::peak_resident_bytes(::getpid());
    void* const block = ::operator new(256U << 20U);
    static_cast<volatile unsigned char*>(block)[1000] = 1;
    ::operator delete(block);
    CHECK(wire::peak_resident_bytes(::getpid()) < before + (16U << 20U));
}

// ---- descriptors that are nobody's business ----------------------------------------------------------------------------

TEST_CASE("ordinary sockets notice nothing", "[runtime]") {
    pair_of_sockets s;
    char buffer[16] = {};
    CHECK((::recv(s.ends[0], buffer, sizeof buffer, MSG_DONTWAIT) == -1 && errno == EAGAIN));
    fill(s.ends[1], 10);
    CHECK(::recv(s.ends[0], buffer, sizeof buffer, MSG_PEEK) == 10);
    CHECK(::recv(s.ends[0], buffer, 4, 0) == 4);
    CHECK(::recv(s.ends[0], buffer, 0, 0) == 0);
    CHECK(::recv(s.ends[0], buffer, sizeof buffer, 0) == 6);
    for (const int wrong : {-1, INT_MIN, INT_MAX, 1 << 20, (1 << 20) - 1})
        CHECK((::recv(wrong, buffer, sizeof buffer, 0) == -1 && errno == EBADF));
    CHECK((::recv(0, buffer, sizeof buffer, MSG_DONTWAIT) == -1 && (errno == ENOTSOCK || errno == EAGAIN)));

    // A signal ends the wait as ever.
    struct sigaction act {};
    struct sigaction before {};
    act.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &act, &before);
    std::atomic<bool> over{false};
    const auto self = ::pthread_self();
    std::thread nudge{[&] {
        while (!over.load()) {
            ::pthread_kill(self, SIGUSR1);
            ::usleep(2'000);
        }
    }};
    CHECK((::recv(s.ends[0], buffer, sizeof buffer, 0) == -1 && errno == EINTR));
    over = true;
    nudge.join();
    ::sigaction(SIGUSR1, &before, nullptr);

    wire::listener door;
    wire::descriptor client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const auto here = wire::detail::loopback("127.0.0.1", door.port());
    REQUIRE(::connect(client.get(), reinterpret_cast<const ::sockaddr*>(&here), sizeof here) == 0);
    ::sockaddr_in from{}, expected{};
    ::socklen_t size = sizeof from, expected_size = sizeof expected;
    ::getsockname(client.get(), reinterpret_cast<::sockaddr*>(&expected), &expected_size);
    REQUIRE(wire::detail::wait_for(door.native(), POLLIN, wire::default_patience));
    const wire::descriptor got{::accept4(door.native(), reinterpret_cast<::sockaddr*>(&from), &size, SOCK_CLOEXEC)};
    CHECK(got.open());
    CHECK(from.sin_port == expected.sin_port);
    CHECK((::fcntl(got.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::accept(door.native(), nullptr, nullptr) == -1 && errno == EAGAIN));
}

// ---- the gate ----------------------------------------------------------------------------------------------------------

TEST_CASE("of forty newcomers exactly the eight that were admitted get in", "[runtime]") {
    struct gate {
        int asked = 0;
        std::vector<std::uint16_t> ports;
        std::vector<std::uint64_t> generations;
    } at;
    const runtime_watcher eight{&at,
                                [](void* who, const runtime_newcomer& it) noexcept {
                                    auto* const g = static_cast<gate*>(who);
                                    ::sockaddr_in from{};
                                    std::memcpy(&from, it.from, std::min(it.from_size, sizeof from));
                                    g->ports.push_back(from.sin_port);
                                    if (g->asked++ % 5 != 0) return false;
                                    g->generations.push_back(it.generation);
                                    return true;
                                },
                                nullptr, 100};
    wire::listener door;
    const std::uint64_t watched = watch_listener(door.native(), eight);
    REQUIRE(watched != 0);
    std::vector<wire::descriptor> clients, served;
    const auto here = wire::detail::loopback("127.0.0.1", door.port());
    int aborted = 0;
    for (int i = 0; i != 40; ++i) {
        clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::connect(clients.back().get(), reinterpret_cast<const ::sockaddr*>(&here), sizeof here) == 0);
        REQUIRE(wire::detail::wait_for(door.native(), POLLIN, wire::default_patience));
        ::sockaddr_in from{}, expected{};
        ::socklen_t size = sizeof from;
        const int fd = accept_one(door.native(), reinterpret_cast<::sockaddr*>(&from), &size);
        if (fd < 0) {
            CHECK(errno == ECONNABORTED);
            ++aborted;
            char byte = 0;
            CHECK(::recvfrom(clients.back().get(), &byte, 1, 0, nullptr, nullptr) <= 0); // hung up on at once
            continue;
        }
        size = sizeof expected;
        ::getsockname(clients.back().get(), reinterpret_cast<::sockaddr*>(&expected), &size);
        CHECK(from.sin_port == expected.sin_port);
        CHECK(at.ports.back() == expected.sin_port);
        CHECK(runtime_generation(fd, cookie_of(fd)) == at.generations.back());
        served.emplace_back(fd);
    }
    CHECK(served.size() == 8);
    CHECK(aborted == 32);
    errno = 0;
    CHECK((accept_one(door.native(), nullptr, nullptr) == -1 && errno == EAGAIN));

    // Whoever was let in is held to the first allowance.
    fill(clients[0].get(), 300);
    char buffer[1000];
    CHECK(receive(served[0].get(), buffer, sizeof buffer) == 100);
    CHECK(receive(served[0].get(), buffer, sizeof buffer) == 0);

    forget_listener(door.native(), watched);
    clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(clients.back().get(), reinterpret_cast<const ::sockaddr*>(&here), sizeof here) == 0);
    const wire::descriptor free_entry{accept_one(door.native(), nullptr, nullptr)};
    CHECK(free_entry.open());
    CHECK(at.asked == 40);
    CHECK(runtime_generation(free_entry.get(), cookie_of(free_entry.get())) == 0);
}

TEST_CASE("a listener's number that now belongs to another listener is let alone", "[runtime]") {
    static std::atomic<int> asked{0};
    const runtime_watcher nobody_gets_in{nullptr,
                                         [](void*, const runtime_newcomer&) noexcept {
                                             ++asked;
                                             return false;
                                         },
                                         nullptr, 0};
    wire::listener door, other;
    const int number = ::fcntl(door.native(), F_DUPFD_CLOEXEC, 200);
    REQUIRE(watch_listener(number, nobody_gets_in) != 0);
    REQUIRE(::dup2(other.native(), number) == number); // closed and given out again
    const wire::descriptor client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const auto here = wire::detail::loopback("127.0.0.1", other.port());
    REQUIRE(::connect(client.get(), reinterpret_cast<const ::sockaddr*>(&here), sizeof here) == 0);
    REQUIRE(wire::detail::wait_for(number, POLLIN, wire::default_patience));
    const wire::descriptor got{accept_one(number, nullptr, nullptr)};
    CHECK(got.open());
    CHECK(asked == 0);
    ::close(number);
}

// ---- the allowance -----------------------------------------------------------------------------------------------------

TEST_CASE("an allowance is kept to the byte", "[runtime]") {
    pair_of_sockets s;
    purse p;
    const std::uint64_t g = watch_connection(s.ends[0], p.watching(1'000));
    REQUIRE(g != 0);
    char buffer[600];
    runtime_counts counts;
    CHECK((receive(s.ends[0], buffer, sizeof buffer) == -1 && errno == EAGAIN));
    fill(s.ends[1], 5'000);
    CHECK(receive(s.ends[0], buffer, sizeof buffer, MSG_PEEK) == 600); // looking is free
    CHECK(receive(s.ends[0], buffer, sizeof buffer) == 600);
    CHECK(receive(s.ends[0], buffer, sizeof buffer) == 400);
    CHECK(p.asked == 0);
    p.next = 7;
    CHECK(receive(s.ends[0], buffer, sizeof buffer) == 7);
    CHECK(p.asked == 1);
    CHECK(p.last == g);
    REQUIRE(runtime_look_up(s.ends[0], g, counts));
    CHECK(counts.received == 1'007);
    CHECK(counts.allowed == 1'007);
    CHECK(!counts.cut);
    REQUIRE(runtime_grant(s.ends[0], g, 93));
    CHECK(receive(s.ends[0], buffer, sizeof buffer) == 93);
    CHECK(p.asked == 1);

    // Nothing more is granted: from here on the stream has ended, whatever comes.
    CHECK(receive(s.ends[0], buffer, sizeof buffer) == 0);
    CHECK(p.asked == 2);
    CHECK(receive(s.ends[0], buffer, sizeof buffer) == 0);
    p.next = 1'000;
    CHECK(receive(s.ends[0], buffer, sizeof buffer) == 0);
    CHECK(p.asked == 2);
    REQUIRE(runtime_look_up(s.ends[0], g, counts));
    CHECK(counts.received == 1'100);
    CHECK(counts.cut);

    // Forgotten, it is an ordinary socket again.
    forget_connection(s.ends[0], g);
    CHECK(receive(s.ends[0], buffer, sizeof buffer) == 600);
    CHECK(!runtime_look_up(s.ends[0], g, counts));
    CHECK(!runtime_grant(s.ends[0], g, 1));
    CHECK(!runtime_cut(s.ends[0], g));
}

TEST_CASE("a callback may grant by itself, and a connection can be ended from outside", "[runtime]") {
    pair_of_sockets s;
    const runtime_watcher generous{nullptr, nullptr,
                                   [](void*, int fd, std::uint64_t generation) noexcept {
                                       runtime_grant(fd, generation, runtime_unlimited);
                                       return std::uint64_t{0};
                                   },
                                   0};
    const std::uint64_t g = watch_connection(s.ends[0], generous);
    fill(s.ends[1], 100);
    char buffer[64];
    CHECK(receive(s.ends[0], buffer, sizeof buffer) == 64);
    CHECK(runtime_cut(s.ends[0], g));
    CHECK(!runtime_cut(s.ends[0], g));
    errno = 5;
    CHECK(receive(s.ends[0], buffer, sizeof buffer) == 0);
    CHECK(errno == 5);
}

TEST_CASE("a descriptor's number that is used again is never mistaken", "[runtime]") {
    pair_of_sockets first, second;
    purse p;
    const int number = ::fcntl(first.ends[0], F_DUPFD_CLOEXEC, 300);
    const std::uint64_t g = watch_connection(number, p.watching(0));
    const std::uint64_t first_cookie = cookie_of(number);
    char buffer[64];
    fill(first.ends[1], 10);
    CHECK(receive(number, buffer, sizeof buffer) == 0); // cut
    CHECK(p.asked == 1);

    // Somebody else's socket gets the number; nobody has forgotten the old one.
    REQUIRE(::dup2(second.ends[0], number) == number);
    fill(second.ends[1], 40);
    CHECK(runtime_generation(number, cookie_of(number)) == 0);
    CHECK(receive(number, buffer, sizeof buffer) == 40);
    runtime_counts counts;
    CHECK(!runtime_look_up(number, g, counts));

    // It is registered, under a generation of its own; the old one no longer moves anything.
    const std::uint64_t h = watch_connection(number, p.watching(20));
    CHECK(h > g);
    CHECK(runtime_generation(number, first_cookie) == 0);
    CHECK(runtime_generation(number, cookie_of(number)) == h);
    CHECK(!runtime_grant(number, g, 5));
    CHECK(!runtime_cut(number, g));
    forget_connection(number, g);
    fill(second.ends[1], 40);
    CHECK(receive(number, buffer, sizeof buffer) == 20);
    REQUIRE(runtime_look_up(number, h, counts));
    CHECK(counts.received == 20);
    ::close(number);
}

TEST_CASE("what the runtime cannot hold is refused, and passes through", "[runtime]") {
    purse p;
    CHECK(watch_connection(-1, p.watching(0)) == 0);
    CHECK(watch_connection(1'000'000, p.watching(0)) == 0); // not open
    CHECK(watch_connection(2'000'000, p.watching(0)) == 0);
    runtime_counts counts;
    CHECK(!runtime_look_up(-1, 1, counts));
    CHECK(!runtime_look_up(2'000'000, 1, counts));
    forget_connection(-1, 1);
}

TEST_CASE("a forked child begins with nothing registered", "[runtime]") {
    pair_of_sockets s;
    purse p;
    const std::uint64_t g = watch_connection(s.ends[0], p.watching(5));
    fill(s.ends[1], 20);
    const auto end = support::in_child([&] {
        char buffer[64];
        runtime_counts counts;
        if (runtime_look_up(s.ends[0], g, counts)) return 1;
        if (receive(s.ends[0], buffer, 10) != 10) return 2;
        purse own;
        const std::uint64_t h = watch_connection(s.ends[0], own.watching(3));
        if (h <= g) return 3;
        if (receive(s.ends[0], buffer, 10) != 3) return 4;
        return receive(s.ends[0], buffer, 10) == 0 && own.asked == 1 ? 0 : 5;
    });
    CHECK(end.code == 0);
    char buffer[64];
    CHECK(receive(s.ends[0], buffer, sizeof buffer) == 5); // here nothing has changed
    CHECK(receive(s.ends[0], buffer, sizeof buffer) == 0);
}

TEST_CASE("no callback runs once its descriptor is forgotten", "[runtime]") {
    // `alive` is false from the moment forget_connection() has returned.
    struct asked {
        std::atomic<bool> alive{false};
        std::atomic<int> late{0}, times{0};
    } who;
    const runtime_watcher watching{&who, nullptr,
                                   [](void* of, int, std::uint64_t) noexcept {
                                       auto* const it = static_cast<asked*>(of);
                                       if (!it->alive.load()) ++it->late;
                                       ++it->times;
                                       return std::uint64_t{1};
                                   },
                                   0};
    pair_of_sockets s;
    std::atomic<bool> over{false};
    std::thread receiver{[&] {
        char byte = 0;
        while (!over.load()) (void)receive(s.ends[0], &byte, 1);
    }};
    for (int i = 0; i != 500 || who.times == 0; ++i) {
        who.alive = true;
        const std::uint64_t g = watch_connection(s.ends[0], watching);
        fill(s.ends[1], 3);
        if (i % 3 == 0) std::this_thread::yield();
        forget_connection(s.ends[0], g);
        who.alive = false;
    }
    over = true;
    receiver.join();
    CHECK(who.late == 0);
}

// ---- frames ------------------------------------------------------------------------------------------------------------

TEST_CASE("frames are counted however the stream is cut up", "[runtime]") {
    const auto count = [](const wire::bytes& stream, std::size_t piece) {
        frame_counter counter;
        std::uint64_t frames = 0;
        for (std::size_t at = 0; at < stream.size(); at += piece)
            frames += counter.take(stream.data() + at, std::min(piece, stream.size() - at));
        return frames;
    };
    wire::bytes frames;
    std::uint64_t many = 0;
    for (const std::size_t size : {0U, 1U, 1U, 254U, 255U, 256U, 257U, 65'536U, 0U, 3U}) {
        for (const auto form : {wire::size_form::shortest, wire::size_form::always_long}) {
            wire::append(frames,
                         wire::encode_frame(wire::bytes(size, 0x02), many % 2 == 0 ? wire::more_flag : 0, form));
            ++many;
        }
    }
    wire::append(frames, wire::encode_frame(wire::command_body("PING", wire::bytes(2)), wire::command_flag));
    ++many;
    wire::bytes zmtp3 = wire::greeting{}.encode();
    wire::append(zmtp3, frames);
    wire::bytes zmtp2 = wire::greeting_of_zmtp2(7);
    zmtp2.resize(12); // the rest of it is frames
    wire::append(zmtp2, frames);
    for (const std::size_t piece : {1U, 2U, 7U, 63U, 64U, 65U, 8'192U, 1'000'000U}) {
        CAPTURE(piece);
        CHECK(count(zmtp3, piece) == many);
        CHECK(count(zmtp2, piece) == many);
    }

    // Of ZMTP 1 it says the most that there can be: never too few.
    wire::bytes zmtp1 = wire::greeting_of_zmtp1();
    for (int i = 0; i != 50; ++i) wire::append(zmtp1, wire::bytes{1, 0});
    for (const std::size_t piece : {1U, 3U, 1'000U}) CHECK(count(zmtp1, piece) == 51);
    CHECK(count(wire::to_bytes("GET / HTTP/1.1\r\n\r\n"), 5) == 9);
    wire::bytes unversioned{0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x00, 1, 0}; // long form of ZMTP 1
    CHECK(count(unversioned, 1) == 6);

    // An announced length that never comes is one frame.
    wire::bytes endless = wire::greeting{}.encode();
    wire::append(endless, wire::frame_header(~std::uint64_t{0}));
    wire::append(endless, wire::bytes(10'000, 0xFF));
    CHECK(count(endless, 100) == 1);
}

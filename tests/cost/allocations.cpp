// SPDX-License-Identifier: MIT
//
// Ironhouse allocates nothing per message. Every operator new of this thread is counted; libzmq's own memory comes from
// malloc and from its I/O threads, and is bounded by the limits.

#include <ironhouse/insecure.hpp>
#include <ironhouse/socket/context.hpp>
#include <ironhouse/socket/poller.hpp>
#include <ironhouse/socket/socket.hpp>

#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>

#include "catch.hpp"
#include "support/sockets.hpp"

namespace {
constinit thread_local std::uint64_t allocations = 0;

void* counted(std::size_t size) {
    ++allocations;
    if (void* const got = std::malloc(size == 0 ? 1 : size)) return got;
    throw std::bad_alloc{};
}
} // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    ++allocations;
    return std::malloc(size == 0 ? 1 : size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    ++allocations;
    return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }

namespace ih = ironhouse;
using namespace support;
using ih::receive_status;
using ih::send_status;

namespace {
constexpr int rounds = 2'000;

// The fewest that one of three tries took: libzmq may take a chunk now and then, ours would come every time.
template <class Work> std::uint64_t fewest(Work work) {
    std::uint64_t least = ~std::uint64_t{0};
    for (int i = 0; i != 3; ++i) {
        const std::uint64_t before = allocations;
        work();
        least = std::min(least, allocations - before);
    }
    return least;
}
} // namespace

TEST_CASE("the counter counts", "[cost]") {
    CHECK(fewest([] { delete new int{1}; }) == 1);
}

TEST_CASE("no allocation per message over tcp and CURVE, whatever the number of frames", "[cost]") {
    ih::context context;
    cast who;
    ih::socket<ih::pull, receiving, ih::curve_server> sink{context, who.serving()};
    sink.bind("tcp://127.0.0.1:*");
    ih::socket<ih::push, sending, ih::curve_client> source{context, who.as(who.ann)};
    source.connect(address_of(sink));
    decltype(source)::message m;
    decltype(sink)::message got;
    const std::string large(1000, 'x');
    const auto pass = [&] {
        for (int i = 0; i != rounds; ++i) {
            if (!m.add("32 bytes and not a single more..")) std::abort();
            if (i % 2 == 0 && (!m.add(large) || !m.add("tail"))) std::abort();
            if (source.send(m, soon) != send_status::queued) std::abort();
            if (sink.receive(got, soon) != receive_status::received) std::abort();
            if (got.sender() != "ann") std::abort();
        }
    };
    pass();
    CHECK(fewest(pass) == 0);
}

TEST_CASE("no allocation for a receive that times out, or for a message that is dropped", "[cost]") {
    ih::context context;
    constexpr ih::outbound wide{.peers = 1_peers, .queue = 100_messages, .frames = 8_frames, .frame = 4_KiB};
    ih::socket<ih::pull, receiving, ih::in_process> sink{context, {}};
    sink.bind("inproc://drops");
    ih::socket<ih::push, wide, ih::in_process> source{context, {}};
    source.connect("inproc://drops");
    decltype(source)::message m;
    decltype(sink)::message got;
    const auto pass = [&] {
        for (int i = 0; i != 200; ++i) {
            for (int f = 0; f != 8; ++f)
                if (!m.add("x")) std::abort();
            if (source.try_send(m) != send_status::queued) std::abort();
            if (sink.try_receive(got) != receive_status::timed_out) std::abort();
        }
        if (sink.receive(got, 25ms) != receive_status::timed_out) std::abort();
    };
    pass();
    CHECK(fewest(pass) == 0);
}

TEST_CASE("no allocation of ours for a router's reply and a publisher's message", "[cost]") {
    ih::context context;
    ih::socket<ih::router, both, ih::in_process> server{context, {}};
    server.bind("inproc://router");
    ih::socket<ih::dealer, both, ih::in_process> client{context, {}};
    client.connect("inproc://router");
    ih::socket<ih::pub, sending, ih::in_process> feed{context, {}};
    feed.bind("inproc://feed");
    ih::socket<ih::sub, receiving, ih::in_process> reader{context, {}};
    reader.connect("inproc://feed");
    reader.subscribe("");
    decltype(server)::message request, reply, answer;
    decltype(feed)::message news;
    decltype(reader)::message read;
    const auto pass = [&] {
        for (int i = 0; i != rounds; ++i) {
            if (!request.add("question") || client.send(request, soon) != send_status::queued) std::abort();
            if (server.receive(answer, soon) != receive_status::received) std::abort();
            reply.to(answer);
            if (!reply.add("answer") || server.send(reply, soon) != send_status::queued) std::abort();
            if (client.receive(answer, soon) != receive_status::received) std::abort();
            if (!news.add("news") || feed.send(news, soon) != send_status::queued) std::abort();
            (void)reader.try_receive(read);
        }
    };
    pass();
    // libzmq itself looks the peer up in its own way; what it allocates per message, raw C pays too.
    void* const raw_router = zmq_socket(context.door()->zmq_context(), ZMQ_ROUTER);
    void* const raw_dealer = zmq_socket(context.door()->zmq_context(), ZMQ_DEALER);
    REQUIRE(zmq_bind(raw_router, "inproc://raw") == 0);
    REQUIRE(zmq_connect(raw_dealer, "inproc://raw") == 0);
    const auto raw = [&] {
        for (int i = 0; i != rounds; ++i) {
            char id[256], body[16];
            zmq_send(raw_dealer, "question", 8, 0);
            const int length = zmq_recv(raw_router, id, sizeof id, 0);
            zmq_recv(raw_router, body, sizeof body, 0);
            zmq_send(raw_router, id, static_cast<std::size_t>(length), ZMQ_SNDMORE);
            zmq_send(raw_router, "answer", 6, 0);
            zmq_recv(raw_dealer, body, sizeof body, 0);
        }
    };
    raw();
    CHECK(fewest(pass) <= fewest(raw));
    zmq_close(raw_router);
    zmq_close(raw_dealer);
}

TEST_CASE("no allocation per wait of a poller", "[cost]") {
    ih::context context;
    ih::socket<ih::pull, receiving, ih::in_process> sink{context, {}};
    sink.bind("inproc://polled");
    ih::socket<ih::push, sending, ih::in_process> source{context, {}};
    source.connect("inproc://polled");
    ih::poller poller;
    const auto at = poller.add(sink);
    decltype(source)::message m;
    decltype(sink)::message got;
    const auto pass = [&] {
        for (int i = 0; i != rounds; ++i) {
            if (!m.add("x") || source.try_send(m) != send_status::queued) std::abort();
            if (poller.wait(soon) != ih::poll_status::ready || !poller.ready(at)) std::abort();
            if (sink.try_receive(got) != receive_status::received) std::abort();
        }
    };
    pass();
    CHECK(fewest(pass) == 0);
}

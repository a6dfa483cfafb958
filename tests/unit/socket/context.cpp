// SPDX-License-Identifier: MIT
#include <ironhouse/socket/context.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "catch.hpp"
#include "support/ending.hpp"
#include "support/sockets.hpp"

namespace ih = ironhouse;
using namespace support;
using ih::receive_status;
using ih::send_status;

namespace {

using sink_type = ih::socket<ih::pull, receiving, ih::in_process>;
using source_type = ih::socket<ih::push, sending, ih::in_process>;

static_assert(!std::is_copy_constructible_v<ih::context> && !std::is_move_constructible_v<ih::context>);

std::string refusal(const ih::context_options& options) {
    try {
        const ih::context context{options};
    } catch (const ih::error& refused) {
        CHECK(refused.why() == ih::error::misuse);
        return refused.what();
    }
    return "taken";
}

int io_threads_of(ih::context& context) { return zmq_ctx_get(context.door()->zmq_context(), ZMQ_IO_THREADS); }

} // namespace

TEST_CASE("a number of I/O threads outside 1 to 64 is refused with the number", "[context]") {
    for (const int wrong : {0, -1, 65, 1'000'000}) {
        INFO(wrong);
        CHECK(refusal({.io_threads = wrong}).find(std::to_string(wrong)) != std::string::npos);
    }
    ih::context two{{.io_threads = 2}};
    CHECK(io_threads_of(two) == 2);
    ih::context usual;
    CHECK(io_threads_of(usual) == 1);
}

TEST_CASE("an advisory that does not exist cannot be accepted", "[context][T8.1]") {
    CHECK(refusal({.accept_advisories = {"no-such-advisory"}}).find("no-such-advisory") != std::string::npos);
}

TEST_CASE("messages are not received into shared arenas", "[context][T1.1]") {
    ih::context context;
    constexpr int zero_copy_recv = 10; // named by libzmq's draft headers only, answered by every library
    CHECK(zmq_ctx_get(context.door()->zmq_context(), zero_copy_recv) == 0);
}

TEST_CASE("shutdown may be asked for twice, and by several threads", "[context]") {
    ih::context context;
    sink_type sink{context, {}};
    sink.bind("inproc://closing");
    std::vector<std::thread> enders;
    for (int i = 0; i != 4; ++i) enders.emplace_back([&] { context.shutdown(); });
    sink_type::message m;
    CHECK(sink.receive(m, 60s) == receive_status::closing);
    for (auto& each : enders) each.join();
    context.shutdown();
    CHECK(sink.receive(m, 60s) == receive_status::closing);
    try {
        const sink_type late{context, {}};
        FAIL("a socket opened in a context that is shutting down");
    } catch (const ih::error& refused) {
        CHECK(refused.why() == ih::error::closing);
    }
}

TEST_CASE("contexts know nothing of each other", "[context]") {
    ih::context one, two;
    cast first, second;
    // the same domain with two keyrings, which one context would refuse
    ih::socket<ih::pull, receiving, ih::curve_server> here{one, first.serving()};
    ih::socket<ih::pull, receiving, ih::curve_server> there{two, second.serving()};
    sink_type sink{one, {}};
    sink.bind("inproc://same-name");
    sink_type other_sink{two, {}};
    other_sink.bind("inproc://same-name");
    one.shutdown();
    sink_type::message m;
    CHECK(sink.receive(m, 60s) == receive_status::closing);
    CHECK(other_sink.try_receive(m) == receive_status::timed_out);
}

TEST_CASE("an event callback that throws loses its event and nothing else", "[context]") {
    ih::context context{{.on_event = [](const ih::event&) { throw std::runtime_error{"full disk"}; }}};
    cast who;
    ih::socket<ih::pull, receiving, ih::curve_server> sink{context, who.serving()};
    sink.bind("tcp://127.0.0.1:*");
    ih::socket<ih::push, sending, ih::curve_client> source{context, who.as(who.ann)};
    source.connect(address_of(sink));
    decltype(source)::message m;
    REQUIRE(m.add("x"));
    REQUIRE(source.send(m, soon) == send_status::queued);
    decltype(sink)::message got;
    CHECK(sink.receive(got, soon) == receive_status::received);
    CHECK(eventually([&] { return context.count(ih::reason::callback_failed) != 0; }));
    CHECK(context.count(ih::reason::client_admitted) == 1);
}

TEST_CASE("a context that never had a socket ends at once, and many can follow each other", "[context]") {
    for (int i = 0; i != 20; ++i) {
        const auto context = std::make_unique<ih::context>();
        CHECK(context->count(ih::reason::client_admitted) == 0);
    }
}

TEST_CASE("a forked child that opens a socket in its parent's context ends with one line", "[context][B9]") {
    ih::context context;
    const ending end = in_child([&] {
        sink_type sink{context, {}};
        return 0;
    });
    INFO(end.said);
    CHECK(end.fatal(context_in_forked_child));
    sink_type sink{context, {}};
    sink.bind("inproc://the-parents");
    sink_type::message m;
    CHECK(sink.try_receive(m) == receive_status::timed_out);
}

TEST_CASE("a forked child leaves its parent's context alone: no shutdown, no wait for threads it has not",
          "[context][B9]") {
    std::optional<ih::context> context;
    context.emplace(); // without a socket before the fork
    const ending end = in_child([&] {
        context->shutdown();
        context.reset();
        const ih::context own;
        return 0;
    });
    INFO(end.said);
    CHECK(end.code == 0);
    sink_type sink{*context, {}};
    sink_type::message m;
    CHECK(sink.receive(m, 1ms) == receive_status::timed_out);
}

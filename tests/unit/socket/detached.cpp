// SPDX-License-Identifier: MIT
#include <ironhouse/socket/detached.hpp>

#include <future>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "catch.hpp"
#include "support/ending.hpp"
#include "support/sockets.hpp"

namespace ih = ironhouse;
using namespace support;
using ih::receive_status;
using ih::send_status;

namespace {

using sink_type = ih::socket<ih::pull, receiving, ih::curve_server>;
using source_type = ih::socket<ih::push, sending, ih::curve_client>;
using local_sink = ih::socket<ih::pull, receiving, ih::in_process>;
using local_source = ih::socket<ih::push, sending, ih::in_process>;

static_assert(std::is_nothrow_move_constructible_v<ih::detached<sink_type>>);
static_assert(!std::is_copy_constructible_v<ih::detached<sink_type>>);

void put(source_type& source, const std::string& text) {
    source_type::message m;
    REQUIRE(m.add(text));
    REQUIRE(source.send(m, soon) == send_status::queued);
}

template <class Socket> std::string next_text(Socket& from) {
    typename Socket::message m;
    if (from.receive(m, soon) != receive_status::received) return "nothing came";
    return std::string{m[0].text()};
}

} // namespace

TEST_CASE("a socket handed to another thread keeps its endpoint, its connections and its queue", "[detached][T7.1]") {
    ih::context context;
    cast who;
    sink_type sink{context, who.serving()};
    sink.bind("tcp://127.0.0.1:*");
    const auto address = address_of(sink);
    source_type source{context, who.as(who.ann)};
    source.connect(address);
    put(source, "before");
    CHECK(next_text(sink) == "before");
    put(source, "meanwhile");

    std::promise<std::string> first, second;
    std::thread other{[&first, &second, given = sink.detach()]() mutable {
        auto mine = std::move(given).attach();
        first.set_value(next_text(mine));
        second.set_value(next_text(mine));
    }};
    CHECK(first.get_future().get() == "meanwhile");
    put(source, "after");
    CHECK(second.get_future().get() == "after");
    other.join();
}

TEST_CASE("a socket comes back from another thread", "[detached][T7.1]") {
    ih::context context;
    local_sink sink{context, {}};
    sink.bind("inproc://there-and-back");
    std::promise<ih::detached<local_sink>> back;
    std::thread other{[&back, given = sink.detach()]() mutable {
        auto mine = std::move(given).attach();
        back.set_value(mine.detach());
    }};
    auto again = back.get_future().get().attach();
    other.join();
    local_source source{context, {}};
    source.connect("inproc://there-and-back");
    local_source::message m;
    REQUIRE(m.add("hello"));
    REQUIRE(source.send(m, soon) == send_status::queued);
    CHECK(next_text(again) == "hello");
}

TEST_CASE("a detached socket that nobody attached is closed by its context", "[detached]") {
    ih::context context;
    cast who;
    std::string address;
    {
        sink_type sink{context, who.serving()};
        sink.bind("tcp://127.0.0.1:*");
        address = sink.last_endpoint();
        const auto dropped = sink.detach();
    }
    cast others;
    ih::socket<ih::pull, receiving, ih::curve_server> next{
        context, {.domain = "next", .clients = others.ring, .identity = std::move(others.server)}};
    CHECK(eventually([&] {
        try {
            next.bind(ih::endpoint<ih::curve_server>::parse(address));
            return true;
        } catch (const ih::error&) {
            return false;
        }
    }));
}

TEST_CASE("a detached socket assigned over another closes that one", "[detached]") {
    ih::context context;
    local_sink one{context, {}};
    one.bind("inproc://first");
    local_sink two{context, {}};
    two.bind("inproc://second");
    auto kept = one.detach();
    kept = two.detach();
    auto mine = std::move(kept).attach();
    CHECK(mine.last_endpoint() == "inproc://second");
    local_sink again{context, {}};
    CHECK(eventually([&] {
        try {
            again.bind("inproc://first");
            return true;
        } catch (const ih::error&) {
            return false;
        }
    }));
}

TEST_CASE("a socket detached while its context is closing says so to its new owner", "[detached]") {
    ih::context context;
    local_sink sink{context, {}};
    auto given = sink.detach();
    context.shutdown();
    auto mine = std::move(given).attach();
    local_sink::message m;
    CHECK(mine.receive(m, 60s) == receive_status::closing);
}

TEST_CASE("a request whose only answer broke a rule still times out after it was handed over", "[detached][T4.1]") {
    static constexpr ih::inbound one_frame{.peers = 1_peers, .queue = 2_messages, .frames = 1_frames, .frame = 1_KiB};
    using asking = ih::socket<ih::req, ih::duplex{.in = one_frame, .out = sending}, ih::in_process>;
    ih::context context;
    ih::socket<ih::rep, both, ih::in_process> answering{context, {}};
    answering.bind("inproc://talkative");
    asking asks{context, {}};
    asks.connect("inproc://talkative");

    asking::message question;
    REQUIRE(question.add("how many?"));
    REQUIRE(asks.send(question, soon) == send_status::queued);
    decltype(answering)::message heard, answer;
    REQUIRE(answering.receive(heard, soon) == receive_status::received);
    REQUIRE(answer.add("two"));
    REQUIRE(answer.add("frames"));
    REQUIRE(answering.send(answer, soon) == send_status::queued);

    asking::message got;
    CHECK(asks.receive(got, 100ms) == receive_status::timed_out);
    auto mine = asks.detach().attach();
    CHECK(mine.receive(got, 100ms) == receive_status::timed_out);
}

TEST_CASE("attaching twice ends the process with one line", "[detached][T7.1]") {
    const ending end = in_child([] {
        ih::context context;
        local_sink sink{context, {}};
        auto given = sink.detach();
        auto first = std::move(given).attach();
        auto second = std::move(given).attach(); // NOLINT(bugprone-use-after-move): what is tested
        return 0;
    });
    INFO(end.said);
    CHECK(end.fatal(attached_twice));
}

TEST_CASE("attaching what was moved from ends the process with one line", "[detached][T7.1]") {
    const ending end = in_child([] {
        ih::context context;
        local_sink sink{context, {}};
        auto given = sink.detach();
        const auto taken = std::move(given);
        auto mine = std::move(given).attach(); // NOLINT(bugprone-use-after-move): what is tested
        return 0;
    });
    INFO(end.said);
    CHECK(end.fatal(attached_twice));
}

TEST_CASE("the thread that detached a socket no longer owns it once another attached it", "[detached][T7.1]") {
    const ending end = in_child([] {
        ih::context context;
        local_sink sink{context, {}};
        std::promise<local_sink*> attached;
        std::promise<void> leave;
        std::thread other{[&, given = sink.detach()]() mutable {
            auto mine = std::move(given).attach();
            attached.set_value(&mine);
            leave.get_future().wait();
        }};
        attached.get_future().get()->close();
        leave.set_value();
        other.join();
        return 0;
    });
    INFO(end.said);
    CHECK(end.fatal(used_by_another_thread));
}

TEST_CASE("a detached socket destroyed in a forked child stays its parent's", "[detached][B9]") {
    ih::context context;
    local_sink sink{context, {}};
    sink.bind("inproc://parents");
    std::optional<ih::detached<local_sink>> given;
    given.emplace(sink.detach());
    const ending end = in_child([&] {
        given.reset();
        return 0;
    });
    CHECK(end.code == 0);
    auto mine = std::move(*given).attach();
    CHECK(mine.last_endpoint() == "inproc://parents");
}

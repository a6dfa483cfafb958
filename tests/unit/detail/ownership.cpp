// SPDX-License-Identifier: MIT
#include <ironhouse/detail/ownership.hpp>
#include <ironhouse/security/in_process.hpp>
#include <ironhouse/socket/context.hpp>
#include <ironhouse/socket/detached.hpp>
#include <ironhouse/socket/socket.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "support/ending.hpp"
#include "support/sockets.hpp"

namespace ih = ironhouse;
using namespace support;
using ih::receive_status;
using ih::send_status;

namespace {

using local = ih::socket<ih::dealer, both, ih::in_process>;
using sink_type = ih::socket<ih::pull, receiving, ih::curve_server>;
using source_type = ih::socket<ih::push, sending, ih::curve_client>;

struct operation {
    const char* name;
    std::function<void(local&)> run;
};

const std::vector<operation>& operations() {
    static const std::vector<operation> all{
        {"bind", [](local& s) { s.bind("inproc://elsewhere"); }},
        {"connect", [](local& s) { s.connect("inproc://elsewhere"); }},
        {"disconnect", [](local& s) { s.disconnect("inproc://elsewhere"); }},
        {"last_endpoint", [](local& s) { (void)s.last_endpoint(); }},
        {"send",
         [](local& s) {
             local::message m;
             (void)s.send(m, 1s);
         }},
        {"try_send",
         [](local& s) {
             local::message m;
             (void)s.try_send(m);
         }},
        {"send_object", [](local& s) { (void)s.send_object(7, 1s); }},
        {"receive",
         [](local& s) {
             local::message m;
             (void)s.receive(m, 1s);
         }},
        {"receive with a stop token",
         [](local& s) {
             local::message m;
             (void)s.receive(m, 1s, std::stop_token{});
         }},
        {"try_receive",
         [](local& s) {
             local::message m;
             (void)s.try_receive(m);
         }},
        {"through a socket_ref",
         [](local& s) {
             local::message m;
             (void)s.ref().try_receive(m);
         }},
        {"native_handle", [](local& s) { (void)s.native_handle(); }},
        {"event_fd", [](local& s) { (void)s.event_fd(); }},
        {"service", [](local& s) { (void)s.service(); }},
        {"dropped", [](local& s) { (void)s.dropped(); }},
        {"detach", [](local& s) { (void)s.detach(); }},
        {"close", [](local& s) { s.close(); }},
    };
    return all;
}

std::string round_trip(source_type& source, sink_type& sink) {
    source_type::message out;
    if (!out.add("still here") || source.send(out, soon) != send_status::queued) return "not sent";
    sink_type::message in;
    if (sink.receive(in, soon) != receive_status::received) return "not received";
    return std::string{in[0].text()};
}

} // namespace

TEST_CASE("whatever another thread does with a socket ends the process with one line", "[ownership][T7.1]") {
    for (const operation& each : operations()) {
        INFO(each.name);
        const ending end = in_child([&] {
            ih::context context;
            local s{context, {}};
            std::thread other{[&] { each.run(s); }};
            other.join();
            return 0;
        });
        INFO(end.said);
        CHECK(end.fatal(used_by_another_thread));
    }
}

TEST_CASE("whatever a forked child does with its parent's socket ends the child with one line", "[ownership][B9]") {
    ih::context context;
    local s{context, {}};
    for (const operation& each : operations()) {
        INFO(each.name);
        const ending end = in_child([&] {
            each.run(s);
            return 0;
        });
        INFO(end.said);
        CHECK(end.fatal(used_in_forked_child));
    }
    local::message m;
    CHECK(s.try_receive(m) == receive_status::timed_out); // and the parent never noticed
}

TEST_CASE("a forked child that opens sockets of its own does not thereby own its parent's", "[ownership][B9]") {
    ih::context context;
    local s{context, {}};
    const ending end = in_child([&] {
        ih::context own;
        local mine{own, {}};
        local::message m;
        if (mine.try_receive(m) != receive_status::timed_out) return 1;
        (void)s.try_receive(m);
        return 0;
    });
    INFO(end.said);
    CHECK(end.fatal(used_in_forked_child));
}

TEST_CASE("a socket destroyed in a forked child goes on working in its parent", "[ownership][B9]") {
    cast who;
    std::optional<ih::context> context;
    context.emplace();
    std::optional<sink_type> sink;
    sink.emplace(*context, who.serving());
    sink->bind("tcp://127.0.0.1:*");
    std::optional<source_type> source;
    source.emplace(*context, who.as(who.ann));
    source->connect(address_of(*sink));
    REQUIRE(round_trip(*source, *sink) == "still here");

    const ending end = in_child([&] {
        source.reset();
        sink.reset();
        context.reset();
        return 0;
    });
    INFO(end.said);
    CHECK(end.code == 0);
    CHECK(end.said.empty());
    CHECK(round_trip(*source, *sink) == "still here");
}

TEST_CASE("a socket destroyed on another thread is closed by its context", "[ownership][T7.1]") {
    ih::context context;
    cast who;
    auto sink = std::make_unique<sink_type>(context, who.serving());
    sink->bind("tcp://127.0.0.1:*");
    const auto address = ih::endpoint<ih::curve_server>::parse(sink->last_endpoint());
    std::thread other{[gone = std::move(sink)]() mutable { gone.reset(); }};
    other.join();
    cast others;
    ih::socket<ih::pull, receiving, ih::curve_server> next{
        context, {.domain = "next", .clients = others.ring, .identity = std::move(others.server)}};
    CHECK(eventually([&] {
        try {
            next.bind(address);
            return true;
        } catch (const ih::error&) {
            return false;
        }
    }));
}

TEST_CASE("a socket used after close() ends the process with one line", "[ownership][T7.1]") {
    for (const operation& each : operations()) {
        INFO(each.name);
        const ending end = in_child([&] {
            ih::context context;
            local s{context, {}};
            s.close();
            each.run(s);
            return 0;
        });
        INFO(end.said);
        CHECK(end.fatal(used_after_close));
    }
}

TEST_CASE("a socket used after detach() ends the process with one line", "[ownership][T7.1]") {
    const ending end = in_child([] {
        ih::context context;
        local s{context, {}};
        const auto elsewhere = s.detach();
        local::message m;
        (void)s.try_receive(m);
        return 0;
    });
    INFO(end.said);
    CHECK(end.fatal(used_after_close));
}

TEST_CASE("a thread that ended leaves its number to nobody", "[ownership][T7.1]") {
    const ending end = in_child([] {
        ih::context context;
        std::unique_ptr<local> s;
        std::thread first{[&] { s = std::make_unique<local>(context, ih::in_process{}); }};
        first.join();
        std::thread second{[&] { s->close(); }}; // very likely on the first one's stack
        second.join();
        return 0;
    });
    INFO(end.said);
    CHECK(end.fatal(used_by_another_thread));
}

TEST_CASE("numbers of threads are never 0 and never the same", "[ownership]") {
    const auto mine = ih::detail::number_this_thread();
    CHECK(mine != 0);
    CHECK(ih::detail::number_this_thread() == mine);
    std::vector<std::uint64_t> others(8);
    for (auto& each : others) {
        std::thread t{[&] { each = ih::detail::number_this_thread(); }};
        t.join();
    }
    others.push_back(mine);
    for (std::size_t i = 0; i != others.size(); ++i)
        for (std::size_t j = 0; j != i; ++j) CHECK(others[i] != others[j]);
}

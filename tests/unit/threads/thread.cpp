// SPDX-License-Identifier: MIT
#include <ironhouse/threads/thread.hpp>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <ironhouse/socket/detached.hpp>
#include <ironhouse/socket/socket_ref.hpp>

#include "catch.hpp"
#include "support/sockets.hpp"

namespace ih = ironhouse;
using namespace support;
using ih::receive_status;
using ih::send_status;

namespace {

using sink_type = ih::socket<ih::pull, receiving, ih::in_process>;
using source_type = ih::socket<ih::push, sending, ih::in_process>;

// What may go to another thread: the witness that the list can say yes.
static_assert(ih::sendable<int> && ih::sendable<std::string> && ih::sendable<std::vector<std::string>>);
static_assert(ih::sendable<ih::detached<sink_type>> && ih::sendable<ih::certificate> && ih::sendable<ih::keyring>);
static_assert(ih::sendable<ih::curve_server> && ih::sendable<sink_type::message> && ih::sendable<ih::inbound>);
static_assert(ih::sendable<std::reference_wrapper<ih::context>> && ih::sendable<std::stop_token>);
static_assert(ih::sendable<ih::endpoint<ih::curve_server>> && ih::sendable<std::unique_ptr<std::string>>);
// And what may not.
static_assert(!ih::sendable<sink_type> && !ih::sendable<sink_type*> && !ih::sendable<const sink_type*>);
static_assert(!ih::sendable<std::reference_wrapper<sink_type>> && !ih::sendable<ih::socket_ref<ih::pull>>);
static_assert(!ih::sendable<std::unique_ptr<sink_type>> && !ih::sendable<std::shared_ptr<sink_type>>);
static_assert(!ih::sendable<std::vector<sink_type*>> && !ih::sendable<std::pair<int, sink_type*>>);
static_assert(!ih::sendable<ih::context*> && !ih::sendable<std::string_view> && !ih::sendable<std::string&>);
static_assert(!ih::sendable<std::function<void()>> && !ih::sendable<void*> && !ih::sendable<std::tuple<int, void*>>);

template <class F> constexpr bool pure(const F&) { return ih::captures_nothing<F>; }
static_assert(ih::captures_nothing<void (*)(int)> && !ih::captures_nothing<std::function<void()>>);

template <class... A> concept starts = std::is_constructible_v<ih::thread, A...>;
static_assert(starts<void (*)(int), int> && !starts<void (*)(sink_type&), sink_type&>);

std::atomic<int> calls{0};

} // namespace

/// A type of the program's own, put on the list by the program.
struct ticket {
    int number;
};
template <> inline constexpr bool ironhouse::enable_sendable<ticket> = true;

TEST_CASE("a function that captures is told from one that does not", "[thread][T7.1]") {
    int number = 1;
    CHECK(pure([] {}));
    CHECK(pure([](int) {}));
    CHECK_FALSE(pure([&number] { number = 2; }));
    CHECK_FALSE(pure([number] { (void)number; }));
}

TEST_CASE("a thread runs its function with its own copies", "[thread]") {
    calls = 0;
    std::string text = "kept";
    {
        ih::thread t{
            [](const std::string& own, int n, ticket mine) { calls = static_cast<int>(own.size()) + n + mine.number; },
            text, 10, ticket{100}};
        CHECK(t.joinable());
    } // joined
    CHECK(calls == 114);
    CHECK(text == "kept");
}

TEST_CASE("a thread without a function is nothing to wait for", "[thread]") {
    const ih::thread none;
    CHECK_FALSE(none.joinable());
}

TEST_CASE("a thread that is destroyed is asked to stop first", "[thread]") {
    calls = 0;
    {
        ih::thread t{[](const std::stop_token& stop, std::reference_wrapper<std::atomic<int>> count) {
                         while (!stop.stop_requested()) std::this_thread::yield();
                         count.get() = 1;
                     },
                     std::ref(calls)};
    }
    CHECK(calls == 1);
}

TEST_CASE("a thread moves, and its stop token follows", "[thread]") {
    ih::thread t{[](const std::stop_token& stop) {
        while (!stop.stop_requested()) std::this_thread::yield();
    }};
    ih::thread elsewhere = std::move(t);
    CHECK_FALSE(elsewhere.stop_token().stop_requested());
    CHECK(elsewhere.request_stop());
    elsewhere.join();
    CHECK_FALSE(elsewhere.joinable());
}

TEST_CASE("a thread opens sockets of its own in a context it was lent", "[thread][T7.2]") {
    ih::context context;
    sink_type sink{context, {}};
    sink.bind("inproc://workers");
    ih::thread worker{[](ih::context& in) {
                          source_type source{in, {}};
                          source.connect("inproc://workers");
                          source_type::message m;
                          if (!m.add("from another thread")) return;
                          (void)source.send(m, soon);
                      },
                      std::ref(context)};
    sink_type::message m;
    REQUIRE(sink.receive(m, soon) == receive_status::received);
    CHECK(m[0].text() == "from another thread");
}

TEST_CASE("a thread is given a socket, and waits with its own stop token", "[thread][T7.1]") {
    ih::context context;
    calls = 0;
    sink_type sink{context, {}};
    sink.bind("inproc://given");
    {
        ih::thread owner{[](const std::stop_token& stop, ih::detached<sink_type> given) {
                             auto mine = std::move(given).attach();
                             sink_type::message m;
                             while (mine.receive(m, 60s, stop) == receive_status::received) ++calls;
                         },
                         sink.detach()};
        source_type source{context, {}};
        source.connect("inproc://given");
        source_type::message m;
        for (int i = 0; i != 3; ++i) {
            REQUIRE(m.add("x"));
            REQUIRE(source.send(m, soon) == send_status::queued);
        }
        CHECK(eventually([] { return calls == 3; }));
    }
    CHECK(calls == 3);
}

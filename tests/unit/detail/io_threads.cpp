// SPDX-License-Identifier: MIT

/// \file
/// libzmq's I/O threads are found, and waited for until they have gone on.

#include "catch.hpp"

#include <ironhouse/detail/io_threads.hpp>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include <zmq.hpp>

#if defined(__linux__)
#include <poll.h>
#include <pthread.h>

using ironhouse::detail::io_threads;
using namespace std::chrono_literals;

namespace {

/// A thread with the name of an I/O thread, that does what the test says.
template <class Work> class worker {
public:
    explicit worker(Work work)
        : thread_{[this, work] {
              ::pthread_setname_np(::pthread_self(), "test/IO/0");
              named_ = true;
              while (!over_) work(over_);
          }} {
        while (!named_) std::this_thread::yield();
    }
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;
    ~worker() {
        over_ = true;
        thread_.join();
    }

private:
    std::atomic<bool> named_{false}, over_{false};
    std::thread thread_; // last
};

} // namespace

TEST_CASE("the threads of a context are those that begin with its first socket", "[detail][B6]") {
    auto before = io_threads::of_this_process();
    zmq::context_t context{2};
    const zmq::socket_t first{context, zmq::socket_type::pair};
    io_threads known;
    known.are_new_since(before, 2); // they take their names when they run
    CHECK(io_threads::of_this_process().size() == before.size() + 2);
    // They have nothing to do, so that they wait for events.
    CHECK(known.have_gone_on(10s));
}

TEST_CASE("a thread that waits for something else has not gone on, and one that works has", "[detail][B6]") {
    auto before = io_threads::of_this_process();
    {
        const worker stuck{[](const std::atomic<bool>&) { ::poll(nullptr, 0, 50); }};
        io_threads known;
        known.are_new_since(before, 1);
        CHECK_FALSE(known.have_gone_on(100ms));
    }
    {
        const worker busy{[](const std::atomic<bool>& over) {
            while (!over) {}
        }};
        io_threads known;
        known.are_new_since(before, 1);
        CHECK(known.have_gone_on(10s));
    }
    // One that has ended is not waited for.
    io_threads known;
    {
        const worker brief{[](const std::atomic<bool>&) { ::poll(nullptr, 0, 1); }};
        known.are_new_since(before, 1);
    }
    CHECK(known.have_gone_on(10s));
}

#endif

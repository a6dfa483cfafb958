// SPDX-License-Identifier: MIT
// One thread opens a socket, another one uses it, and it comes back. What they tell each other goes through a channel.
#include <ironhouse/ironhouse.hpp>

#include <cstdio>
#include <exception>
#include <functional>
#include <utility>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::inbound jobs_in{.peers = 8_peers, .queue = 100_messages, .frames = 1_frame, .frame = 64_B};
inline constexpr ih::outbound jobs_out{.peers = 1_peer, .queue = 100_messages, .frames = 1_frame, .frame = 64_B};

using job_sink = ih::socket<ih::pull, jobs_in, ih::in_process>;
using job_source = ih::socket<ih::push, jobs_out, ih::in_process>;
using results = ih::channel_end<int>;

// Runs on the worker's thread. It gets what it may own: a socket nobody holds, a channel's end, and the way to stop.
void work(const std::stop_token& stop, ih::detached<job_sink> jobs, ih::detached<results> answers) {
    auto sink = std::move(jobs).attach(); // from here on this thread owns it
    auto out = std::move(answers).attach();
    job_sink::message job;
    while (sink.receive(job, 10s, stop) == ih::receive_status::received) {
        const auto number = job.object<int>(0); // nothing when the size is wrong
        if (!number) continue;
        if (out.send(*number * *number, 1s) != ih::send_status::queued) return;
    }
}

// A thread may open sockets of its own: the context is safe to lend.
void order(ih::context& context, int count) {
    job_source source{context, {}};
    source.connect("inproc://jobs");
    for (int number = 1; number <= count; ++number)
        if (source.send_object(number, 1s) != ih::send_status::queued)
            return; // fits one frame: checked by the compiler
}

int main() try {
    ih::context context;
    job_sink sink{context, {}};
    sink.bind("inproc://jobs");

    auto [here, there] = ih::make_channel<int>(context, 10_messages);
    auto answers = std::move(here).attach();

    // ih::thread{[&] { ... }} and ih::thread{work, std::ref(sink)} do not compile: nothing is shared by accident.
    ih::thread worker{work, sink.detach(), std::move(there)};
    ih::thread customer{order, std::ref(context), 5};

    int sum = 0;
    for (int i = 0; i != 5; ++i) {
        int answer = 0;
        if (answers.receive(answer, 10s) != ih::receive_status::received) return 1;
        std::printf("%d\n", answer);
        sum += answer;
    }
    worker.request_stop(); // ends its wait at once
    worker.join();
    return sum == 55 ? 0 : 1;
} catch (const std::exception& failed) {
    std::fprintf(stderr, "%s\n", failed.what());
    return 1;
}

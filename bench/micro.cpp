// SPDX-License-Identifier: MIT
//
// Steps that are short enough for a loop: opening a socket, filling a message, finding a key, reading Z85. Each beside the
// same step in plain C. Of these, open_socket is a row of scripts/bench; the rest is for whoever works on them:
//   build/bench/bench/bench_micro --benchmark_filter=keyring

#include <ironhouse/core/limits.hpp>
#include <ironhouse/core/message.hpp>
#include <ironhouse/core/units.hpp>
#include <ironhouse/keys/certificate.hpp>
#include <ironhouse/keys/keyring.hpp>
#include <ironhouse/keys/public_key.hpp>
#include <ironhouse/security/curve.hpp>
#include <ironhouse/socket/context.hpp>
#include <ironhouse/socket/socket.hpp>

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "programs/peer.h"

namespace {

namespace ih = ironhouse;
using namespace ih::literals;
using steady = std::chrono::steady_clock;

constexpr ih::inbound in{.peers = 1_peers, .queue = 1'000_messages, .frames = 1_frame, .frame = 64_KiB};

double seconds_since(steady::time_point begun) { return std::chrono::duration<double>(steady::now() - begun).count(); }

// ---- a CURVE server socket, opened and bound -------------------------------------------------------------------------

void open_raw(benchmark::State& state) {
    void* const context = zmq_ctx_new();
    set_context(context);
    keys made;
    doorkeeper door;
    make_keys(&made);
    open_door(&door, context, &made, 1);
    for (auto _ : state) {
        const auto begun = steady::now();
        void* const socket = zmq_socket(context, ZMQ_PULL);
        check(socket != nullptr);
        set_options(socket);
        serve_with(socket, &made);
        check(zmq_bind(socket, "tcp://127.0.0.1:*") == 0);
        state.SetIterationTime(seconds_since(begun));
        zmq_close(socket);
    }
    zmq_ctx_term(context);
    close_door(&door);
}

void open_hardened(benchmark::State& state) {
    ih::context context;
    const auto ring = ih::keyring::of({ih::certificate::generate("client").public_part()});
    for (auto _ : state) {
        auto identity = ih::certificate::generate("server");
        const auto begun = steady::now();
        ih::socket<ih::pull, in, ih::curve_server> socket{
            context, {.domain = "bench", .clients = ring, .identity = std::move(identity)}};
        socket.bind("tcp://127.0.0.1:*");
        state.SetIterationTime(seconds_since(begun));
    }
}

// Three in turn: the second raw one shows what this machine makes of no difference at all.
BENCHMARK(open_raw)->Name("open_socket/raw")->UseManualTime();
BENCHMARK(open_raw)->Name("open_socket/raw_again")->UseManualTime();
BENCHMARK(open_hardened)->Name("open_socket/ironhouse")->UseManualTime();

// ---- a message of one frame ------------------------------------------------------------------------------------------

void message_raw(benchmark::State& state) {
    const std::string payload(static_cast<std::size_t>(state.range(0)), 'x');
    for (auto _ : state) {
        zmq_msg_t message;
        check(zmq_msg_init_size(&message, payload.size()) == 0);
        std::memcpy(zmq_msg_data(&message), payload.data(), payload.size());
        benchmark::DoNotOptimize(message);
        zmq_msg_close(&message);
    }
}

void message_hardened(benchmark::State& state) {
    const std::string payload(static_cast<std::size_t>(state.range(0)), 'x');
    ih::message<1_frame, 64_KiB> message;
    for (auto _ : state) {
        check(message.add(std::string_view{payload}));
        benchmark::DoNotOptimize(message);
        message.clear();
    }
}

BENCHMARK(message_raw)->Name("message/raw")->Arg(32)->Arg(1'024);
BENCHMARK(message_hardened)->Name("message/ironhouse")->Arg(32)->Arg(1'024);

// ---- keys ------------------------------------------------------------------------------------------------------------

std::vector<ih::public_key> some_keys(int count) {
    std::vector<ih::public_key> made;
    for (int i = 0; i != count; ++i) made.push_back(ih::certificate::generate("one").public_key());
    return made;
}

void z85_raw(benchmark::State& state) {
    const std::string text = some_keys(1).front().z85();
    unsigned char key[32];
    for (auto _ : state) benchmark::DoNotOptimize(zmq_z85_decode(key, text.c_str()));
}

void z85_hardened(benchmark::State& state) {
    const std::string text = some_keys(1).front().z85();
    for (auto _ : state) benchmark::DoNotOptimize(ih::public_key::from_z85(text));
}

// A newcomer's key among so many that may come in.
void keyring_finds(benchmark::State& state) {
    const auto made = some_keys(static_cast<int>(state.range(0)));
    std::vector<ih::keyring::entry> entries;
    for (const auto& each : made) entries.push_back(ih::keyring::entry::of(each));
    const auto ring = ih::keyring::of(std::move(entries));
    std::size_t next = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(ring.find(made[next]));
        next = (next + 1) % made.size();
    }
}

BENCHMARK(keyring_finds)->Name("keyring/find")->Arg(10)->Arg(1'000);
BENCHMARK(z85_raw)->Name("z85/raw");
BENCHMARK(z85_hardened)->Name("z85/ironhouse");

} // namespace

BENCHMARK_MAIN();

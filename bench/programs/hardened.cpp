// SPDX-License-Identifier: MIT
//
// The same work with Ironhouse sockets. measure.h says how it is called.

#include <ironhouse/core/limits.hpp>
#include <ironhouse/core/units.hpp>
#include <ironhouse/detail/fault.hpp>
#include <ironhouse/keys/certificate.hpp>
#include <ironhouse/keys/keyring.hpp>
#include <ironhouse/security/curve.hpp>
#include <ironhouse/security/in_process.hpp>
#include <ironhouse/socket/context.hpp>
#include <ironhouse/socket/socket.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crowd.h"
#include "measure.h"

namespace {

namespace ih = ironhouse;
using namespace ih::literals;

constexpr ih::inbound in{.peers = 1_peers, .queue = 1'000_messages, .frames = 1_frame, .frame = 64_KiB};
constexpr ih::outbound out{.peers = 1_peers, .queue = 1'000_messages, .frames = 1_frame, .frame = 64_KiB};
constexpr ih::inbound many{.peers = 1'000_peers, .queue = 1'000_messages, .frames = 1_frame, .frame = 64_KiB};
constexpr ih::duplex both{.in = in, .out = out};

void check(bool ok) {
    if (!ok) std::abort();
}

template <class From> HOT void send_one(From& from, typename From::message& letter, const job& work) {
    check(letter.add(std::string_view{reinterpret_cast<const char*>(work.payload), work.size}));
    check(from.send(letter, 10s) == ih::send_status::queued);
}

template <class To> HOT void receive_one(To& to, typename To::message& got, const job& work) {
    check(to.receive(got, 10s) == ih::receive_status::received);
    check(got[0].size() == work.size);
}

// Not inlined, here as in the other programs: what is counted does not depend on what stands in main().
[[gnu::noinline]] void inproc(job& work) {
    ih::context context;
    ih::socket<ih::pull, in, ih::in_process> pull{context, {}};
    pull.bind("inproc://bench");
    ih::socket<ih::push, out, ih::in_process> push{context, {}};
    push.connect("inproc://bench");
    decltype(push)::message letter;
    decltype(pull)::message got;
    begin(&work);
    for (long i = 0; i != work.rounds; ++i) {
        send_one(push, letter, work);
        receive_one(pull, got, work);
    }
    end(&work);
}

template <class Server, class Client>
void window(Server& server, Client& client, typename Client::message& letter, typename Server::message& got, long count,
            const job& work) {
    for (long i = 0; i != count; ++i) send_one(client, letter, work);
    for (long i = 0; i != count; ++i) receive_one(server, got, work);
}

template <class Server, class Client> void stream(Server& server, Client& client, job& work) {
    typename Client::message letter;
    typename Server::message got;
    for (int i = 0; i != warm_up; ++i) window(server, client, letter, got, work.window, work);
    begin(&work);
    for (long left = work.rounds; left > 0; left -= work.window)
        window(server, client, letter, got, left < work.window ? left : work.window, work);
    end(&work);
}

template <class Server, class Client> void pingpong(Server& server, Client& client, job& work) {
    typename Server::message letter, got;
    for (long i = -warm_up; i != work.rounds; ++i) {
        if (i == 0) begin(&work);
        const double left = bench_clock(CLOCK_MONOTONIC);
        send_one(client, letter, work);
        receive_one(server, got, work);
        send_one(server, letter, work);
        receive_one(client, got, work);
        if (i >= 0) work.trips[i] = bench_clock(CLOCK_MONOTONIC) - left;
    }
    end(&work);
}

// Two sockets that have met, and what to do with them.
template <class ServerPattern, auto ServerLimits, class ClientPattern, auto ClientLimits, class Work>
void over_curve(Work measured) {
    ih::context context;
    auto server_identity = ih::certificate::generate("server");
    auto client_identity = ih::certificate::generate("client");
    const auto server_key = server_identity.public_key();
    ih::socket<ServerPattern, ServerLimits, ih::curve_server> server{
        context,
        {.domain = "bench",
         .clients = ih::keyring::of({client_identity.public_part()}),
         .identity = std::move(server_identity)}};
    server.bind("tcp://127.0.0.1:*");
    ih::socket<ClientPattern, ClientLimits, ih::curve_client> client{
        context, {.identity = std::move(client_identity), .server = server_key}};
    client.connect(ih::endpoint<ih::curve_client>::parse(server.last_endpoint()));
    measured(server, client);
}

// ---- clients in another process ----------------------------------------------------------------------------------------

// As many messages of one byte, which say that somebody is there.
template <class Server> void roll_call(Server& server, std::size_t count) {
    typename Server::message got;
    for (std::size_t i = 0; i != count; ++i)
        check(server.receive(got, 10s) == ih::receive_status::received && got[0].size() == 1);
}

template <class Server> void idle(Server& server, crowd& clients, job& work) {
    typename Server::message got;
    crowd_await(&clients);
    crowd_settle(1500);
    begin(&work);
    check(server.receive(got, std::chrono::seconds{work.size}) == ih::receive_status::timed_out);
    end(&work);
    crowd_go(&clients, 0);
    roll_call(server, static_cast<std::size_t>(work.rounds));
    crowd_go(&clients, 0);
}

template <class Server> void accept_bursts(Server& server, crowd& clients, job& work) {
    for (long left = work.rounds; left > 0; left -= static_cast<long>(work.size)) {
        crowd_await(&clients);
        crowd_settle(100); // the last ones leave
        begin(&work);
        crowd_go(&clients, 0);
        roll_call(server, work.size);
        end(&work);
        crowd_go(&clients, 0);
    }
}

ih::keyring ring_of(const crowd& clients) {
    std::vector<ih::keyring::entry> known;
    for (std::size_t i = 0; i != clients.count; ++i)
        known.push_back(ih::keyring::entry::of(ih::public_key::from_z85(crowd_key(&clients, i))));
    return ih::keyring::of(std::move(known));
}

template <auto Limits> class service {
public:
    service(const ih::keyring& ring, const ih::admission_limits& admission, bool guarded)
        : context{{.admission = admission}}, identity{ih::certificate::generate("server")},
          key{identity.public_key().z85()}, socket{
                                                guarded ? context : unguarded(context),
                                                {.domain = "bench", .clients = ring, .identity = std::move(identity)}} {
        socket.bind("tcp://127.0.0.1:*");
    }
    void await(crowd& clients) { crowd_call(&clients, socket.last_endpoint().c_str(), key.c_str()); }

private:
    static ih::context& unguarded(ih::context& made) {
        ih::detail::switch_off_guard(made);
        return made;
    }
    ih::context context;
    ih::certificate identity;
    std::string key;

public:
    ih::socket<ih::pull, Limits, ih::curve_server> socket;
};

template <class Work> void serve(const ih::admission_limits& admission, job& work, Work measured) {
    crowd clients{};
    crowd_start(&clients, &work);
    {
        service<many> server{ring_of(clients), admission, true};
        server.await(clients);
        measured(server.socket, clients, work);
    }
    crowd_end(&clients);
}

// What the guard costs while nobody attacks: three servers that differ in nothing but that the second one is guarded.
void guard(job& work) {
    crowd clients{};
    crowd_start(&clients, &work);
    {
        const ih::keyring ring = ring_of(clients);
        std::unique_ptr<service<in>> servers[crowd_servers];
        for (int i = 0; i != crowd_servers; ++i) {
            const int which = (i + work.first) % crowd_servers;
            servers[which] = std::make_unique<service<in>>(ring, ih::admission_limits{}, which == 1);
        }
        for (const auto& each : servers) each->await(clients);
        decltype(servers[0]->socket)::message got;
        const auto slice = [&](int which) {
            crowd_go(&clients, static_cast<unsigned char>(which));
            for (long i = 0; i != crowd_slice(&work); ++i) receive_one(servers[which]->socket, got, work);
        };
        for (int which = 0; which != crowd_servers; ++which) slice(which);
        for (long round = 0; round != work.rounds; ++round) {
            double cpu[crowd_servers], wall[crowd_servers];
            for (int turn = 0; turn != crowd_servers; ++turn) {
                const auto which = static_cast<int>((turn + round + work.first) % crowd_servers);
                crowd_settle(20);
                work.cpu = work.wall = 0;
                begin(&work);
                slice(which);
                wall[which] = work.wall + bench_clock(CLOCK_MONOTONIC);
                crowd_settle(30); // what the guard still looks at belongs to it
                end(&work);
                cpu[which] = work.cpu;
            }
            for (const double each : cpu) std::printf("%.1f ", each / static_cast<double>(crowd_slice(&work)));
            for (const double each : wall) std::printf("%.1f ", each / static_cast<double>(crowd_slice(&work)));
            std::puts("");
        }
        crowd_go(&clients, crowd_servers);
    }
    crowd_end(&clients);
}

} // namespace

int main(int argc, char** argv) {
    job work = job_from(argc, argv);
    const std::string_view what{work.what};
    if (what == "guard") {
        guard(work);
        return 0;
    }
    if (what == "inproc")
        inproc(work);
    else if (what == "idle") // one key, and as fast as they come: neither is what is measured
        serve({.per_key = 1'000_peers, .newcomers = 10'000_per_s}, work, [](auto&... with) { idle(with...); });
    else if (what == "accept")
        serve({}, work, [](auto&... with) { accept_bursts(with...); });
    else if (what == "stream")
        over_curve<ih::pull, in, ih::push, out>([&](auto& server, auto& client) { stream(server, client, work); });
    else
        over_curve<ih::dealer, both, ih::dealer, both>(
            [&](auto& server, auto& client) { pingpong(server, client, work); });
    report(&work);
}

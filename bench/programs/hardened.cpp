// SPDX-License-Identifier: MIT
//
// The same work with Ironhouse sockets. measure.h says how it is called.

#include <ironhouse/core/limits.hpp>
#include <ironhouse/core/units.hpp>
#include <ironhouse/keys/certificate.hpp>
#include <ironhouse/keys/keyring.hpp>
#include <ironhouse/security/curve.hpp>
#include <ironhouse/security/in_process.hpp>
#include <ironhouse/socket/context.hpp>
#include <ironhouse/socket/socket.hpp>

#include <cstdlib>
#include <string_view>
#include <utility>

#include "measure.h"

namespace {

namespace ih = ironhouse;
using namespace ih::literals;

constexpr ih::inbound in{.peers = 1_peers, .queue = 1'000_messages, .frames = 1_frame, .frame = 64_KiB};
constexpr ih::outbound out{.peers = 1_peers, .queue = 1'000_messages, .frames = 1_frame, .frame = 64_KiB};
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

void inproc(job& work) {
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

} // namespace

int main(int argc, char** argv) {
    job work = job_from(argc, argv);
    const std::string_view what{work.what};
    if (what == "inproc")
        inproc(work);
    else if (what == "stream")
        over_curve<ih::pull, in, ih::push, out>([&](auto& server, auto& client) { stream(server, client, work); });
    else
        over_curve<ih::dealer, both, ih::dealer, both>(
            [&](auto& server, auto& client) { pingpong(server, client, work); });
    report(&work);
}

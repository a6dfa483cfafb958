// SPDX-License-Identifier: MIT
//
// The same work as raw.c, with Ironhouse sockets.
//   hardened inproc N     N messages of 32 bytes, push to pull, one thread
//   hardened pingpong N   N round trips of 32 bytes over tcp and CURVE, one application thread

#include <ironhouse/core/limits.hpp>
#include <ironhouse/core/units.hpp>
#include <ironhouse/keys/certificate.hpp>
#include <ironhouse/keys/keyring.hpp>
#include <ironhouse/security/curve.hpp>
#include <ironhouse/security/in_process.hpp>
#include <ironhouse/socket/context.hpp>
#include <ironhouse/socket/socket.hpp>

#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include <unistd.h>

namespace {

namespace ih = ironhouse;
using namespace ih::literals;

constexpr ih::inbound in{.peers = 1_peers, .queue = 100_messages, .frames = 1_frame, .frame = 4_KiB};
constexpr ih::outbound out{.peers = 1_peers, .queue = 100_messages, .frames = 1_frame, .frame = 4_KiB};
constexpr ih::duplex both{.in = in, .out = out};

using payload_type = char[32];

void check(bool ok) {
    if (!ok) std::abort();
}

template <class From, class To>
void pass_one(From& from, To& to, typename From::message& letter, typename To::message& got,
              const payload_type& payload) {
    check(letter.add(std::string_view{payload, sizeof payload}));
    check(from.send(letter, 1s) == ih::send_status::queued);
    check(to.receive(got, 1s) == ih::receive_status::received);
    check(got[0].size() == sizeof payload);
}

void marker(std::string_view text) {
    // Fails, and is seen in a trace of system calls.
    if (::write(-1, text.data(), text.size()) >= 0) std::abort();
}

void inproc(long rounds, const payload_type& payload) {
    ih::context context;
    ih::socket<ih::pull, in, ih::in_process> pull{context, {}};
    pull.bind("inproc://cost");
    ih::socket<ih::push, out, ih::in_process> push{context, {}};
    push.connect("inproc://cost");
    decltype(push)::message letter;
    decltype(pull)::message got;
    for (long i = 0; i != rounds; ++i) pass_one(push, pull, letter, got, payload);
}

void pingpong(long rounds, const payload_type& payload) {
    ih::context context;
    auto server_identity = ih::certificate::generate("server");
    auto client_identity = ih::certificate::generate("client");
    const auto server_key = server_identity.public_key();
    ih::socket<ih::dealer, both, ih::curve_server> server{context,
                                                          {.domain = "cost",
                                                           .clients = ih::keyring::of({client_identity.public_part()}),
                                                           .identity = std::move(server_identity)}};
    server.bind("tcp://127.0.0.1:*");
    ih::socket<ih::dealer, both, ih::curve_client> client{
        context, {.identity = std::move(client_identity), .server = server_key}};
    client.connect(ih::endpoint<ih::curve_client>::parse(server.last_endpoint()));
    decltype(server)::message letter, got;
    for (long i = -10; i != rounds; ++i) { // ten to warm up
        if (i == 0) marker("begin");
        pass_one(client, server, letter, got, payload);
        pass_one(server, client, letter, got, payload);
    }
    marker("end");
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    const long rounds = std::atol(argv[2]);
    payload_type payload;
    std::memset(payload, 'x', sizeof payload);
    if (std::string_view{argv[1]} == "inproc")
        inproc(rounds, payload);
    else
        pingpong(rounds, payload);
}

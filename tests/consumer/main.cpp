// SPDX-License-Identifier: MIT

/// \file
/// A program outside the tree: what the package says about its headers and libraries is enough to build and run it.

#include <ironhouse/ironhouse.hpp>

#include <cstdio>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::inbound in{.peers = 1_peers, .queue = 2_messages, .frames = 1_frames, .frame = 64_B};
inline constexpr ih::outbound out{.peers = 1_peers, .queue = 2_messages, .frames = 1_frames, .frame = 64_B};

int main() {
    ih::context context;
    auto server = ih::certificate::generate("server");
    auto client = ih::certificate::generate("client");
    const auto server_key = server.public_key();

    ih::socket<ih::pull, in, ih::curve_server> sink{context,
                                                    {
                                                        .domain = "consumer",
                                                        .clients = ih::keyring::of({client.public_key()}),
                                                        .identity = std::move(server),
                                                    }};
    sink.bind("tcp://127.0.0.1:*");

    ih::socket<ih::push, out, ih::curve_client> source{context, {.identity = std::move(client), .server = server_key}};
    source.connect(ih::endpoint<ih::curve_server>::parse(sink.last_endpoint()));

    decltype(source)::message message;
    if (!message.add("as installed") || source.send(message, 5s) != ih::send_status::queued) return 1;
    decltype(sink)::message arrived;
    if (sink.receive(arrived, 5s) != ih::receive_status::received) return 2;
    std::printf("%.*s\n", static_cast<int>(arrived[0].size()), arrived[0].text().data());
    return 0;
}

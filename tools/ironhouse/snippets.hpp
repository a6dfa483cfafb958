// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The programs a bundle brings: one client each in C++, Python and C. Words in @...@ are filled in; tests run them.

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tool {

inline constexpr std::string_view cpp_send = R"(
    decltype(socket)::message message;
    if (!message.add("hello from @NAME@")) return 1;
    if (socket.send(message, 5s) != ih::send_status::queued) {
        std::puts("nobody takes it: is the server there, and does it know this key?");
        return 1;
    }
)";
inline constexpr std::string_view cpp_receive = R"(
    decltype(socket)::message answer;
    if (socket.receive(answer, 10s) != ih::receive_status::received) {
        std::puts("nothing came: is the server there, and does it know this key?");
        return 1;
    }
    std::printf("received: %.*s\n", static_cast<int>(answer[0].size()), answer[0].text().data());
)";
inline constexpr std::string_view python_send = R"(socket.send(b"hello from @NAME@")
)";
inline constexpr std::string_view python_receive = R"(print("received:", socket.recv_multipart()[0].decode())
)";
inline constexpr std::string_view c_send = R"(
    if (zstr_send(socket, "hello from @NAME@") != 0) {
        puts("nobody takes it: is the server there, and does it know this key?");
        return 1;
    }
)";
inline constexpr std::string_view c_receive = R"(
    char *answer = zstr_recv(socket);
    if (!answer) {
        puts("nothing came: is the server there, and does it know this key?");
        return 1;
    }
    printf("received: %s\n", answer);
    zstr_free(&answer);
)";

inline constexpr std::string_view one_way_out =
    "ih::outbound limits{.peers = 1_peers, .queue = 100_messages, .frames = 4_frames, .frame = 4_KiB}";
inline constexpr std::string_view one_way_in =
    "ih::inbound limits{.peers = 1_peers, .queue = 100_messages, .frames = 4_frames, .frame = 4_KiB}";
inline constexpr std::string_view both_ways =
    "ih::duplex limits{\n"
    "    .in = {.peers = 1_peers, .queue = 100_messages, .frames = 4_frames, .frame = 4_KiB},\n"
    "    .out = {.peers = 1_peers, .queue = 100_messages, .frames = 4_frames, .frame = 4_KiB}}";

/// Filled in for a kind of socket: what it does, in order.
struct steps {
    bool subscribes, sends, receives;
};
struct socket_kind {
    std::string_view name;     // push
    std::string_view constant; // PUSH
    std::string_view limits;
    steps does;
};
inline constexpr std::array socket_kinds{
    socket_kind{"push", "PUSH", one_way_out, {false, true, false}},
    socket_kind{"pull", "PULL", one_way_in, {false, false, true}},
    socket_kind{"sub", "SUB", one_way_in, {true, false, true}},
    socket_kind{"req", "REQ", both_ways, {false, true, true}},
    socket_kind{"dealer", "DEALER", both_ways, {false, true, true}},
};

inline constexpr std::string_view cpp_client = R"(// @NAME@, a client of @ENDPOINT@.
// g++ -std=c++20 client.cpp -o client -lzmq -lsodium -pthread
// Run it where @NAME@.key_secret lies. Limits are yours to choose; the server has its own.

#include <ironhouse/ironhouse.hpp>

#include <cstdio>
#include <exception>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr @LIMITS@;

int main() try {
    ih::context context;
    ih::socket<ih::@SOCKET@, limits, ih::curve_client> socket{context, {
        .identity = ih::certificate::load("@NAME@.key_secret"),
        .server   = ih::public_key::from_z85("@SERVERKEY@"),
    }};
@CPPSTEPS@} catch (const std::exception& failed) {
    std::printf("%s\n", failed.what());
    return 1;
}
)";

inline constexpr std::string_view python_client = R"(#!/usr/bin/env python3
"""@NAME@, a client of @ENDPOINT@. Needs pyzmq. Run it where @NAME@.key_secret lies."""

import zmq
import zmq.auth

context = zmq.Context()
socket = context.socket(zmq.@CONSTANT@)
socket.curve_publickey, socket.curve_secretkey = zmq.auth.load_certificate("@NAME@.key_secret")
socket.curve_serverkey = b"@SERVERKEY@"
socket.linger = socket.sndtimeo = socket.rcvtimeo = 10_000  # milliseconds
socket.maxmsgsize = 4096 + 33  # what one frame may carry, and CURVE's part of it
@PYTHONSTEPS@
socket.close()
context.term()
)";

inline constexpr std::string_view c_client = R"(/* @NAME@, a client of @ENDPOINT@. Needs CZMQ.
   gcc client.c -o client $(pkg-config --cflags --libs libczmq)
   Run it where @NAME@.key and @NAME@.key_secret lie. */

#include <czmq.h>

int main(void) {
    zcert_t *cert = zcert_load("@NAME@.key"); /* CZMQ adds _secret by itself */
    const char *none = "0000000000000000000000000000000000000000";
    if (!cert || streq(zcert_secret_txt(cert), none)) { /* without the secret file CZMQ goes on with zeros */
        puts("@NAME@.key_secret cannot be read");
        return 1;
    }
    zsock_t *socket = zsock_new(ZMQ_@CONSTANT@);
    zcert_apply(cert, socket);
    zsock_set_curve_serverkey(socket, "@SERVERKEY@");
    zsock_set_linger(socket, 10000); /* milliseconds */
    zsock_set_sndtimeo(socket, 10000);
    zsock_set_rcvtimeo(socket, 10000);
    zsock_set_maxmsgsize(socket, 4096 + 33); /* what one frame may carry, and CURVE's part of it */
@CSTEPS@
    zsock_destroy(&socket);
    zcert_destroy(&cert);
    return 0;
}
)";

/// Replaces every @WORD@, those in ...STEPS too; not in the other words, which came from outside.
[[nodiscard]] inline std::string filled(std::string_view text,
                                        const std::vector<std::pair<std::string_view, std::string>>& words) {
    std::string out;
    while (!text.empty()) {
        std::size_t taken = 1;
        for (const auto& [word, with] : words) {
            if (!text.starts_with("@" + std::string{word} + "@")) continue;
            out += word.ends_with("STEPS") ? filled(with, words) : with;
            taken = word.size() + 2;
            break;
        }
        if (taken == 1) out += text.front();
        text.remove_prefix(taken);
    }
    return out;
}

} // namespace tool

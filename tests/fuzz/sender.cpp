// SPDX-License-Identifier: MIT

/// \file
/// Who a message says it is from. Peers choose the metadata of their messages, a `User-Id` included: it is a sender's name
/// only where a sentry of this process wrote it.
///
/// libzmq's accessor is replaced, so that a message can hold any metadata.

#include "fuzz/property.hpp"

#include <ironhouse/core/message.hpp>
#include <ironhouse/core/units.hpp>

#include <cstring>
#include <string>

namespace {
std::string user_id;
} // namespace

// Stands in for libzmq's.
extern "C" const char* zmq_msg_gets(const zmq_msg_t*, const char* property) {
    return std::strcmp(property, "User-Id") == 0 ? user_id.c_str() : nullptr;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using fuzzing::must;
    using namespace ironhouse::literals;
    const std::string input{fuzzing::as_text(data, size)};
    const std::string name = input.substr(0, input.find('\0')); // libzmq ends it there

    static ironhouse::message<1_frame, 16_B> message;
    message.clear();
    must(message.add("x"), "a message takes a frame");

    const std::string mark{ironhouse::detail::user_mark()};
    if (name.find(mark) != std::string::npos) return 0; // no peer can know it; a fuzzer that watches comparisons can
    user_id = input;
    must(message.sender().empty() && message.sender_serial() == 0, "what a peer calls itself is nobody's name");
    if (!name.empty()) {
        user_id = mark + input;
        must(message.sender().empty() && message.sender_serial() == 0, "not with the mark in front either");
    }

    // As the sentry writes it: the name of a key, a serial number, the mark.
    std::uint64_t serial = 0;
    for (const char c : input.substr(0, 8)) serial = serial << 8 | static_cast<unsigned char>(c);
    user_id = name + '#' + std::to_string(serial) + mark;
    must(message.sender() == name, "the name of the key it came in under");
    must(message.sender_serial() == serial, "and the number of its handshake");
    return 0;
}

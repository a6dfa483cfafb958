// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A ZMTP peer written by hand after RFC 23 and RFC 37 (and RFC 13 and 15 for old greetings), which may break every rule.
/// Test support: no libzmq, no header of the library under test.

#include "bytes.hpp"
#include "tcp.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wire {

/// The three bits of a ZMTP frame's first byte.
inline constexpr std::uint8_t more_flag = 1;
inline constexpr std::uint8_t long_flag = 2;
inline constexpr std::uint8_t command_flag = 4;

/// The 64 bytes a ZMTP 3 peer begins with.
struct greeting {
    std::uint8_t major = 3;
    std::uint8_t minor = 1;
    std::string mechanism = "NULL"; ///< up to 20 bytes, cut beyond
    bool as_server = false;

    static constexpr std::size_t size = 64;

    [[nodiscard]] bytes encode() const {
        bytes out{0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, major, minor};
        append(out, view{mechanism}.part(0, 20));
        out.resize(32, 0);
        out.push_back(as_server ? 1 : 0);
        out.resize(size, 0);
        return out;
    }

    [[nodiscard]] static std::optional<greeting> decode(view in) {
        if (in.size() != size || in[0] != 0xFF || in[9] != 0x7F) return std::nullopt;
        std::string name = in.part(12, 20).text();
        name.erase(std::min(name.find('\0'), name.size()));
        return greeting{in[10], in[11], std::move(name), in[32] != 0};
    }
};

/// What a ZMTP 2.0 peer begins with: signature, revision 1, its socket type's number, an identity frame.
[[nodiscard]] inline bytes greeting_of_zmtp2(std::uint8_t socket_type, view identity = {}) {
    bytes out{0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 1, socket_type, 0};
    out.push_back(static_cast<std::uint8_t>(identity.size()));
    append(out, identity);
    return out;
}

/// What a ZMTP 1.0 peer begins with: a bare identity frame, without any signature.
[[nodiscard]] inline bytes greeting_of_zmtp1(view identity = {}) {
    bytes out{static_cast<std::uint8_t>(identity.size() + 1), 0};
    append(out, identity);
    return out;
}

struct frame {
    std::uint8_t flags = 0; ///< more_flag and command_flag
    bytes body{};

    [[nodiscard]] bool more() const noexcept { return (flags & more_flag) != 0; }
    [[nodiscard]] bool command() const noexcept { return (flags & command_flag) != 0; }
    [[nodiscard]] std::string text() const { return to_text(body); }

    /// True for a body that begins with this command name.
    [[nodiscard]] bool is(std::string_view name) const noexcept {
        const view all{body};
        return all.size() > name.size() && all[0] == name.size() && all.part(1).starts_with(name);
    }
    /// What follows the command's name.
    [[nodiscard]] view data_after_name() const noexcept {
        const view all{body};
        return all.empty() ? view{} : all.part(std::size_t{1} + all[0]);
    }
};

enum class size_form : std::uint8_t { shortest, always_long };

/// The header alone: what announces a frame of any size, whether or not the bytes ever follow.
[[nodiscard]] inline bytes frame_header(std::uint64_t size, std::uint8_t flags = 0,
                                        size_form form = size_form::shortest) {
    bytes out;
    if (size > 255 || form == size_form::always_long) {
        out.push_back(flags | long_flag);
        append_number<8>(out, size);
    } else {
        out.push_back(flags);
        append_number<1>(out, size);
    }
    return out;
}

[[nodiscard]] inline bytes encode_frame(view body, std::uint8_t flags = 0, size_form form = size_form::shortest) {
    bytes out = frame_header(body.size(), flags, form);
    append(out, body);
    return out;
}

/// A command's body: its name's length, its name, its data.
[[nodiscard]] inline bytes command_body(std::string_view name, view data = {}) {
    bytes out{static_cast<std::uint8_t>(name.size())};
    append(out, name);
    append(out, data);
    return out;
}

/// An ERROR command's data: the length of the reason and the reason.
[[nodiscard]] inline bytes error_data(std::string_view reason) { return command_body(reason); }

/// Metadata of READY and INITIATE. A list, not a map: names may repeat.
struct property {
    std::string name;
    bytes value{};
};
using properties = std::vector<property>;

[[nodiscard]] inline bytes encode(const properties& list) {
    bytes out;
    for (const property& p : list) {
        append_number<1>(out, p.name.size());
        append(out, p.name);
        append_number<4>(out, p.value.size());
        append(out, p.value);
    }
    return out;
}

[[nodiscard]] inline std::optional<properties> decode_properties(view in) {
    properties list;
    while (!in.empty()) {
        const std::size_t name_size = in[0];
        if (in.size() < 1 + name_size + 4) return std::nullopt;
        const auto value_size = static_cast<std::size_t>(read_number(in.part(1 + name_size, 4)));
        if (in.size() - (1 + name_size + 4) < value_size) return std::nullopt;
        list.push_back({in.part(1, name_size).text(), in.part(1 + name_size + 4, value_size).copy()});
        in = in.part(1 + name_size + 4 + value_size);
    }
    return list;
}

/// The first value of that name.
[[nodiscard]] inline std::optional<std::string> find(const properties& list, std::string_view name) {
    for (const property& p : list) {
        if (p.name == name) return to_text(p.value);
    }
    return std::nullopt;
}

/// The properties every peer owes: its socket type, and a routing id where its type has one.
[[nodiscard]] inline properties basic_properties(const std::string& socket_type, view routing_id = {}) {
    properties list{{"Socket-Type", to_bytes(socket_type)}};
    if (!routing_id.empty() || socket_type == "DEALER" || socket_type == "ROUTER" || socket_type == "REQ")
        list.push_back({"Identity", to_bytes(routing_id)});
    return list;
}

/// How a handshake ended, from our side.
enum class verdict : std::uint8_t {
    accepted,  ///< READY received (or, as a server, sent)
    refused,   ///< the peer sent ERROR; its reason is in the outcome
    closed,    ///< the peer ended the connection
    silent,    ///< the deadline passed
    malformed, ///< the peer sent something the protocol has no place for
};

struct outcome {
    verdict result = verdict::silent;
    std::string reason{};  ///< the peer's reason, or what did not fit
    properties metadata{}; ///< the peer's, when accepted

    [[nodiscard]] bool accepted() const noexcept { return result == verdict::accepted; }
    /// Refused with a word, by hanging up, or by an endless silence: all of them keep a stranger out.
    [[nodiscard]] bool kept_out() const noexcept { return !accepted(); }
};

/// One ZMTP connection whose owner writes every byte on purpose.
class zmtp_peer {
public:
    explicit zmtp_peer(connection c) noexcept : tcp_{std::move(c)} {}

    [[nodiscard]] connection& tcp() noexcept { return tcp_; }
    [[nodiscard]] const std::optional<greeting>& peer_greeting() const noexcept { return peer_greeting_; }

    /// Sends our greeting and reads the peer's; false when it sends none.
    [[nodiscard]] bool greet(const greeting& ours, const deadline& until = default_patience) {
        if (!tcp_.send_all(ours.encode(), until)) return false;
        const auto theirs = tcp_.receive_exactly(greeting::size, until);
        if (theirs) peer_greeting_ = greeting::decode(*theirs);
        return peer_greeting_.has_value();
    }

    [[nodiscard]] bool send_frame(view body, std::uint8_t flags = 0, const deadline& until = default_patience) {
        return tcp_.send_all(encode_frame(body, flags), until);
    }

    [[nodiscard]] bool send_command(std::string_view name, view data = {}, const deadline& until = default_patience) {
        return send_frame(command_body(name, data), command_flag, until);
    }

    /// Announces a frame of that size and sends none of it.
    [[nodiscard]] bool announce(std::uint64_t size, std::uint8_t flags = 0, const deadline& until = default_patience) {
        return tcp_.send_all(frame_header(size, flags, size_form::always_long), until);
    }

    /// The next frame; empty at the end of the stream or the patience, or when it is larger than `at_most`.
    /// A header whose body has not arrived yet is kept for the next call.
    [[nodiscard]] std::optional<frame> receive_frame(const deadline& until = default_patience,
                                                     std::uint64_t at_most = 64U << 20U) {
        if (!pending_) {
            if (!flags_) {
                const auto first = tcp_.receive_exactly(1, until);
                if (!first) return std::nullopt;
                flags_ = (*first)[0];
            }
            const auto size = tcp_.receive_exactly((*flags_ & long_flag) != 0 ? 8 : 1, until);
            if (!size) return std::nullopt;
            pending_ = read_number(*size);
        }
        if (*pending_ > at_most) return std::nullopt;
        auto body = tcp_.receive_exactly(static_cast<std::size_t>(*pending_), until);
        if (!body) return std::nullopt;
        pending_.reset();
        const auto flags = static_cast<std::uint8_t>(*std::exchange(flags_, std::nullopt) & ~long_flag);
        return frame{flags, std::move(*body)};
    }

    /// The whole NULL handshake.
    [[nodiscard]] outcome null_handshake(const properties& metadata, const deadline& until = default_patience) {
        if (!greet({}, until) || !send_command("READY", encode(metadata), until)) return no_answer();
        return await_ready(until);
    }

    /// The whole PLAIN handshake, as a client.
    [[nodiscard]] outcome plain_handshake(std::string_view user, std::string_view password, const properties& metadata,
                                          const deadline& until = default_patience) {
        bytes hello = command_body(user);
        append(hello, command_body(password));
        if (!greet({.mechanism = "PLAIN"}, until) || !send_command("HELLO", hello, until)) return no_answer();
        const auto welcome = receive_frame(until);
        if (!welcome) return no_answer();
        if (!welcome->is("WELCOME")) return unexpected(*welcome);
        if (!send_command("INITIATE", encode(metadata), until)) return no_answer();
        return await_ready(until);
    }

    /// Reads READY with plain metadata, or why not.
    [[nodiscard]] outcome await_ready(const deadline& until = default_patience) {
        const auto answer = receive_frame(until);
        if (!answer) return no_answer();
        if (!answer->is("READY")) return unexpected(*answer);
        auto metadata = decode_properties(answer->data_after_name());
        if (!metadata) return {verdict::malformed, "READY with broken metadata"};
        return {verdict::accepted, {}, std::move(*metadata)};
    }

    /// What it means that nothing came.
    [[nodiscard]] outcome no_answer() const { return {tcp_.ended() ? verdict::closed : verdict::silent}; }

    /// What it means that something else came.
    [[nodiscard]] static outcome unexpected(const frame& f) {
        if (!f.is("ERROR"))
            return {verdict::malformed, "unexpected frame of " + std::to_string(f.body.size()) + " bytes"};
        const view data = f.data_after_name();
        return {verdict::refused, data.empty() ? std::string{} : data.part(1, data[0]).text()};
    }

private:
    connection tcp_;
    std::optional<greeting> peer_greeting_;
    std::optional<std::uint8_t> flags_;    ///< of a frame whose rest is still on its way
    std::optional<std::uint64_t> pending_; ///< its announced size
};

/// Things that are no ZMTP at all, as a misdirected client or server would send them.
inline constexpr const char* http_request = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
inline constexpr const char* http_answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

} // namespace wire

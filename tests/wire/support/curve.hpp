// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// CURVE peers written by hand after RFC 26 with libsodium: a client and a server that keep to the protocol unless a
/// test's script says otherwise. Since they hold real keys, they show what an *accepted* key can still do wrong.
/// Test support: no libzmq, no header of the library under test.

#include "bytes.hpp"
#include "tcp.hpp"
#include "zmtp.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sodium.h>

namespace wire {

using curve_key = std::array<std::uint8_t, 32>;

namespace detail {

inline void need_sodium() {
    static const bool ready = sodium_init() >= 0;
    if (!ready) throw broken_setup{"libsodium does not start"};
}

inline constexpr std::string_view z85_alphabet =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

using nonce_bytes = std::array<std::uint8_t, crypto_box_NONCEBYTES>;

/// Sixteen letters and a counter, as most CURVE boxes take it.
inline nonce_bytes counted_nonce(std::string_view prefix, std::uint64_t counter) {
    nonce_bytes n{};
    std::copy_n(prefix.begin(), 16, n.begin());
    for (std::size_t i = 0; i < 8; ++i) n[16 + i] = static_cast<std::uint8_t>((counter >> (56 - 8 * i)) & 0xFF);
    return n;
}

/// Eight letters and sixteen bytes that the peer sends along (WELCOME, cookie, vouch).
inline nonce_bytes carried_nonce(std::string_view prefix, view tail) {
    nonce_bytes n{};
    std::copy_n(prefix.begin(), 8, n.begin());
    std::copy_n(tail.begin(), std::min<std::size_t>(16, tail.size()), n.begin() + 8);
    return n;
}

inline bytes random_bytes(std::size_t n) {
    bytes out(n);
    randombytes_buf(out.data(), out.size());
    return out;
}

/// Seals to a public key. A key that libsodium refuses yields zeros of the right length: the receiver must refuse them.
inline bytes box(view plain, const nonce_bytes& n, const curve_key& to, const curve_key& from_secret) {
    bytes out(plain.size() + crypto_box_MACBYTES, 0);
    if (crypto_box_easy(out.data(), plain.data(), plain.size(), n.data(), to.data(), from_secret.data()) != 0)
        std::fill(out.begin(), out.end(), std::uint8_t{0});
    return out;
}

inline std::optional<bytes> unbox(view sealed, const nonce_bytes& n, const curve_key& from,
                                  const curve_key& to_secret) {
    if (sealed.size() < crypto_box_MACBYTES) return std::nullopt;
    bytes out(sealed.size() - crypto_box_MACBYTES);
    std::uint8_t none = 0; // a null pointer is no place to write zero bytes to
    if (crypto_box_open_easy(out.empty() ? &none : out.data(), sealed.data(), sealed.size(), n.data(), from.data(),
                             to_secret.data()) != 0)
        return std::nullopt;
    return out;
}

inline curve_key key_at(view from, std::size_t at) {
    curve_key k{};
    const view part = from.part(at, k.size());
    std::copy(part.begin(), part.end(), k.begin());
    return k;
}

} // namespace detail

/// Forty characters, as libzmq's options and certificate files take a key.
[[nodiscard]] inline std::string z85(const curve_key& key) {
    std::string out;
    for (std::size_t i = 0; i < key.size(); i += 4) {
        auto value = static_cast<std::uint32_t>(read_number(view{key}.part(i, 4)));
        std::array<char, 5> digits{};
        for (std::size_t d = digits.size(); d-- > 0; value /= 85) digits[d] = detail::z85_alphabet[value % 85];
        out.append(digits.data(), digits.size());
    }
    return out;
}

[[nodiscard]] inline curve_key from_z85(std::string_view text) {
    if (text.size() != 40) throw broken_setup{"a key has 40 characters"};
    curve_key key{};
    for (std::size_t i = 0; i < 8; ++i) {
        std::uint64_t value = 0;
        for (const char c : text.substr(i * 5, 5)) {
            const auto digit = detail::z85_alphabet.find(c);
            if (digit == std::string_view::npos) throw broken_setup{"not a Z85 character in a key"};
            value = value * 85 + digit;
        }
        if (value > 0xFFFFFFFF) throw broken_setup{"not a Z85 group in a key"};
        for (std::size_t b = 0; b < 4; ++b) key[i * 4 + b] = static_cast<std::uint8_t>((value >> (24 - 8 * b)) & 0xFF);
    }
    return key;
}

struct curve_keys {
    curve_key public_key{};
    curve_key secret_key{};

    [[nodiscard]] static curve_keys generate() {
        detail::need_sodium();
        curve_keys k;
        crypto_box_keypair(k.public_key.data(), k.secret_key.data());
        return k;
    }
};

/// What a script does to bytes just before they are used. Empty: nothing.
using alteration = std::function<void(bytes&)>;

[[nodiscard]] inline alteration resized_to(std::size_t n) {
    return [n](bytes& b) { b.resize(n, 0); };
}
[[nodiscard]] inline alteration with_bit_flipped(std::size_t at, unsigned bit = 0) {
    return [at, bit](bytes& b) {
        if (at < b.size()) b[at] = static_cast<std::uint8_t>(b[at] ^ (1U << (bit & 7U)));
    };
}
[[nodiscard]] inline alteration replaced_by(bytes with) {
    return [with = std::move(with)](bytes& b) { b = with; };
}

/// A run of frames that stops by itself.
struct burst {
    std::size_t frame = 1;                    ///< bytes of one frame's payload
    std::uint64_t frames = 64;                ///< at most so many
    std::uint64_t wire_bytes = 256ULL << 20U; ///< and at most so many bytes on the wire
    bool unfinished = true;                   ///< every frame says "more"; otherwise each is a message
};

/// What both ends share once their handshake is through.
class curve_peer {
public:
    [[nodiscard]] zmtp_peer& zmtp() noexcept { return zmtp_; }
    [[nodiscard]] connection& tcp() noexcept { return zmtp_.tcp(); }

    /// One frame of a message.
    [[nodiscard]] bool send(view body, bool more = false, const deadline& until = default_patience) {
        return send_sealed(body, more ? more_flag : std::uint8_t{0}, until);
    }
    [[nodiscard]] bool send_message(std::initializer_list<view> parts, const deadline& until = default_patience) {
        std::size_t left = parts.size();
        for (const view part : parts) {
            if (!send(part, --left > 0, until)) return false;
        }
        return true;
    }
    /// A command inside the encrypted stream (PING, SUBSCRIBE, anything).
    [[nodiscard]] bool send_command(std::string_view name, view data = {}, const deadline& until = default_patience) {
        return send_sealed(command_body(name, data), command_flag, until);
    }
    [[nodiscard]] bool subscribe(view topic, const deadline& until = default_patience) {
        return send_command("SUBSCRIBE", topic, until);
    }
    [[nodiscard]] bool cancel(view topic, const deadline& until = default_patience) {
        return send_command("CANCEL", topic, until);
    }
    /// Any body under any combination of more_flag and command_flag.
    [[nodiscard]] bool send_sealed(view body, std::uint8_t flags, const deadline& until = default_patience) {
        return zmtp_.send_frame(seal(body, flags), 0, until);
    }
    /// A sealed frame that a script changes before it leaves.
    [[nodiscard]] bool send_altered(view body, const alteration& change, const deadline& until = default_patience) {
        bytes sealed = seal(body, 0);
        change(sealed);
        return zmtp_.send_frame(sealed, 0, until);
    }
    /// A frame that was never encrypted, in the middle of an encrypted stream.
    [[nodiscard]] bool send_in_clear(view body, std::uint8_t flags = 0, const deadline& until = default_patience) {
        return zmtp_.send_frame(body, flags, until);
    }
    /// Announces a frame of that payload size and sends none of it.
    [[nodiscard]] bool announce(std::uint64_t payload, const deadline& until = default_patience) {
        return zmtp_.announce(payload + overhead, 0, until);
    }

    /// Bytes that a sealed frame is longer than its payload: name, nonce, authenticator, flags.
    static constexpr std::uint64_t overhead = 8 + 8 + crypto_box_MACBYTES + 1;

    /// Sends a run of frames. \return how many frames the connection took before it ended or the limits were reached.
    [[nodiscard]] std::uint64_t send_burst(const burst& what, const deadline& until = default_patience) {
        const bytes body(what.frame, 'x');
        const std::uint64_t one = what.frame + overhead + frame_header(what.frame + overhead).size();
        const std::uint64_t fits = std::min(what.frames, what.wire_bytes / one);
        std::uint64_t sent = 0;
        while (sent < fits && !until.passed()) {
            bytes batch;
            std::uint64_t n = 0;
            for (; sent + n < fits && (n == 0 || batch.size() < 64 * 1024); ++n)
                append(batch, encode_frame(seal(body, what.unfinished ? more_flag : std::uint8_t{0})));
            if (!tcp().send_all(batch, until)) break;
            sent += n;
        }
        return sent;
    }

    /// The next frame, decrypted; empty when none comes or when it does not open (then broken() tells).
    [[nodiscard]] std::optional<frame> receive(const deadline& until = default_patience) {
        const auto outer = zmtp_.receive_frame(until);
        if (!outer) return std::nullopt;
        auto opened = open(*outer);
        if (!opened) broken_ = true;
        return opened;
    }
    /// The next whole message; commands between frames are left out. Empty when it has not ended after 64 Ki frames.
    [[nodiscard]] std::optional<std::vector<bytes>> receive_message(const deadline& until = default_patience) {
        std::vector<bytes> parts;
        while (parts.size() < 65536) {
            auto next = receive(until);
            if (!next) return std::nullopt;
            if (next->command()) continue;
            parts.push_back(std::move(next->body));
            if (!next->more()) return parts;
        }
        return std::nullopt;
    }

    /// True once something arrived that is no sealed frame of this connection.
    [[nodiscard]] bool broken() const noexcept { return broken_; }

    /// The counter of the next box we seal. Setting it back repeats a nonce.
    [[nodiscard]] std::uint64_t next_nonce() const noexcept { return nonce_; }
    void set_next_nonce(std::uint64_t n) noexcept { nonce_ = n; }

protected:
    curve_peer(connection c, std::string_view sealing, std::string_view opening)
        : zmtp_{std::move(c)}, sealing_{sealing}, opening_{opening} {
        detail::need_sodium();
    }

    bool share_secret(const curve_key& theirs, const curve_key& our_secret) {
        return crypto_box_beforenm(shared_.data(), theirs.data(), our_secret.data()) == 0;
    }
    std::uint64_t take_nonce() noexcept { return nonce_++; }

    bytes seal(view body, std::uint8_t flags) {
        bytes plain{
            static_cast<std::uint8_t>(((flags & more_flag) != 0 ? 1 : 0) | ((flags & command_flag) != 0 ? 2 : 0))};
        append(plain, body);
        const std::uint64_t counter = take_nonce();
        bytes out = command_body("MESSAGE");
        append_number<8>(out, counter);
        append(out, seal_shared(plain, sealing_, counter));
        return out;
    }
    bytes seal_shared(view plain, std::string_view prefix, std::uint64_t counter) const {
        bytes sealed(plain.size() + crypto_box_MACBYTES);
        (void)crypto_box_easy_afternm(sealed.data(), plain.data(), plain.size(),
                                      detail::counted_nonce(prefix, counter).data(), shared_.data());
        return sealed;
    }
    std::optional<bytes> open_shared(view sealed, std::string_view prefix, std::uint64_t counter) const {
        if (sealed.size() < crypto_box_MACBYTES) return std::nullopt;
        bytes plain(sealed.size() - crypto_box_MACBYTES);
        std::uint8_t none = 0;
        if (crypto_box_open_easy_afternm(plain.empty() ? &none : plain.data(), sealed.data(), sealed.size(),
                                         detail::counted_nonce(prefix, counter).data(), shared_.data()) != 0)
            return std::nullopt;
        return plain;
    }

    zmtp_peer zmtp_;

private:
    std::optional<frame> open(const frame& outer) {
        if (!outer.is("MESSAGE")) return std::nullopt;
        const view data = outer.data_after_name();
        const std::uint64_t counter = read_number(data.part(0, 8));
        if (data.size() < 8 + crypto_box_MACBYTES + 1 || counter <= peer_nonce_) return std::nullopt;
        const auto plain = open_shared(data.part(8), opening_, counter);
        if (!plain) return std::nullopt;
        peer_nonce_ = counter;
        const std::uint8_t inner = (*plain)[0];
        const int flags = ((inner & 1) != 0 ? more_flag : 0) | ((inner & 2) != 0 ? command_flag : 0);
        return frame{static_cast<std::uint8_t>(flags), view{*plain}.part(1).copy()};
    }

    std::string_view sealing_;
    std::string_view opening_;
    curve_key shared_{};
    std::uint64_t nonce_ = 1;
    std::uint64_t peer_nonce_ = 0;
    bool broken_ = false;
};

/// Who a client is, and where it strays from the protocol. Unset fields keep to it.
struct curve_client_script {
    curve_keys identity{};
    curve_key server{}; ///< the server key it believes in
    std::string socket_type = "DEALER";
    std::string routing_id{};   ///< sent as "Identity", of any length
    properties more_metadata{}; ///< after the basic properties; names may repeat
    greeting banner{.mechanism = "CURVE"};
    std::optional<curve_key> claims{}; ///< a public key to present instead of its own
    alteration hello{};                ///< the HELLO command, sealed
    alteration vouch{};                ///< the vouch's 64 bytes, before sealing
    alteration sealed_vouch{};         ///< and its 80 bytes after
    alteration metadata{};             ///< encoded metadata, before sealing
    alteration initiate{};             ///< the INITIATE command, sealed
};

/// A CURVE client on a connection to a server under test.
class curve_client : public curve_peer {
public:
    curve_client(connection c, curve_client_script script)
        : curve_peer{std::move(c), "CurveZMQMESSAGEC", "CurveZMQMESSAGES"}, script_{std::move(script)} {}

    /// Greeting to READY. Stops at the first step that fails.
    [[nodiscard]] outcome handshake(const deadline& until = default_patience) {
        if (!greet(until) || !send_hello(until)) return zmtp_.no_answer();
        auto so_far = await_welcome(until);
        if (!so_far.accepted()) return so_far;
        if (!send_initiate(until)) return zmtp_.no_answer();
        return await_ready(until);
    }

    // The same in single steps, for peers that stop halfway.
    [[nodiscard]] bool greet(const deadline& until = default_patience) { return zmtp_.greet(script_.banner, until); }

    [[nodiscard]] bool send_hello(const deadline& until = default_patience) {
        bytes hello = command_body("HELLO");
        append_number<2>(hello, 0x0100); // CurveZMQ 1.0
        hello.resize(hello.size() + 72, 0);
        append(hello, transient_.public_key);
        const std::uint64_t counter = take_nonce();
        append_number<8>(hello, counter);
        append(hello, detail::box(bytes(64, 0), detail::counted_nonce("CurveZMQHELLO---", counter), script_.server,
                                  transient_.secret_key));
        if (script_.hello) script_.hello(hello);
        return zmtp_.send_frame(hello, command_flag, until);
    }

    /// `accepted` when WELCOME came and proves that the peer holds the key we believe in.
    [[nodiscard]] outcome await_welcome(const deadline& until = default_patience) {
        const auto answer = zmtp_.receive_frame(until);
        if (!answer) return zmtp_.no_answer();
        if (!answer->is("WELCOME")) return zmtp_peer::unexpected(*answer);
        const view data = answer->data_after_name();
        const auto plain = detail::unbox(data.part(16), detail::carried_nonce("WELCOME-", data.part(0, 16)),
                                         script_.server, transient_.secret_key);
        if (data.size() != 160 || !plain) return {verdict::malformed, "WELCOME does not open"};
        server_transient_ = detail::key_at(*plain, 0);
        cookie_ = view{*plain}.part(32).copy();
        if (!share_secret(server_transient_, transient_.secret_key)) return {verdict::malformed, "null server key"};
        return {verdict::accepted};
    }

    [[nodiscard]] bool send_initiate(const deadline& until = default_patience) {
        bytes vouch;
        append(vouch, transient_.public_key);
        append(vouch, script_.server);
        if (script_.vouch) script_.vouch(vouch);
        const bytes vouch_nonce = detail::random_bytes(16);
        bytes sealed_vouch = detail::box(vouch, detail::carried_nonce("VOUCH---", vouch_nonce), server_transient_,
                                         script_.identity.secret_key);
        if (script_.sealed_vouch) script_.sealed_vouch(sealed_vouch);

        properties all = basic_properties(script_.socket_type, script_.routing_id);
        all.insert(all.end(), script_.more_metadata.begin(), script_.more_metadata.end());
        bytes metadata = encode(all);
        if (script_.metadata) script_.metadata(metadata);

        bytes plain;
        append(plain, script_.claims.value_or(script_.identity.public_key));
        append(plain, vouch_nonce);
        append(plain, sealed_vouch);
        append(plain, metadata);

        bytes initiate = command_body("INITIATE");
        append(initiate, cookie_);
        const std::uint64_t counter = take_nonce();
        append_number<8>(initiate, counter);
        append(initiate, detail::box(plain, detail::counted_nonce("CurveZMQINITIATE", counter), server_transient_,
                                     transient_.secret_key));
        if (script_.initiate) script_.initiate(initiate);
        return zmtp_.send_frame(initiate, command_flag, until);
    }

    [[nodiscard]] outcome await_ready(const deadline& until = default_patience) {
        const auto answer = zmtp_.receive_frame(until);
        if (!answer) return zmtp_.no_answer();
        if (!answer->is("READY")) return zmtp_peer::unexpected(*answer);
        const view data = answer->data_after_name();
        const auto plain = open_shared(data.part(8), "CurveZMQREADY---", read_number(data.part(0, 8)));
        if (!plain) return {verdict::malformed, "READY does not open"};
        auto metadata = decode_properties(*plain);
        if (!metadata) return {verdict::malformed, "READY with broken metadata"};
        return {verdict::accepted, {}, std::move(*metadata)};
    }

private:
    curve_client_script script_;
    curve_keys transient_ = curve_keys::generate();
    curve_key server_transient_{};
    bytes cookie_;
};

/// Who a server is, and where it strays from the protocol. Unset fields keep to it.
struct curve_server_script {
    curve_keys identity{};
    std::string socket_type = "ROUTER";
    std::string routing_id{};
    properties more_metadata{};
    greeting banner{.mechanism = "CURVE", .as_server = true};
    std::function<bool(const curve_key&)> admits{};  ///< empty: anybody; otherwise ERROR 400 for the rest
    std::optional<std::string> error_for_hello{};    ///< ERROR with this reason instead of WELCOME
    std::optional<std::string> error_for_initiate{}; ///< and instead of READY
    alteration welcome{};                            ///< the WELCOME command, sealed
    alteration metadata{};                           ///< READY's metadata, before sealing
    alteration ready{};                              ///< the READY command, sealed
};

/// A CURVE server on one accepted connection, towards a connecting socket under test.
class curve_server : public curve_peer {
public:
    curve_server(connection c, curve_server_script script)
        : curve_peer{std::move(c), "CurveZMQMESSAGES", "CurveZMQMESSAGEC"}, script_{std::move(script)} {}

    /// Greeting to READY. Stops at the first step that fails.
    [[nodiscard]] outcome handshake(const deadline& until = default_patience) {
        auto so_far = receive_initiate(until);
        if (!so_far.accepted()) return so_far;
        if (script_.error_for_initiate) return answer_error(*script_.error_for_initiate, until);
        if (script_.admits && !script_.admits(client_key_)) return answer_error("400", until);
        if (!send_ready(until)) return zmtp_.no_answer();
        return so_far;
    }

    /// Greeting to INITIATE: who the client is and what it says about itself, READY still owed.
    [[nodiscard]] outcome receive_initiate(const deadline& until = default_patience) {
        if (!zmtp_.greet(script_.banner, until)) return zmtp_.no_answer();
        const auto hello = zmtp_.receive_frame(until);
        if (!hello) return zmtp_.no_answer();
        if (!hello->is("HELLO")) return zmtp_peer::unexpected(*hello);
        if (script_.error_for_hello) return answer_error(*script_.error_for_hello, until);
        if (auto so_far = read_hello(hello->data_after_name()); !so_far.accepted()) return so_far;
        if (!send_welcome(until)) return zmtp_.no_answer();
        const auto initiate = zmtp_.receive_frame(until);
        if (!initiate) return zmtp_.no_answer();
        if (!initiate->is("INITIATE")) return zmtp_peer::unexpected(*initiate);
        return read_initiate(initiate->data_after_name());
    }

    [[nodiscard]] bool send_ready(const deadline& until = default_patience) {
        properties all = basic_properties(script_.socket_type, script_.routing_id);
        all.insert(all.end(), script_.more_metadata.begin(), script_.more_metadata.end());
        bytes metadata = encode(all);
        if (script_.metadata) script_.metadata(metadata);
        bytes ready = command_body("READY");
        const std::uint64_t counter = take_nonce();
        append_number<8>(ready, counter);
        append(ready, seal_shared(metadata, "CurveZMQREADY---", counter));
        if (script_.ready) script_.ready(ready);
        return zmtp_.send_frame(ready, command_flag, until);
    }

    /// The client's long-term key, once INITIATE has been read.
    [[nodiscard]] const curve_key& client_key() const noexcept { return client_key_; }

private:
    outcome answer_error(const std::string& reason, const deadline& until) {
        if (!zmtp_.send_command("ERROR", error_data(reason), until)) return zmtp_.no_answer();
        return {verdict::refused, "we answered ERROR " + reason};
    }

    outcome read_hello(view data) {
        if (data.size() != 194) return {verdict::malformed, "HELLO of a wrong length"};
        client_transient_ = detail::key_at(data, 74);
        const auto plain =
            detail::unbox(data.part(114), detail::counted_nonce("CurveZMQHELLO---", read_number(data.part(106, 8))),
                          client_transient_, script_.identity.secret_key);
        if (!plain || *plain != bytes(64, 0)) return {verdict::malformed, "HELLO is not meant for our key"};
        return {verdict::accepted};
    }

    bool send_welcome(const deadline& until) {
        bytes remembered;
        append(remembered, client_transient_);
        append(remembered, transient_.secret_key);
        const bytes cookie_nonce = detail::random_bytes(16);
        bytes sealed(remembered.size() + crypto_secretbox_MACBYTES);
        (void)crypto_secretbox_easy(sealed.data(), remembered.data(), remembered.size(),
                                    detail::carried_nonce("COOKIE--", cookie_nonce).data(), cookie_key_.data());
        cookie_ = cookie_nonce;
        append(cookie_, sealed);

        bytes plain;
        append(plain, transient_.public_key);
        append(plain, cookie_);
        const bytes nonce = detail::random_bytes(16);
        bytes welcome = command_body("WELCOME", nonce);
        append(welcome, detail::box(plain, detail::carried_nonce("WELCOME-", nonce), client_transient_,
                                    script_.identity.secret_key));
        if (script_.welcome) script_.welcome(welcome);
        return zmtp_.send_frame(welcome, command_flag, until);
    }

    outcome read_initiate(view data) {
        if (data.size() < 248) return {verdict::malformed, "INITIATE of a wrong length"};
        if (!(data.part(0, 96) == view{cookie_}))
            return {verdict::malformed, "INITIATE with a cookie that is not ours"};
        const auto plain =
            detail::unbox(data.part(104), detail::counted_nonce("CurveZMQINITIATE", read_number(data.part(96, 8))),
                          client_transient_, transient_.secret_key);
        if (!plain) return {verdict::malformed, "INITIATE does not open"};
        client_key_ = detail::key_at(*plain, 0);
        const auto vouch =
            detail::unbox(view{*plain}.part(48, 80), detail::carried_nonce("VOUCH---", view{*plain}.part(32, 16)),
                          client_key_, transient_.secret_key);
        if (!vouch || !(view{*vouch}.part(0, 32) == view{client_transient_}) ||
            !(view{*vouch}.part(32) == view{script_.identity.public_key}))
            return {verdict::malformed, "the vouch is not for this connection"};
        auto metadata = decode_properties(view{*plain}.part(128));
        if (!metadata) return {verdict::malformed, "INITIATE with broken metadata"};
        if (!share_secret(client_transient_, transient_.secret_key)) return {verdict::malformed, "null client key"};
        return {verdict::accepted, {}, std::move(*metadata)};
    }

    curve_server_script script_;
    curve_keys transient_ = curve_keys::generate();
    curve_key client_transient_{};
    curve_key client_key_{};
    curve_key cookie_key_ = detail::key_at(detail::random_bytes(32), 0);
    bytes cookie_;
};

} // namespace wire

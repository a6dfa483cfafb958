// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Where hostile peers and the library meet: people whose keys both sides hold, sockets of every pattern with their
/// opposite numbers, and conversations that show whether an honest peer is still served. Test support.

#include "../../catch.hpp"
#include "bytes.hpp"
#include "curve.hpp"
#include "eventually.hpp"
#include "tcp.hpp"
#include "zmtp.hpp"

#include <ironhouse/core/domain.hpp>
#include <ironhouse/core/endpoint.hpp>
#include <ironhouse/core/limits.hpp>
#include <ironhouse/core/pattern.hpp>
#include <ironhouse/core/units.hpp>
#include <ironhouse/keys/certificate.hpp>
#include <ironhouse/keys/key_source.hpp>
#include <ironhouse/keys/keypair.hpp>
#include <ironhouse/keys/keyring.hpp>
#include <ironhouse/keys/public_key.hpp>
#include <ironhouse/security/curve.hpp>
#include <ironhouse/sentry/events.hpp>
#include <ironhouse/socket/context.hpp>
#include <ironhouse/socket/socket.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <poll.h>

namespace house {

namespace ih = ironhouse;
using namespace ih::literals;

/// Long enough for anything that is going to happen, on a busy machine under sanitizers.
inline constexpr std::chrono::seconds soon{20};

// --- people -----------------------------------------------------------------------------------------------------------

/// Somebody with a key, for whom certificates are written as often as a test needs one, and hand-written peers may act.
struct person {
    std::string name;
    wire::curve_keys keys = wire::curve_keys::generate();

    [[nodiscard]] ih::public_key key() const {
        return ih::public_key::from_bytes(std::as_bytes(std::span<const std::uint8_t, 32>{keys.public_key}));
    }
    [[nodiscard]] ih::certificate papers() const {
        const auto source = ih::key_source::callback(
            [text = wire::z85(keys.secret_key)](auto& into) { into.append(text); }, "a test's key");
        return ih::certificate::of(name, ih::keypair::from_secret(source.read_secret_key()));
    }
};

/// One server, three people it lets in, and one it does not know.
struct people {
    person server{"server"};
    person ann{"ann"}; ///< keeps to the rules
    person ben{"ben"}; ///< likewise
    person eve{"eve"}; ///< is let in, and breaks them
    person mallory{"mallory"};

    /// More who break them, each with a key.
    std::vector<person> gang = [] {
        std::vector<person> all;
        for (int n = 1; n != 20; ++n) all.push_back(person{"eve" + std::to_string(n)});
        return all;
    }();

    ih::keyring ring = ih::keyring::of(let_in());

    [[nodiscard]] std::vector<ih::keyring::entry> let_in() const {
        std::vector<ih::keyring::entry> all{{"ann", ann.key()}, {"ben", ben.key()}, {"eve", eve.key()}};
        for (const person& each : gang) all.push_back({each.name, each.key()});
        return all;
    }
    /// The attackers: eve, and then the gang.
    [[nodiscard]] const person& attacker(int n) const {
        return n == 0 ? eve : gang.at(static_cast<std::size_t>(n) - 1);
    }
    [[nodiscard]] ih::curve_server serving(ih::domain domain = "orders") const {
        return {.domain = domain, .clients = ring, .identity = server.papers()};
    }
    [[nodiscard]] ih::curve_client as(const person& who) const {
        return {.identity = who.papers(), .server = server.key()};
    }
    /// The same for a hand-written peer.
    [[nodiscard]] wire::curve_client_script script(const person& who, const std::string& type) const {
        return {.identity = who.keys, .server = server.keys.public_key, .socket_type = type};
    }
};

// --- events -----------------------------------------------------------------------------------------------------------

/// Collects a context's events.
class ear {
public:
    struct heard {
        ih::reason why;
        std::string domain, peer, address, detail;
    };
    [[nodiscard]] std::function<void(const ih::event&)> listening() {
        return [this](const ih::event& e) {
            const std::lock_guard held{lock_};
            all_.push_back(
                {e.why, std::string{e.domain}, std::string{e.peer}, std::string{e.address}, std::string{e.detail}});
        };
    }
    [[nodiscard]] std::vector<heard> of(ih::reason why) const {
        const std::lock_guard held{lock_};
        std::vector<heard> found;
        std::copy_if(all_.begin(), all_.end(), std::back_inserter(found), [&](const heard& h) { return h.why == why; });
        return found;
    }

private:
    mutable std::mutex lock_;
    std::vector<heard> all_;
};

/// Waits until something was decided at least so often.
inline bool counted(const ih::context& context, ih::reason why, std::uint64_t times = 1) {
    return wire::eventually([&] { return context.count(why) >= times; }, soon);
}

// --- sockets ----------------------------------------------------------------------------------------------------------

inline constexpr ih::inbound receiving{.peers = 16_peers, .queue = 100_messages, .frames = 4_frames, .frame = 1_KiB};
inline constexpr ih::outbound sending{.peers = 16_peers, .queue = 100_messages, .frames = 4_frames, .frame = 1_KiB};
inline constexpr std::size_t frame_limit = 1024;
inline constexpr std::size_t frames_limit = 4;

template <class Pattern> consteval typename Pattern::limits limits_of() {
    if constexpr (std::is_same_v<typename Pattern::limits, ih::inbound>)
        return receiving;
    else if constexpr (std::is_same_v<typename Pattern::limits, ih::outbound>)
        return sending;
    else
        return ih::duplex{.in = receiving, .out = sending};
}

template <class Pattern> using server_of = ih::socket<Pattern, limits_of<Pattern>(), ih::curve_server>;
template <class Pattern> using client_of = ih::socket<Pattern, limits_of<Pattern>(), ih::curve_client>;

template <class Socket> [[nodiscard]] std::uint16_t port_of(Socket& bound) {
    return wire::port_of(bound.last_endpoint());
}

[[nodiscard]] inline auto endpoint_at(std::uint16_t port, const std::string& from = {}) {
    const std::string source = from.empty() ? from : from + ":0;";
    return ih::connect_endpoint<ih::curve_client::protects>::parse("tcp://" + source +
                                                                   "127.0.0.1:" + std::to_string(port));
}

/// Who talks to a server of that pattern, and how hand-written peers name that type.
template <class Pattern> struct opposite;
template <> struct opposite<ih::pull> {
    using pattern = ih::push;
    static constexpr const char* type = "PUSH";
};
template <> struct opposite<ih::push> {
    using pattern = ih::pull;
    static constexpr const char* type = "PULL";
};
template <> struct opposite<ih::router> {
    using pattern = ih::dealer;
    static constexpr const char* type = "DEALER";
};
template <> struct opposite<ih::dealer> {
    using pattern = ih::dealer;
    static constexpr const char* type = "DEALER";
};
template <> struct opposite<ih::rep> {
    using pattern = ih::req;
    static constexpr const char* type = "REQ";
};
template <> struct opposite<ih::pair> {
    using pattern = ih::pair;
    static constexpr const char* type = "PAIR";
};
template <> struct opposite<ih::xpub> {
    using pattern = ih::sub;
    static constexpr const char* type = "SUB";
};

/// Sends one text; true when it was taken.
template <class Socket> [[nodiscard]] bool say(Socket& by, std::string_view text) {
    typename Socket::message m;
    return m.add(text) && by.send(m, soon) == ih::send_status::queued;
}

/// The next message's last frame; empty when none comes in time.
template <class Socket> [[nodiscard]] std::string hear(Socket& at, std::chrono::milliseconds patience = soon) {
    typename Socket::message m;
    if (at.receive(m, patience) != ih::receive_status::received) return {};
    return std::string{m[m.size() - 1].text()};
}

/// Says something from client to server, and back where the pattern answers. What else the server was handed on the way
/// goes to `surfaced`. \return what went wrong, nothing when all is well.
template <class Pattern, class Server, class Client>
[[nodiscard]] std::string converse(Server& server, Client& client, const std::string& text,
                                   std::vector<std::string>& surfaced) {
    constexpr bool subscribes = std::is_same_v<Pattern, ih::xpub>;
    const std::string expected = subscribes ? '\1' + text : text;
    if constexpr (subscribes)
        client.subscribe(text);
    else if (!say(client, text))
        return "the client could not send";
    const wire::deadline until{soon};
    typename Server::message m;
    for (;;) {
        const auto status = server.receive(m, until.remaining());
        if (status != ih::receive_status::received) return "the server heard nothing of the client";
        const std::string got{m[m.size() - 1].text()};
        if (got == expected) break;
        surfaced.push_back(got);
        if constexpr (std::is_same_v<Pattern, ih::rep>) {
            typename Server::message nothing;
            if (server.send(nothing, soon) != ih::send_status::queued) return "the server could not answer another";
        }
    }
    if constexpr (!std::is_same_v<Pattern, ih::pull> && !std::is_same_v<Pattern, ih::dealer>) {
        typename Server::message reply;
        if (!reply.add(text + " back")) return "too long for a reply";
        if constexpr (std::is_same_v<Pattern, ih::router>) reply.to(m);
        if (server.send(reply, soon) != ih::send_status::queued) return "the server could not answer";
        if (hear(client) != text + " back") return "the client got no answer";
    }
    return {};
}

/// Lets the owner wait, as it would, until the listener has a newcomer.
template <class Owner> [[nodiscard]] bool comes_back(wire::listener& at, const Owner& waits) {
    return wire::eventually(
        [&] {
            waits();
            pollfd p{at.native(), POLLIN, 0};
            return ::poll(&p, 1, 0) == 1;
        },
        soon);
}

/// The right server, by hand: on the very port that a client comes back to.
[[nodiscard]] inline wire::curve_server welcome(wire::listener& at, const people& who, const std::string& type) {
    auto met = at.accept(soon);
    REQUIRE(met);
    wire::curve_server server{std::move(*met), {.identity = who.server.keys, .socket_type = type}};
    const auto came = server.handshake(soon);
    CAPTURE(came.reason);
    REQUIRE(came.accepted());
    CHECK(wire::view{server.client_key()} == wire::view{who.ann.keys.public_key});
    return server;
}

} // namespace house

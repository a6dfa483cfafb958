// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A go-between that ends CURVE on both sides: a server with its own key towards the client, a client with its own key
/// towards the server. What it can read is what a wrongly provisioned key would cost. Test support, bounded as relay.hpp.

#include "bytes.hpp"
#include "curve.hpp"
#include "descriptor.hpp"
#include "eventually.hpp"
#include "tcp.hpp"
#include "zmtp.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>

namespace wire {

struct mitm_options {
    curve_keys towards_client = curve_keys::generate(); ///< the key it shows to clients
    curve_keys towards_server = curve_keys::generate(); ///< the key it shows to the server
    curve_key server{};                                 ///< the real server's public key, which anybody may know
    std::string as_server = "ROUTER";                   ///< its socket type towards the client
    std::string as_client = "DEALER";                   ///< and towards the server
    std::size_t connections = 64;                       ///< served one after another, then it stops
    std::chrono::seconds handshake{2};                  ///< patience for each side
    std::chrono::seconds lives{120};
};

class mitm {
public:
    /// How one client fared: the go-between's two handshakes.
    struct sighting {
        outcome with_client; ///< accepted: the client mistook us for its server
        outcome with_server; ///< accepted: the server let our own key in
    };

    mitm(std::uint16_t target, mitm_options options) : options_{std::move(options)}, target_{target} {
        worker_ = std::thread{[this] { run(); }};
    }
    mitm(const mitm&) = delete;
    mitm& operator=(const mitm&) = delete;
    ~mitm() {
        stopping_ = true;
        worker_.join();
    }

    [[nodiscard]] std::uint16_t port() const noexcept { return listener_.port(); }
    [[nodiscard]] std::string endpoint() const { return listener_.endpoint(); }
    [[nodiscard]] const curve_key& key_towards_client() const noexcept { return options_.towards_client.public_key; }
    [[nodiscard]] const curve_key& key_towards_server() const noexcept { return options_.towards_server.public_key; }

    [[nodiscard]] std::vector<sighting> sightings() const {
        const std::lock_guard hold{lock_};
        return sightings_;
    }
    /// Frames it decrypted, of both directions: none when CURVE does its work.
    [[nodiscard]] std::vector<bytes> read_frames() const {
        const std::lock_guard hold{lock_};
        return frames_;
    }

private:
    void run() {
        const deadline ends{options_.lives};
        for (std::size_t n = 0; n < options_.connections && !stopping_ && !ends.passed();) {
            auto client = listener_.accept(std::chrono::milliseconds{20});
            if (!client) continue;
            ++n;
            serve(std::move(*client), ends);
        }
        listener_.close();
    }

    void serve(connection from_client, const deadline& ends) {
        sighting seen;
        curve_server client{std::move(from_client),
                            {.identity = options_.towards_client, .socket_type = options_.as_server}};
        seen.with_client = client.handshake(options_.handshake);
        std::optional<curve_client> server;
        // The server is tried in any case: it must not let this key in whatever the client does.
        if (auto to_server = connection::attempt(target_, "127.0.0.1", options_.handshake)) {
            server.emplace(std::move(*to_server), curve_client_script{.identity = options_.towards_server,
                                                                      .server = options_.server,
                                                                      .socket_type = options_.as_client});
            seen.with_server = server->handshake(options_.handshake);
        }
        const bool through = seen.with_client.accepted() && seen.with_server.accepted();
        {
            const std::lock_guard hold{lock_};
            sightings_.push_back(std::move(seen));
        }
        while (through && !stopping_ && !ends.passed() && pump(client, *server) && pump(*server, client)) {
            std::array<pollfd, 2> fds{pollfd{client.tcp().native(), POLLIN, 0},
                                      pollfd{server->tcp().native(), POLLIN, 0}};
            (void)::poll(fds.data(), fds.size(), 20);
        }
    }

    /// Passes on what has arrived; false when the connection is over.
    bool pump(curve_peer& from, curve_peer& to) {
        // A run of frames ends, so that neither side starves the other.
        for (int n = 0; n < 256; ++n) {
            const auto f = from.receive(std::chrono::milliseconds{0});
            if (!f) break;
            {
                const std::lock_guard hold{lock_};
                if (frames_.size() < 4096) frames_.push_back(f->body);
            }
            if (!to.send_sealed(f->body, f->flags)) return false;
        }
        return !from.tcp().ended() && !from.broken();
    }

    mitm_options options_;
    std::uint16_t target_;
    listener listener_;
    mutable std::mutex lock_;
    std::vector<sighting> sightings_;
    std::vector<bytes> frames_;
    std::atomic<bool> stopping_{false};
    std::thread worker_; // last: everything above exists when it starts
};

} // namespace wire

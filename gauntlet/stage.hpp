// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Where one attack meets one program: its keys, its process, the honest peer beside it. Gauntlet.

#include "attacks.hpp"
#include "credentials.hpp"
#include "honest.hpp"
#include "victim.hpp"

#include "../tests/wire/support/curve.hpp"
#include "../tests/wire/support/tcp.hpp"
#include "../tests/wire/support/zmtp.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <zmq.hpp>

namespace gauntlet {

/// The loopback address hostile connections come from; the honest peer has its own.
inline constexpr const char* hostile_address = "127.0.0.66";

struct lodging {
    explicit lodging(const surroundings& where) : keys{where.scratch} {}

    credentials keys;
    memory_log memory{std::chrono::steady_clock::now()};
    std::unique_ptr<victim> sink, feed; ///< by job
};

class stage {
public:
    stage(program which, bare_keys keys, const surroundings& where, std::chrono::steady_clock::time_point since,
          lodging* with)
        : which_{which}, bare_keys_{keys}, programs_{where.programs}, lodging_{with}, memory_{since} {
        if (lodging_ == nullptr) own_keys_.emplace(where.scratch);
    }

    [[nodiscard]] bool ironhouse() const noexcept { return which_ == program::ironhouse; }
    /// Whether this program speaks CURVE: the attacker adapts to what it meets.
    [[nodiscard]] bool curve() const noexcept { return ironhouse() || bare_keys_ != bare_keys::none; }
    [[nodiscard]] credentials& keys() noexcept { return own_keys_ ? *own_keys_ : lodging_->keys; }
    [[nodiscard]] zmq::context_t& context() noexcept { return context_; }
    [[nodiscard]] victim& server() { return *server_; }

    /// Starts the server and the honest peer, and waits until the peer is served.
    void open(std::chrono::milliseconds pace = 4ms) {
        call_server("sink");
        if (!server().opened())
            throw wire::broken_setup{"the server does not start: " + server().refusal().value_or("no word from it")};
        welcome_honest_peer(pace);
        server().take_baseline();
    }
    void start_server(const char* job = "sink") {
        ann_.reset();
        std::vector<std::string> words{job};
        if (!ironhouse()) words.emplace_back(name_of(bare_keys_));
        server_ = std::make_unique<victim>(command(std::move(words)), memory_);
    }
    /// Whether somebody honest who was not there before is served in that time: Ben, from an address of his own.
    [[nodiscard]] bool serves_newcomer(std::chrono::milliseconds patience) {
        const wire::deadline until{patience};
        const auto ben = line("ben", {}, "127.0.0.10");
        if (hostile_type_ == "SUB") return reader{context_, ben}.next(patience).has_value();
        pusher his{context_, ben};
        const std::size_t before = server().count("ben");
        return his.push("ben", before + 1) && server().await("ben", before + 1, until) > before;
    }
    void welcome_honest_peer(std::chrono::milliseconds pace = 4ms) {
        ann_ = std::make_unique<honest_peer>(context_, server(), line(honest_peer::name), pace);
        if (server().await(honest_peer::name, 5, 10s) < 5) throw wire::broken_setup{"the honest peer was never served"};
    }

    /// Starts the program as a publisher; the honest peer subscribes, and hostile ones are subscribers too.
    void open_feed() {
        hostile_type_ = "SUB";
        call_server("feed");
        if (!server().opened())
            throw wire::broken_setup{"the server does not start: " + server().refusal().value_or("no word from it")};
        auto ann = std::make_unique<honest_reader>(context_, server(), line(honest_peer::name));
        const bool served = ann->served(10s);
        ann_ = std::move(ann);
        if (!served) throw wire::broken_setup{"the honest peer was never served"};
        server().take_baseline();
    }

    /// Starts the program as one that acknowledges orders, and a client of its kind as the honest peer; hostile ones are
    /// clients too.
    void open_desk() {
        hostile_type_ = "DEALER";
        start_server("desk");
        if (!server().opened())
            throw wire::broken_setup{"the server does not start: " + server().refusal().value_or("no word from it")};
        auto words = command({"client"});
        words.push_back(fmt::format("127.0.0.1:{}", server().port()));
        client_ = std::make_unique<victim>(words, memory_);
        ann_ = std::make_unique<honest_client>(server(), client(), std::vector<std::string>{"ann", "ann-next"});
        if (client().await_acknowledgements(20, 10s) < 20) throw wire::broken_setup{"the honest peer was never served"};
        server().take_baseline();
    }
    /// The honest peer of open_desk().
    [[nodiscard]] victim& client() { return *client_; }

    /// Starts the program as a client of that address.
    void open_client(const std::string& server_address) {
        std::vector<std::string> words = command({"source"});
        words.push_back(server_address);
        server_ = std::make_unique<victim>(words, memory_);
        if (!server().opened())
            throw wire::broken_setup{"the client does not start: " + server().refusal().value_or("no word from it")};
        server().take_baseline();
    }

    /// How a peer of that name reaches the server, past `port` when somebody sits on its line.
    [[nodiscard]] line_to_server line(const std::string& who, std::optional<std::uint16_t> port = {},
                                      std::string from = "127.0.0.9") {
        line_to_server made{.port = port.value_or(server().port()), .from = std::move(from)};
        if (curve()) {
            made.identity = keys().of(who);
            made.server_key = keys().server().public_key;
        }
        return made;
    }

    /// A hostile connection, before anything is said; empty when nobody accepts it.
    [[nodiscard]] std::optional<wire::connection> try_knock() {
        return wire::connection::attempt(server().port(), hostile_address, 2s);
    }
    [[nodiscard]] wire::connection knock() { return wire::connection::to(server().port(), hostile_address, 2s); }

    /// A hostile peer that writes its CURVE frames by hand, under the key of that name.
    [[nodiscard]] wire::curve_client curve_peer(const std::string& who) { return curve_peer(who, knock()); }
    /// The same, on a connection that is there already.
    [[nodiscard]] wire::curve_client curve_peer(const std::string& who, wire::connection line) {
        return curve_peer(who, std::move(line), keys().server());
    }
    [[nodiscard]] wire::curve_client curve_peer(const std::string& who, wire::connection line,
                                                const key_pair& server_key) {
        const key_pair& own = keys().of(who);
        return {std::move(line),
                {.identity = {wire::from_z85(own.public_key), wire::from_z85(own.secret_key)},
                 .server = wire::from_z85(server_key.public_key),
                 .socket_type = hostile_type_}};
    }
    /// The same, or nothing when the server does not take it in.
    [[nodiscard]] std::unique_ptr<wire::curve_client> accepted_peer(const std::string& who,
                                                                    std::chrono::milliseconds patience = 3s) {
        return accepted_peer(who, keys().server(), patience);
    }
    /// The same for a peer that believes in that key of the server.
    [[nodiscard]] std::unique_ptr<wire::curve_client>
    accepted_peer(const std::string& who, const key_pair& server_key, std::chrono::milliseconds patience) {
        auto line = try_knock();
        if (!line) return nullptr;
        auto peer = std::make_unique<wire::curve_client>(curve_peer(who, std::move(*line), server_key));
        if (!peer->handshake(patience).accepted()) return nullptr;
        return peer;
    }

    /// What came of the attack, completed by what every program owes in the end: it runs, it answers, and the honest
    /// peer was served throughout.
    [[nodiscard]] outcome conclude(outcome so_far) {
        honest_report ann;
        if (ann_) {
            ann = ann_->finish(6s);
            so_far.honest = ann.figures();
        }
        if (const auto end = server().ended(0s)) {
            so_far.held = false;
            so_far.text = "died: " + end->text();
            return so_far;
        }
        if (!server().ask("ping", "pong", 2s)) {
            so_far.held = false;
            so_far.text += "; no longer answers";
        }
        if (ann_ && !ann.served()) {
            so_far.held = false;
            so_far.text += "; " + ann.complaint();
        }
        return so_far;
    }
    /// How the program ended; empty while it runs, or when none was started.
    [[nodiscard]] std::optional<wire::exit_status> ended() {
        return server_ ? server_->ended(0s) : std::optional<wire::exit_status>{};
    }
    void dismiss_honest_peer() { ann_.reset(); }
    /// Ends everything but who lives in the lodging, and says what memory its programs used.
    [[nodiscard]] std::vector<process_memory> clear_away() {
        ann_.reset();
        client_.reset();
        if (lodged_ != nullptr && server_ && server_->speaking()) *lodged_ = std::move(server_);
        server_.reset();
        return memory_.take();
    }

private:
    // The one that lives in the lodging; where there is none, a new one, which moves in.
    void call_server(const char* job) {
        if (lodging_ == nullptr) return start_server(job);
        lodged_ = job == std::string_view{"feed"} ? &lodging_->feed : &lodging_->sink;
        server_ = std::move(*lodged_);
        if (server_ && server_->speaking()) {
            server_->turn_the_page();
            // What the last attack did may still be held against its address.
            const wire::deadline until{20s};
            while (!accepted_peer("mallory", 1s))
                if (until.passed()) throw wire::broken_setup{"the server takes an accepted key in no more"};
            return;
        }
        server_ = std::make_unique<victim>(command({job}), lodging_->memory);
    }
    static const char* name_of(bare_keys keys) noexcept {
        switch (keys) {
        case bare_keys::none: return "none";
        case bare_keys::curve: return "curve";
        case bare_keys::authenticator: break;
        }
        return "authenticator";
    }
    [[nodiscard]] std::vector<std::string> command(std::vector<std::string> words) const {
        words.insert(words.begin(), (programs_ / (ironhouse() ? "victim_ironhouse" : "victim_bare")).string());
        words.push_back((own_keys_ ? *own_keys_ : lodging_->keys).home().string());
        return words;
    }

    program which_;
    bare_keys bare_keys_;
    std::filesystem::path programs_;
    lodging* lodging_;
    std::unique_ptr<victim>* lodged_ = nullptr; ///< where the server goes back to
    std::optional<credentials> own_keys_;
    memory_log memory_;
    zmq::context_t context_;
    std::unique_ptr<victim> server_;
    std::unique_ptr<victim> client_;
    std::string hostile_type_ = "PUSH";
    std::unique_ptr<honest_party> ann_; // last: it uses all of the above
};

} // namespace gauntlet

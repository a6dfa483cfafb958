// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A connection to the old service for each client of a router: the service then sees what it saw when clients came to it
/// themselves, a name for each and no frame more, and a client that does not read its answers keeps nobody waiting. The name is
/// that of the client's key: what a client says of itself is not looked at.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>

#include <ironhouse/insecure.hpp>
#include <ironhouse/ironhouse.hpp>
#include <ironhouse/threads/proxy.hpp>
#include <zmq.h>

namespace tool {

/// Where the connections go. A back end as `proxy.cpp` knows them, opened with the first request of each client.
template <class Dealer> class client_links {
public:
    using address = ironhouse::connect_endpoint<ironhouse::insecure::plaintext::protects>;

    client_links(ironhouse::context& within, const ironhouse::insecure::plaintext& why,
                 const typename Dealer::limits_type& limits, const ironhouse::socket_options& options)
        : within_{within}, why_{why}, limits_{limits}, options_{options} {}
    void connect(const address& to) { to_ = to; }

    struct link {
        Dealer socket;
        typename Dealer::message answer; // received, and the client has no room for it yet
        std::string at;                  // the routing id of the client's present connection
        std::uint64_t used = 0;
        bool holds = false;
        link(ironhouse::context& within, const ironhouse::insecure::plaintext& why,
             const typename Dealer::limits_type& limits, const ironhouse::socket_options& options)
            : socket{within, why, limits, options} {}
    };
    /// \throws ironhouse::error where no more can be opened.
    std::unique_ptr<link> open(const std::string& client) {
        auto made = std::make_unique<link>(within_, why_, limits_, options_);
        ::zmq_setsockopt(made->socket.native_handle(), ZMQ_ROUTING_ID, client.data(), client.size());
        made->socket.connect(*to_);
        return made;
    }

private:
    ironhouse::context& within_;
    ironhouse::insecure::plaintext why_;
    typename Dealer::limits_type limits_;
    ironhouse::socket_options options_;
    std::optional<address> to_;
};

/// As ironhouse::proxy, between a router and such connections.
template <class Router, class Links> class client_proxy {
public:
    client_proxy(Router& front, Links& back, std::size_t most) : front_{front}, back_{back}, most_{most} {}

    ironhouse::proxy_status forward(std::chrono::milliseconds patience, const std::stop_token& stop = {}) {
        using ironhouse::proxy_status;
        const auto until = std::chrono::steady_clock::now() + patience;
        for (;;) {
            bool any = false;
            for (int i = 0; i != at_once && !stop.stop_requested() && there(); ++i) any = true;
            for (auto at = links_.begin(); at != links_.end();) {
                bool known = true;
                for (int i = 0; i != at_once && known && here(*at->second, known); ++i) any = true;
                if (!known && at->second.get() != pending_) {
                    at = links_.erase(at);
                    changed_ = true;
                } else {
                    ++at;
                }
            }
            if (closing_) return proxy_status::closing;
            if (any) return proxy_status::forwarded;
            if (stop.stop_requested()) return proxy_status::interrupted;
            auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
            // A router does not tell when a client has room again.
            const bool looks_again = std::any_of(links_.begin(), links_.end(), [](auto& l) { return l.second->holds; });
            if (looks_again) left = std::min(left, std::chrono::milliseconds{10});
            prepare();
            switch (poller_->wait(std::max(left, std::chrono::milliseconds{0}), stop)) {
            case ironhouse::poll_status::ready: break;
            case ironhouse::poll_status::timed_out:
                if (std::chrono::steady_clock::now() >= until) return proxy_status::timed_out;
                break;
            case ironhouse::poll_status::interrupted: return proxy_status::interrupted;
            case ironhouse::poll_status::closing: return proxy_status::closing;
            }
        }
    }
    void pause(ironhouse::proxy_side) noexcept {
        paused_ = true;
        changed_ = true;
    }
    // Answers wait for clients that do not read, and for them alone.
    [[nodiscard]] bool holding(ironhouse::proxy_side from) const noexcept {
        return from == ironhouse::proxy_side::front && pending_ != nullptr;
    }
    [[nodiscard]] const ironhouse::proxy_counts& counts() const noexcept { return counts_; }

private:
    static constexpr int at_once = 64;
    using link = typename Links::link;

    // Whether a request left the front.
    bool there() {
        if (pending_ == nullptr) {
            if (paused_) return false;
            const auto got = front_.try_receive(request_);
            if (got == ironhouse::receive_status::closing) closing_ = true;
            if (got != ironhouse::receive_status::received) return false;
            pending_ = link_of(request_);
            if (pending_ == nullptr) {
                ++counts_.unforwarded;
                return true;
            }
            pending_->used = ++uses_;
            changed_ = true;
        }
        switch (pending_->socket.try_send(request_)) {
        case ironhouse::send_status::queued: ++counts_.to_back; break;
        case ironhouse::send_status::oversize:
        case ironhouse::send_status::unroutable: ++counts_.unforwarded; break;
        case ironhouse::send_status::closing: closing_ = true; return false;
        default: return false;
        }
        pending_ = nullptr;
        changed_ = true;
        return true;
    }

    // Whether an answer left this connection. `known`: whether the client is still there.
    bool here(link& from, bool& known) {
        if (!from.holds) {
            const auto got = from.socket.try_receive(from.answer);
            if (got == ironhouse::receive_status::closing) closing_ = true;
            if (got != ironhouse::receive_status::received) return false;
            if (!from.answer.to(std::as_bytes(std::span{from.at}))) return true;
            from.holds = true;
            changed_ = true;
        }
        switch (front_.try_send(from.answer)) {
        case ironhouse::send_status::queued: ++counts_.to_front; break;
        case ironhouse::send_status::oversize: ++counts_.unforwarded; break;
        case ironhouse::send_status::unroutable:
            ++counts_.gone;
            known = text_of(from.answer.routing_id()) != from.at; // it has come again meanwhile
            break;
        case ironhouse::send_status::closing: closing_ = true; return false;
        default: return false;
        }
        from.holds = false;
        from.used = ++uses_;
        changed_ = true;
        return true;
    }

    static std::string text_of(std::span<const std::byte> id) {
        return {reinterpret_cast<const char*>(id.data()), id.size()};
    }
    link* link_of(const typename Router::message& request) {
        std::string client{request.sender()};
        const auto known = links_.find(client);
        if (known != links_.end()) {
            known->second->at = text_of(request.routing_id());
            return known->second.get();
        }
        // More clients have been here than can be: most have left, and one that left was used longest ago.
        if (links_.size() >= most_)
            links_.erase(std::min_element(links_.begin(), links_.end(), [](const auto& a, const auto& b) {
                return a.second->used < b.second->used;
            }));
        try {
            auto made = back_.open(client);
            made->at = text_of(request.routing_id());
            return links_.emplace(std::move(client), std::move(made)).first->second.get();
        } catch (const ironhouse::error&) {
            return nullptr; // no socket, no descriptor: the request is dropped, and counted
        }
    }

    void prepare() {
        using ironhouse::poll_for;
        if (!changed_ && poller_) return;
        changed_ = false;
        poller_.emplace();
        poller_->add(front_, pending_ != nullptr || paused_ ? poll_for::nothing : poll_for::receiving);
        for (auto& [client, each] : links_) {
            const bool sends = each.get() == pending_;
            poller_->add(each->socket, each->holds ? (sends ? poll_for::sending : poll_for::nothing)
                                                   : (sends ? poll_for::both : poll_for::receiving));
        }
    }

    Router& front_;
    Links& back_;
    std::size_t most_;
    std::map<std::string, std::unique_ptr<link>> links_;
    typename Router::message request_;
    link* pending_ = nullptr; // whom the request in hand is for, while there is no room
    ironhouse::proxy_counts counts_;
    std::uint64_t uses_ = 0;
    bool paused_ = false, closing_ = false, changed_ = true;
    std::optional<ironhouse::poller> poller_;
};

} // namespace tool

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// One libzmq socket, opened with everything it was owed, used by one thread. Not a template. Layer: detail, below socket.

#include <ironhouse/core/endpoint.hpp>
#include <ironhouse/core/error.hpp>
#include <ironhouse/core/message.hpp>
#include <ironhouse/core/pattern.hpp>
#include <ironhouse/core/status.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/ipc_path.hpp>
#include <ironhouse/detail/kernel_socket.hpp>
#include <ironhouse/detail/ownership.hpp>
#include <ironhouse/detail/row.hpp>
#include <ironhouse/detail/shared_port.hpp>
#include <ironhouse/detail/subscription_book.hpp>
#include <ironhouse/security/policy.hpp>
#include <ironhouse/sentry/door.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include <poll.h>
#include <sodium/randombytes.h>
#include <zmq.h>

namespace ironhouse::inline IRONHOUSE_ABI {

/// What becomes of queued messages while a peer is away.
enum class on_disconnect : std::uint8_t {
    keep, ///< They wait for it to come back (ZMQ_IMMEDIATE 0).
    drop, ///< They are gone, and nothing is queued until it is back (ZMQ_IMMEDIATE 1): a restart loses the whole queue.
};

/// What becomes of messages whose key was revoked while they were queued here.
enum class on_revocation : std::uint8_t {
    drop,    ///< They are dropped, and counted as message_of_revoked.
    deliver, ///< They are received, as if the key had been revoked after that.
};

/// Whether a REQ numbers its requests, so that a late answer to an earlier one is never taken for the current one.
enum class correlation : std::uint8_t {
    numbered, ///< An extra frame that REP echoes by itself and a hand-written ROUTER must echo (ZMQ_REQ_CORRELATE 1).
    none,     ///< For servers that do not echo it; a late answer may be mistaken for the current one.
};

/// \cond
namespace insecure {
class unguarded_ipc; // in insecure.hpp
}
/// \endcond

/// What keeps an ipc socket that takes more than one peer within its limits: system/runtime.hpp, since the kernel does not
/// count what comes in over ipc. Without it bind() refuses, unless the program says `insecure::unguarded_ipc{"why"}`.
class ipc_guard {
public:
    /// Needed.
    constexpr ipc_guard() noexcept = default;
    /// Done without.
    /// \param waiver  An insecure::unguarded_ipc.
    template <class Waiver>
        requires std::same_as<Waiver, insecure::unguarded_ipc>
    constexpr ipc_guard(const Waiver& waiver) noexcept : waiver_{waiver.reason()} {}
    /// The reason given for doing without; null when it is needed.
    [[nodiscard]] constexpr const char* waiver() const noexcept { return waiver_; }

private:
    const char* waiver_ = nullptr;
};

/// Who else may listen at the ports that a socket binds.
enum class port_sharing : std::uint8_t {
    none,      ///< Nobody.
    same_user, ///< Other processes of this user (SO_REUSEPORT): the kernel gives each some of the newcomers.
};

/// Whether a publisher holds its subscribers to the topics that their keys may hear.
enum class topic_rules : std::uint8_t {
    none,     ///< It does not, and lets nobody in whose certificate names any.
    enforced, ///< A subscription to anything else has no effect, and is counted as subscription_refused.
};

/// Choices beside limits and security; each default is the safe one.
struct socket_options {
    /// What becomes of queued messages while a peer is away.
    ironhouse::on_disconnect on_disconnect = ironhouse::on_disconnect::keep;
    /// Whether REQ numbers its requests; other patterns ignore it.
    ironhouse::correlation correlation = ironhouse::correlation::numbered;
    /// How long close() keeps sending what is queued, 0 to 60 s, never for ever (ZMQ_LINGER). What only receives has 0.
    std::chrono::milliseconds linger{1'000};
    /// What becomes of messages that a revoked key sent before, and that the program has not received.
    ironhouse::on_revocation on_revocation = ironhouse::on_revocation::drop;
    /// Whether several processes serve one tcp port. Each has its own `.peers`, and they hold the same key.
    ironhouse::port_sharing port_sharing = ironhouse::port_sharing::none;
    /// Whether a bound ipc socket of several peers may do without system/runtime.hpp.
    ironhouse::ipc_guard ipc_guard = {};
    /// Whether a `pub` or `xpub` under a keyring goes by the `topics` in it. Linux, and not over ipc, where the kernel does
    /// not say which connection asked. What is asked for takes effect when a `pub` next sends, a millisecond later at most, and
    /// when an `xpub` receives it.
    ironhouse::topic_rules topic_rules = ironhouse::topic_rules::none;
};

namespace detail {

/// One direction's limits as libzmq's numbers; all zero for a direction the pattern does not have.
struct direction {
    std::int64_t peers = 0;
    std::int64_t queue = 0;
    std::size_t frames = 0;
    std::size_t frame = 0;
    int buffer = 0;
};

struct flow_limits {
    direction in;
    direction out;
};

template <class OneWay> [[nodiscard]] constexpr direction to_direction(const OneWay& l) noexcept {
    return {l.peers.count(), l.queue.count(), static_cast<std::size_t>(l.frames.count()),
            static_cast<std::size_t>(l.frame.count()), static_cast<int>(buffer_size(l).count())};
}
[[nodiscard]] constexpr flow_limits to_flow(const inbound& l) noexcept { return {to_direction(l), {}}; }
[[nodiscard]] constexpr flow_limits to_flow(const outbound& l) noexcept { return {{}, to_direction(l)}; }
[[nodiscard]] constexpr flow_limits to_flow(const duplex& l) noexcept {
    return {to_direction(l.in), to_direction(l.out)};
}

// Bad messages a single non-blocking call consumes before it returns.
inline constexpr unsigned bad_per_try = 16;

// A wait spends this long inside libzmq, which costs no more system calls than a plain zmq_msg_recv; only a wait that is
// longer goes on at our own poll, where the mailbox and shutdown can end it at once.
inline constexpr std::chrono::milliseconds slice{20};

using wait_clock = std::chrono::steady_clock;

/// When a wait ends. Very long patience ends in a year, not in an overflow.
[[nodiscard]] inline wait_clock::time_point deadline_after(std::chrono::milliseconds patience) noexcept {
    constexpr std::chrono::milliseconds year{std::chrono::hours{24 * 365}};
    return wait_clock::now() + std::min(patience, year);
}

struct socket_core {
    // No thread has this number, not even one that was never numbered.
    static constexpr std::uint64_t nobody = ~std::uint64_t{0};

    socket_core() = default;
    socket_core(socket_core&& other) noexcept { swap(other); }
    socket_core& operator=(socket_core&&) = delete;
    ~socket_core() { abandon(); }

    void swap(socket_core& other) noexcept {
        std::swap(handle, other.handle);
        std::swap(owner, other.owner);
        std::swap(record, other.record);
        std::swap(limits, other.limits);
        std::swap(type, other.type);
        std::swap(fast_in, other.fast_in);
        std::swap(fast_out, other.fast_out);
        std::swap(send_slice, other.send_slice);
        std::swap(generation, other.generation);
        std::swap(bad_reply, other.bad_reply);
        std::swap(inproc, other.inproc);
        std::swap(guarded, other.guarded);
        std::swap(gate, other.gate);
        std::swap(enrolled, other.enrolled);
        shield.swap(other.shield);
        std::swap(seal, other.seal);
        std::swap(traits, other.traits);
        connected.swap(other.connected);
        bound.swap(other.bound);
        std::swap(shares_ports, other.shares_ports);
        std::swap(keys, other.keys);
        std::swap(topics, other.topics);
    }

    // ---- opening ---------------------------------------------------------------------------------------------------

    /// Opens with every option set and read back, or throws and leaves nothing.
    void open(std::shared_ptr<door> at, const pattern_traits& pattern, const flow_limits& asked, armour&& with,
              const socket_options& chosen) {
        gate = std::move(at);
        traits = &pattern;
        limits = asked;
        type = pattern.type;
        shield.reset(new armour{std::move(with)});
        seal = shield->mechanism == mechanism::curve ? 33U : 0U;
        // A router's message, and a publisher's loss, take more than one call: for them no frame is short enough.
        fast_in = type == ZMQ_ROUTER ? 0 : static_cast<unsigned>(limits.in.frame + 1);
        fast_out = type == ZMQ_ROUTER || type == ZMQ_PUB || type == ZMQ_XPUB ? 0 : limits.out.frame + 1;
        generation = process_generation();
        const std::string during = std::string{"open a "} + pattern.name + " socket";
        if (chosen.linger.count() < 0 || chosen.linger > std::chrono::minutes{1})
            throw error{error::misuse, during,
                        "linger is " + std::to_string(chosen.linger.count()) + " ms; allowed are 0 to 60000 ms"};
        // libzmq draws routing ids from rand(), which nobody seeds: unseeded they are the same in every process.
        if (type == ZMQ_ROUTER || type == ZMQ_REP) std::srand(::randombytes_random());
        const bool holds_topics = chosen.topic_rules == topic_rules::enforced;
        if (holds_topics) {
            require_topics(during);
            fast_in = 0; // each subscription is looked at
        }
        // A PUB gives nobody a say in what is subscribed to; an XPUB does, and is the same otherwise.
        handle = ::zmq_socket(gate->zmq_context(), holds_topics ? ZMQ_XPUB : type);
        if (handle == nullptr) {
            const int code = ::zmq_errno();
            throw error{code == EMFILE ? error::exhausted : error::unavailable, during, ::zmq_strerror(code), code};
        }
        try {
            harden(chosen);
            terms said;
            said.pattern = pattern.name;
            if (shield->domain) said.domain = std::string{shield->domain->text()};
            said.clients = shield->clients;
            said.role = shield->role;
            said.authenticates = shield->mechanism == mechanism::curve && shield->side == side::server;
            said.client = shield->mechanism == mechanism::curve && shield->side == side::client;
            said.type = type;
            said.peers = std::max(limits.in.peers, limits.out.peers);
            said.queue = limits.in.queue;
            said.frames = static_cast<std::int64_t>(limits.in.frames);
            said.frame = static_cast<std::int64_t>(limits.in.frame);
            said.waiver = shield->waiver;
            said.ipc_waiver = chosen.ipc_guard.waiver();
            said.server_keys = shield->servers.size();
            said.drops_revoked = chosen.on_revocation == on_revocation::drop;
            said.holds_topics = holds_topics;
            enrolled = gate->enrol(std::move(said), handle);
            record = enrolled.get();
            // Written once more right before each bind and connect; now, so that a refusal comes from the constructor.
            arm(handle, *shield, record->zap_domain);
            disarm(handle, *shield);
        } catch (...) {
            if (enrolled) {
                ::zmq_socket_monitor(handle, nullptr, 0);
                gate->leave(enrolled);
            }
            ::zmq_close(std::exchange(handle, nullptr));
            throw;
        }
        owner = number_this_thread();
    }

    // ---- the owner's rule ------------------------------------------------------------------------------------------

    // One compare and one load; no system call.
    [[nodiscard, gnu::always_inline]] bool must_look_up() {
        if (owner != thread_number) [[unlikely]]
            violated();
        return record->attention.load(std::memory_order_relaxed) != 0;
    }

    [[noreturn, gnu::cold, gnu::noinline]] void violated() const noexcept {
        if (generation != process_generation() && handle != nullptr)
            die("a socket was used in a forked child; only the process that opened it may");
        if (handle == nullptr) die("a socket was used after close() or detach()");
        die("a socket was used by a thread that does not own it; detach() hands it over");
    }

    /// Does what the sentry asked for. True when the context is closing.
    /// `receiving`: it is about to receive. A REQ or REP whose turn it is not calls its queue empty.
    [[gnu::cold, gnu::noinline]] bool attend(bool receiving = false) {
        const auto asked = record->attention.load(std::memory_order_acquire);
        if ((asked & attention::closing) != 0) {
            record->bell.raise(); // for whoever waits on event_fd()
            return true;
        }
        record->bell.lower();
        row<std::string> mail, other_keys;
        {
            const std::lock_guard held{record->lock};
            mail.swap(record->reconnect);
            other_keys.swap(record->next_key);
            record->attention.fetch_and(~std::uint32_t{attention::mail});
        }
        // Looked at before each operation until it is answered: with messages coming in, no receive may ever come too early.
        if ((asked & attention::question) != 0 && (receiving || (type != ZMQ_REQ && type != ZMQ_REP)))
            answer_if_empty();
        for (const std::string& endpoint : mail) reconnect(endpoint, false);
        for (const std::string& endpoint : other_keys) reconnect(endpoint, true);
        return (record->attention.load(std::memory_order_relaxed) & attention::closing) != 0;
    }

    // ---- binding and connecting ------------------------------------------------------------------------------------

    void bind(const char* text, transport which, bool ipv6) {
        begin("bind", text);
        if (which == transport::ipc) {
            if (record->what.holds_topics)
                throw error{
                    error::misuse, std::string{"bind "} + text,
                    "topics are enforced here, and over ipc it is not known which connection subscribes: use tcp"};
            require_ipc_guard(text);
            require_safe_ipc_path(text);
        }
        const forgets_the_secret after{*this};
        arm_for(ipv6);
        const int shared = shares_ports && which == transport::tcp ? listen_among_others(text, ipv6) : -1;
        if (shared >= 0) set_option(handle, ZMQ_USE_FD, shared, "ZMQ_USE_FD");
        const int done = ::zmq_bind(handle, text);
        const int code = ::zmq_errno();
        if (shared >= 0) set_option(handle, ZMQ_USE_FD, -1, "ZMQ_USE_FD");
        if (done != 0) {
            if (shared >= 0) ::close(shared);
            refuse("bind", text, code);
        }
        try {
            if (which == transport::ipc) restrict_ipc_path(last_endpoint());
        } catch (...) {
            ::zmq_unbind(handle, text);
            throw;
        }
        if (which != transport::inproc) bound.push_back({last_endpoint(), which, 1});
        opened(which);
    }

    /// The next key beside the present ones, at every endpoint; after `window` it is the only one.
    void rotate(keypair&& next, std::chrono::milliseconds window) {
        begin("rotate", "the server's key");
        const std::string during = "rotate the server's key";
        if (window.count() < 0 || window > std::chrono::hours{24 * 366})
            throw error{error::misuse, during,
                        "the window is " + std::to_string(window.count()) + " ms; allowed are 0 ms to 366 days"};
        if (next.public_key() == shield->identity->public_key())
            throw error{error::misuse, during, "the next key is the present one"};
        constexpr std::uint32_t most = 64;
        if (!connected.empty())
            throw error{error::misuse, during,
                        "it is connected to " + connected.front().endpoint + ": only what is bound can serve two keys"};
        if (shares_ports)
            throw error{error::misuse, during,
                        "other processes may listen at its ports: start one with the next key, and end this one"};
        if (keys == most)
            throw error{error::exhausted, during,
                        "the key was changed 64 times, and each has a listener; open the socket anew"};
        struct beside {
            const std::string* at = nullptr;
            int listener = -1;
            int steering = -1;
        };
        struct all_of_them : row<beside> {
            ~all_of_them() {
                for (const beside& each : *this)
                    for (const int fd : {each.listener, each.steering})
                        if (fd >= 0) ::close(fd);
            }
        } made;
        for (const listening& each : bound) {
            if (each.by != transport::tcp)
                throw error{error::misuse, during,
                            each.at + " can serve one key only; clients of the next one need another endpoint"};
            beside& one = made.push_back({&each.at, listen_beside(each.at, backlog())});
            if (one.listener < 0) refuse("listen once more at", each.at.c_str(), errno);
            one.steering = duplicate(one.listener);
            if (one.steering < 0) refuse("listen once more at", each.at.c_str(), errno);
        }
        row<steering> later;
        later.reserve(made.size());
        shield->identity.emplace(std::move(next));
        record->keys.store(++keys, std::memory_order_release);
        const forgets_the_secret after{*this};
        for (beside& each : made) {
            arm_for(each.at->find('[') != std::string::npos);
            set_option(handle, ZMQ_USE_FD, each.listener, "ZMQ_USE_FD");
            const int done = ::zmq_bind(handle, each.at->c_str());
            const int code = ::zmq_errno();
            set_option(handle, ZMQ_USE_FD, -1, "ZMQ_USE_FD");
            if (done != 0) refuse("listen once more at", each.at->c_str(), code);
            each.listener = -1; // libzmq closes it
        }
        for (std::size_t i = 0; i != made.size(); ++i)
            later.push_back({std::exchange(made[i].steering, -1), bound[i].listeners++});
        gate->rotate(enrolled, keys, window, std::move(later));
    }

    /// A client's next key: what is connected is connected again under it.
    void renew(keypair&& next) {
        begin("renew", "the client's key");
        shield->identity.emplace(std::move(next));
        for (link& each : connected) {
            each.key = 0;
            open_again(each);
        }
    }

    void connect(const char* text, transport which, bool ipv6) {
        begin("connect", text);
        const std::int64_t most = std::max(limits.in.peers, limits.out.peers);
        if (static_cast<std::int64_t>(connected.size()) >= most)
            throw error{error::exhausted, std::string{"connect "} + text,
                        "the limits allow " + std::to_string(most) + " peers, and as many endpoints are connected"};
        if (link_to(text) != nullptr)
            throw error{error::misuse, std::string{"connect "} + text, "this endpoint is connected already"};
        connected.push_back({text, 0});
        try {
            if (which != transport::inproc) gate->supervise(enrolled, text);
            const forgets_the_secret after{*this};
            if (!shield->servers.empty()) shield->server = shield->servers.front();
            arm_for(ipv6);
            if (::zmq_connect(handle, text) != 0) refuse("connect", text, ::zmq_errno());
        } catch (...) {
            gate->release(enrolled, text);
            connected.pop_back();
            throw;
        }
        opened(which);
    }

    void disconnect(const char* text) {
        if (owner != thread_number) violated();
        {
            // What the sentry asked for is out of date: it would connect once more, only to be disconnected.
            const std::lock_guard held{record->lock};
            for (auto* const each : {&record->reconnect, &record->next_key})
                each->erase_if([&](const std::string& endpoint) { return endpoint.compare(text) == 0; });
        }
        begin("disconnect", text);
        link* const at = link_to(text);
        if (at == nullptr)
            throw error{error::misuse, std::string{"disconnect "} + text, "this endpoint is not connected"};
        gate->release(enrolled, at->endpoint);
        // ENOENT: libzmq had given the connection up already.
        if (::zmq_disconnect(handle, text) != 0 && ::zmq_errno() != ENOENT) refuse("disconnect", text, ::zmq_errno());
        connected.erase(at);
        gate->look_again(enrolled);
    }

    /// Addresses a message to the latest connection of that name; false when there is none.
    [[nodiscard]] bool address(any_message& m, std::string_view name) {
        (void)must_look_up();
        const std::lock_guard held{record->lock};
        const enrolment::guest* found = nullptr;
        for (const auto& each : record->guests)
            if (each.says.compare(name) == 0) found = &each;
        return found != nullptr && m.to({reinterpret_cast<const std::byte*>(found->id), sizeof found->id});
    }

    [[nodiscard]] std::string last_endpoint() {
        (void)must_look_up();
        char text[512] = {};
        std::size_t size = sizeof text;
        if (::zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, text, &size) != 0)
            throw error{error::unavailable, "read the last endpoint", ::zmq_strerror(::zmq_errno()), ::zmq_errno()};
        return text;
    }

    void subscribe(std::string_view topic, bool wanted) {
        const std::string during = wanted ? "subscribe" : "unsubscribe";
        begin(during.c_str(), "");
        if (topic.size() > static_cast<std::size_t>(longest_topic))
            throw error{error::misuse, during,
                        "the topic has " + std::to_string(topic.size()) + " bytes; the limit is " +
                            std::to_string(longest_topic)};
        if (wanted && topics >= most_topics)
            throw error{error::exhausted, during,
                        "the socket has " + std::to_string(topics) + " subscriptions; the limit is " +
                            std::to_string(most_topics)};
        int done = 0;
        if (type == ZMQ_SUB) {
            done = ::zmq_setsockopt(handle, wanted ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE, topic.data(), topic.size());
        } else {
            std::string frame(1, wanted ? '\1' : '\0');
            frame += topic;
            done = ::zmq_send(handle, frame.data(), frame.size(), ZMQ_DONTWAIT) < 0 ? -1 : 0;
        }
        if (done != 0) {
            const int code = ::zmq_errno();
            throw error{code == EAGAIN ? error::exhausted : error::unavailable, during, ::zmq_strerror(code), code};
        }
        topics += wanted ? 1 : (topics > 0 ? -1 : 0);
    }

    // ---- sending ---------------------------------------------------------------------------------------------------

    [[gnu::always_inline]] send_status send(any_message& m, std::chrono::milliseconds patience) {
        if (must_look_up()) [[unlikely]]
            if (attend()) return send_status::closing;
        if (m.size_ == 1 && m.slots_[0].size < fast_out) [[likely]] {
            if (patience >= slice ? send_slice == slice : patience.count() == 0) [[likely]] {
                if (::zmq_msg_send(&m.slots_[0].frame, handle, patience.count() == 0 ? ZMQ_DONTWAIT : 0) >= 0)
                    [[likely]] {
                    sent(m);
                    return send_status::queued;
                }
                return send_slowly(m, ::zmq_errno(), patience, nullptr);
            }
        }
        return send_slowly(m, 0, patience, nullptr);
    }

    send_status send(any_message& m, std::chrono::milliseconds patience, const std::stop_token& stop) {
        if (must_look_up() && attend()) return send_status::closing;
        return send_slowly(m, 0, patience, &stop);
    }

    // `failed` is the error of an attempt just made, 0 when there was none.
    [[gnu::noinline]] send_status send_slowly(any_message& m, int failed, std::chrono::milliseconds patience,
                                              const std::stop_token* stop) {
        if (m.size_ == 0) { // an empty message is a message: one empty frame
            m.make_live(0);
            m.slots_[0].size = 0;
            m.size_ = 1;
        }
        if (!fits(m)) return send_status::oversize;
        if (type == ZMQ_ROUTER && !m.route_live_) return send_status::unroutable;
        const bool waits = patience.count() > 0;
        // A full router has no descriptor to wait for: its waits are libzmq's own, a slice at a time.
        const bool in_slices = type == ZMQ_ROUTER && waits;
        if (waits && (in_slices || stop == nullptr)) set_send_slice(std::min(patience, slice));
        if (failed == 0) failed = attempt(m, waits && stop == nullptr);
        if (failed == 0) return send_status::queued;
        // The first attempt spent its slice already.
        const auto until = deadline_after(stop == nullptr ? patience - std::min(patience, slice) : patience);
        bool refreshed = false;
        for (;;) {
            switch (failed) {
            case EAGAIN: break;
            case EHOSTUNREACH: return send_status::unroutable;
            case EINTR: return send_status::interrupted;
            case ETERM: return send_status::closing;
            case EFSM:
                throw error{error::misuse, std::string{"send on a "} + traits->name + " socket",
                            "it is not its turn: a reply needs a request", failed};
            default: die("libzmq refused a send for a reason it does not document");
            }
            if (!waits && !refreshed) {
                // libzmq looks for room that was made at most once a millisecond, unless it is asked.
                refreshed = true;
                (void)events_now();
                failed = attempt(m, false);
                if (failed == 0) return send_status::queued;
                continue;
            }
            if (!waits || wait_clock::now() >= until) return nobody_there() ? send_status::no_peer : send_status::full;
            if (stop != nullptr && stop->stop_requested()) return send_status::interrupted;
            if (in_slices) {
                if (record->attention.load(std::memory_order_relaxed) != 0 && attend()) return send_status::closing;
            } else {
                switch (wait(ZMQ_POLLOUT, until, stop)) {
                case woken::ready:
                case woken::late: break; // one more attempt, then the clock decides
                case woken::interrupted: return send_status::interrupted;
                case woken::closing: return send_status::closing;
                }
            }
            failed = attempt(m, in_slices);
            if (failed == 0) return send_status::queued;
        }
    }

    // ---- receiving -------------------------------------------------------------------------------------------------

    [[gnu::always_inline]] receive_status receive(any_message& m, std::chrono::milliseconds patience) {
        if (must_look_up()) [[unlikely]]
            if (attend(true)) return lost(m, receive_status::closing);
        m.make_live(0);
        const bool blocks = patience >= slice;
        const int size = ::zmq_msg_recv(&m.slots_[0].frame, handle, blocks ? 0 : ZMQ_DONTWAIT);
        // A failure, as an unsigned number, is larger than any limit.
        if (static_cast<unsigned>(size) < fast_in && ::zmq_msg_more(&m.slots_[0].frame) == 0) [[likely]] {
            if (m.size_ > 1) [[unlikely]]
                release_rest(m);
            m.slots_[0].size = static_cast<std::size_t>(size);
            m.size_ = 1;
            if (!guarded || account_for_one(m)) [[likely]]
                return receive_status::received;
        }
        return receive_slowly(m, size, blocks ? patience - slice : patience, nullptr);
    }

    receive_status receive(any_message& m, std::chrono::milliseconds patience, const std::stop_token& stop) {
        if (must_look_up() && attend(true)) return lost(m, receive_status::closing);
        m.make_live(0);
        return receive_slowly(m, ::zmq_msg_recv(&m.slots_[0].frame, handle, ZMQ_DONTWAIT), patience, &stop);
    }

    [[gnu::noinline]] receive_status receive_slowly(any_message& m, int size, std::chrono::milliseconds patience,
                                                    const std::stop_token* stop) {
        // A first attempt that blocked took a slice of the patience already; a bad message may come before that.
        const bool waits = patience.count() > 0;
        wait_clock::time_point until{};
        for (unsigned bad = 0;;) {
            if (size >= 0) {
                switch (take(m, static_cast<std::size_t>(size))) {
                case taken::whole: return receive_status::received;
                case taken::closing: return lost(m, receive_status::closing);
                case taken::broken: break;
                }
                // The peer's fault is no reason to end the wait, nor to make it longer.
                if (!waits && ++bad == bad_per_try) return lost(m, receive_status::timed_out);
            } else {
                switch (::zmq_errno()) {
                case EAGAIN:
                    answer_if_empty();
                    record->in_doubt = false;
                    break;
                case EINTR: return lost(m, receive_status::interrupted);
                case ETERM: return lost(m, receive_status::closing);
                case EFSM:
                    // A REQ whose only answer broke a rule has nothing left to wait for.
                    if (bad_reply) return lost(m, receive_status::timed_out);
                    m.size_ = 0;
                    throw error{error::misuse, std::string{"receive on a "} + traits->name + " socket",
                                "it is not its turn: a request has to be sent, or answered, first", EFSM};
                default: die("libzmq refused a receive for a reason it does not document");
                }
                if (!waits) return lost(m, receive_status::timed_out);
            }
            if (waits && until == wait_clock::time_point{}) {
                // The clock is read only once there is something to wait for.
                until = deadline_after(patience);
            }
            if (size < 0) {
                switch (wait(ZMQ_POLLIN, until, stop)) {
                case woken::ready: break;
                case woken::late: return lost(m, receive_status::timed_out);
                case woken::interrupted: return lost(m, receive_status::interrupted);
                case woken::closing: return lost(m, receive_status::closing);
                }
            } else {
                if (waits && wait_clock::now() >= until) return lost(m, receive_status::timed_out);
                if (stop != nullptr && stop->stop_requested()) return lost(m, receive_status::interrupted);
                if (record->attention.load(std::memory_order_relaxed) != 0 && attend())
                    return lost(m, receive_status::closing);
            }
            m.make_live(0);
            size = ::zmq_msg_recv(&m.slots_[0].frame, handle, ZMQ_DONTWAIT);
        }
    }

    // ---- ending ----------------------------------------------------------------------------------------------------

    /// By the owner: stops the monitor, closes, and leaves the sentry.
    void close() noexcept {
        if (owner != thread_number) violated();
        ::zmq_socket_monitor(handle, nullptr, 0);
        ::zmq_close(std::exchange(handle, nullptr));
        gate->leave(enrolled);
        owner = nobody;
    }

    /// Whoever destroys it. In a forked child the socket is the parent's, and is left alone.
    void abandon() noexcept {
        if (handle == nullptr) return;
        if (generation != process_generation()) {
            handle = nullptr;
            return;
        }
        if (owner == thread_number) return close();
        gate->close_for(enrolled, std::exchange(handle, nullptr));
        owner = nobody;
    }

    // Hot members first: one cache line.
    void* handle = nullptr;
    std::uint64_t owner = nobody; // the owning thread's number
    enrolment* record = nullptr;
    flow_limits limits;
    int type = 0;
    unsigned fast_in = 0;     // a single frame shorter than this is received by one call
    std::size_t fast_out = 0; // a single frame shorter than this is sent by one call
    unsigned seal = 0;        // what CURVE adds to a frame
    bool bad_reply = false;   // a REQ's last answer broke a rule
    bool inproc = false;
    bool guarded = false;                     // some of its messages come over a network, and are accounted for
    std::chrono::milliseconds send_slice{-1}; // what ZMQ_SNDTIMEO holds
    std::uint32_t generation = 0;
    std::shared_ptr<door> gate;
    std::shared_ptr<enrolment> enrolled;
    std::unique_ptr<armour> shield;
    const pattern_traits* traits = nullptr;
    struct link {
        std::string endpoint;
        std::size_t key = 0; // which of the servers' keys is tried
    };
    row<link> connected;
    struct listening {
        std::string at; // as it is bound
        transport by;
        std::uint32_t listeners; // one per key since then
    };
    row<listening> bound;
    bool shares_ports = false;
    std::uint32_t keys = 0; // how often the server's key was changed
    int topics = 0;

private:
    enum class woken : std::uint8_t { ready, late, interrupted, closing };
    enum class taken : std::uint8_t { whole, broken, closing };

    void harden(const socket_options& chosen) {
        for (const option_setting& each : common_defaults) set_and_check(handle, each.option, each.value, each.name);
        for (const option_setting& each : traits->defaults) {
            // libzmq has no reader for some of a pattern's own options; its answer to the write is all there is.
            if (each.readable)
                set_and_check(handle, each.option, each.value, each.name);
            else
                set_option(handle, each.option, each.value, each.name);
        }
        shares_ports = chosen.port_sharing == port_sharing::same_user;
        if (chosen.on_disconnect == on_disconnect::drop) set_and_check(handle, ZMQ_IMMEDIATE, 1, "ZMQ_IMMEDIATE");
        if (type == ZMQ_REQ && chosen.correlation == correlation::none)
            set_option(handle, ZMQ_REQ_CORRELATE, 0, "ZMQ_REQ_CORRELATE");
        if (chosen.topic_rules == topic_rules::enforced) set_option(handle, ZMQ_XPUB_MANUAL, 1, "ZMQ_XPUB_MANUAL");
        // Nothing is sent: each connection that ends would leave a timer, which libzmq's thread steps over at each handshake.
        const auto linger = traits->sends ? chosen.linger : std::chrono::milliseconds{0};
        set_and_check(handle, ZMQ_LINGER, static_cast<int>(linger.count()), "ZMQ_LINGER");

        // What a pattern does not use is bounded all the same; a subscriber's topics travel in its outgoing queue.
        const std::int64_t unused = type == ZMQ_SUB || type == ZMQ_PUB ? most_topics : 2;
        set_and_check(handle, ZMQ_RCVHWM, static_cast<int>(limits.in.queue != 0 ? limits.in.queue : unused),
                      "ZMQ_RCVHWM");
        set_and_check(handle, ZMQ_SNDHWM, static_cast<int>(limits.out.queue != 0 ? limits.out.queue : unused),
                      "ZMQ_SNDHWM");

        // libzmq measures the encrypted frame and the handshake with the same yardstick, and counts neither down.
        constexpr std::int64_t handshake = 547;
        constexpr std::int64_t curve_overhead = 33;
        const std::int64_t largest =
            std::max(handshake, static_cast<std::int64_t>(limits.in.frame) +
                                    (shield->mechanism == mechanism::curve ? curve_overhead : 0));
        set_option(handle, ZMQ_MAXMSGSIZE, &largest, sizeof largest, "ZMQ_MAXMSGSIZE");
        std::int64_t held = 0;
        std::size_t size = sizeof held;
        if (::zmq_getsockopt(handle, ZMQ_MAXMSGSIZE, &held, &size) != 0 || held != largest)
            throw error{error::unavailable, "read back ZMQ_MAXMSGSIZE", "libzmq does not hold the value written"};

        const int buffer = std::max(limits.in.buffer, limits.out.buffer);
        set_and_check(handle, ZMQ_RCVBUF, limits.in.buffer != 0 ? limits.in.buffer : buffer, "ZMQ_RCVBUF");
        set_and_check(handle, ZMQ_SNDBUF, limits.out.buffer != 0 ? limits.out.buffer : buffer, "ZMQ_SNDBUF");
        set_and_check(handle, ZMQ_RCVTIMEO, static_cast<int>(slice.count()), "ZMQ_RCVTIMEO");
        set_send_slice(slice);
    }

    [[nodiscard]] int backlog() noexcept {
        int many = 100;
        std::size_t size = sizeof many;
        (void)::zmq_getsockopt(handle, ZMQ_BACKLOG, &many, &size);
        return many;
    }
    [[nodiscard]] int listen_among_others(const char* text, bool ipv6) {
        const int buffer = std::max(limits.in.buffer, limits.out.buffer);
        const auto or_other = [&](int its) { return its != 0 ? its : buffer; };
        const int made = listen_among(text, ipv6, or_other(limits.out.buffer), or_other(limits.in.buffer), backlog());
        if (made < 0) refuse("bind", text, errno);
        return made;
    }

    void set_send_slice(std::chrono::milliseconds wanted) {
        if (send_slice == wanted) return;
        set_and_check(handle, ZMQ_SNDTIMEO, static_cast<int>(wanted.count()), "ZMQ_SNDTIMEO");
        send_slice = wanted;
    }

    void begin(const char* what, const char* text) {
        if (must_look_up() && attend())
            throw error{error::closing, std::string{what} + ' ' + text, "the context is shutting down"};
    }

    // Whatever comes of opening an endpoint, the secret does not stay in the socket's options.
    struct forgets_the_secret {
        const socket_core& of;
        explicit forgets_the_secret(const socket_core& core) noexcept : of{core} {}
        forgets_the_secret(const forgets_the_secret&) = delete;
        forgets_the_secret& operator=(const forgets_the_secret&) = delete;
        ~forgets_the_secret() { disarm(of.handle, *of.shield); }
    };

    void arm_for(bool ipv6) {
        set_and_check(handle, ZMQ_IPV6, ipv6 ? 1 : 0, "ZMQ_IPV6");
        arm(handle, *shield, keys == 0 ? record->zap_domain : record->zap_domain + '/' + std::to_string(keys));
    }

    [[noreturn]] static void refuse(const char* what, const char* text, int code) {
        const auto why = code == EMFILE || code == ENFILE || code == ENOMEM || code == ENOBUFS ? error::exhausted
                         : code == ETERM                                                       ? error::closing
                                                                                               : error::unavailable;
        throw error{why, std::string{what} + ' ' + text, ::zmq_strerror(code), code};
    }

    // Nothing is lost that libzmq had not lost by giving up: it drops the queue of a connection it does not retry.
    void reconnect(const std::string& endpoint, bool with_next_key) {
        link* const at = link_to(endpoint);
        if (at == nullptr) return;
        if (with_next_key) at->key = (at->key + 1) % shield->servers.size();
        open_again(*at);
    }
    void open_again(const link& which) {
        const forgets_the_secret after{*this};
        try {
            if (!shield->servers.empty()) shield->server = shield->servers[which.key];
            arm_for(which.endpoint.find('[') != std::string::npos);
        } catch (const error&) {
            die("libzmq no longer takes options it took when the socket was opened");
        }
        ::zmq_disconnect(handle, which.endpoint.c_str());
        if (::zmq_connect(handle, which.endpoint.c_str()) == 0)
            gate->report(reason::reconnected, *record, which.endpoint);
    }
    [[nodiscard]] link* link_to(std::string_view endpoint) noexcept {
        return connected.find([&](const link& each) { return each.endpoint.compare(endpoint) == 0; });
    }

    [[nodiscard]] bool fits(const any_message& m) const noexcept {
        if (m.size_ > limits.out.frames) return false;
        for (std::size_t i = 0; i != m.size_; ++i)
            if (m.slots_[i].size > limits.out.frame) return false;
        return true;
    }

    // libzmq leaves valid, empty frames behind what it took; they need no closing.
    static void sent(any_message& m) noexcept {
        if (m.live_ == 1) [[likely]] { // written so that both are one store
            m.live_ = 0;
            m.size_ = 0;
        } else {
            m.size_ = 0;
        }
    }

    // Sends the whole message; 0 or an error, and with an error the message is still whole.
    [[nodiscard]] int attempt(any_message& m, bool blocks) {
        if (record->what.holds_topics && type == ZMQ_PUB) take_in_subscriptions();
        const int flags = blocks && type != ZMQ_PUB && type != ZMQ_XPUB ? 0 : ZMQ_DONTWAIT;
        if (type == ZMQ_ROUTER) {
            zmq_msg_t route;
            ::zmq_msg_init(&route);
            ::zmq_msg_copy(&route, &m.route_);
            if (::zmq_msg_send(&route, handle, flags | ZMQ_SNDMORE) < 0) {
                const int code = ::zmq_errno();
                ::zmq_msg_close(&route);
                return code;
            }
        }
        if (m.size_ == 1) {
            if (const int code = send_frame(&m.slots_[0].frame, type == ZMQ_ROUTER ? ZMQ_DONTWAIT : flags)) return code;
        } else {
            if (const int code = send_copies(m, type == ZMQ_ROUTER ? ZMQ_DONTWAIT : flags)) return code;
        }
        sent(m);
        m.drop_route();
        return 0;
    }

    [[nodiscard]] int send_frame(zmq_msg_t* frame, int flags) {
        if (::zmq_msg_send(frame, handle, flags) >= 0) return 0;
        const int code = ::zmq_errno();
        if (code != EAGAIN || (type != ZMQ_PUB && type != ZMQ_XPUB)) return code;
        // libzmq looks for room that was made at most once a millisecond, unless it is asked.
        (void)events_now();
        if (::zmq_msg_send(frame, handle, flags) >= 0) return 0;
        // A subscriber's queue is full. It alone loses this message, and what follows until it has room; libzmq does
        // not say how many, only when it begins.
        record->behind.fetch_add(1, std::memory_order_relaxed);
        gate->collect();
        set_option(handle, ZMQ_XPUB_NODROP, 0, "ZMQ_XPUB_NODROP");
        const int again = ::zmq_msg_send(frame, handle, flags) >= 0 ? 0 : ::zmq_errno();
        set_option(handle, ZMQ_XPUB_NODROP, 1, "ZMQ_XPUB_NODROP");
        return again;
    }

    // libzmq throws away the frames it took when a later one fails; the originals stay here until all were taken.
    [[nodiscard]] int send_copies(any_message& m, int flags) {
        const std::size_t last = m.size_ - 1U;
        for (std::size_t i = 0; i <= last; ++i) {
            zmq_msg_t copy;
            ::zmq_msg_init(&copy);
            ::zmq_msg_copy(&copy, &m.slots_[i].frame);
            const int code = send_frame(&copy, (i == 0 ? flags : ZMQ_DONTWAIT) | (i == last ? 0 : ZMQ_SNDMORE));
            if (code == 0) continue;
            ::zmq_msg_close(&copy);
            // PUSH, DEALER and REQ now swallow frames until a last one comes: this is it.
            if (i != 0 && i != last && (type == ZMQ_PUSH || type == ZMQ_DEALER || type == ZMQ_REQ))
                ::zmq_send(handle, nullptr, 0, ZMQ_DONTWAIT);
            return code;
        }
        for (std::size_t i = 0; i <= last; ++i) {
            ::zmq_msg_close(&m.slots_[i].frame);
            ::zmq_msg_init(&m.slots_[i].frame);
        }
        return 0;
    }

    // One peer alone has the queue for itself, and whoever may open the path may as well end the process.
    void require_ipc_guard(const char* text) const {
        const std::int64_t most = std::max(limits.in.peers, limits.out.peers);
        if (most <= 1 || gate->counts_ipc() || record->what.ipc_waiver != nullptr) return;
        throw error{
            error::unavailable, std::string{"bind "} + text,
            "its limits allow " + std::to_string(most) +
                " peers, and the kernel does not count what comes in over ipc: include <ironhouse/system/runtime.hpp> "
                "in one source file, allow one peer, or say insecure::unguarded_ipc{\"why\"} in socket_options"};
    }

    void opened(transport which) noexcept {
        if (which == transport::inproc) {
            inproc = true;
        } else if (gate->guards()) {
            guarded = true;
        }
    }

    // The guard asked whether anything waits to be received. Silence means that something does.
    void answer_if_empty() noexcept {
        if ((record->curious.load(std::memory_order_relaxed) & enrolment::some_dropped) != 0) forget_the_dropped();
        const std::uint32_t asked = record->question.load(std::memory_order_acquire);
        if (asked == record->answer.load(std::memory_order_relaxed)) return;
        const int events = events_now();
        if (events < 0 || (events & ZMQ_POLLIN) != 0) return;
        record->attention.fetch_and(~std::uint32_t{attention::question});
        record->answer.store(asked, std::memory_order_release);
    }

    // A frame as it was on the line: sealed, and with its length in front.
    [[nodiscard]] std::size_t on_the_line(std::size_t size) const noexcept {
        const std::size_t sealed = size + seal;
        return sealed + (sealed > 255 ? 9U : 2U);
    }
    // A message of one frame; in calm, and where nothing is added to it on its way, two numbers grow.
    // False when whoever sent it has to be looked at first.
    [[nodiscard, gnu::always_inline]] bool account_for_one(any_message& m) noexcept {
        const std::size_t bytes = on_the_line(m.slots_[0].size);
        const unsigned curious = record->curious.load(std::memory_order_relaxed);
        if (type == ZMQ_XPUB || type == ZMQ_REP || type == ZMQ_REQ || curious != 0) [[unlikely]] {
            if ((curious & enrolment::some_dropped) != 0) return false;
            const std::int64_t whose = whose_is(m);
            m.size_ = 1;
            account_for(m, bytes, whose);
            return true;
        }
        count_taken(bytes);
        return true;
    }
    void count_taken(std::size_t bytes) noexcept {
        // Only the owner writes them.
        const auto add = [](std::atomic<std::uint64_t>& to, std::uint64_t more) {
            to.store(to.load(std::memory_order_relaxed) + more, std::memory_order_release);
        };
        add(record->taken_messages, 1);
        add(record->taken_bytes, bytes);
    }
    void account_for(const any_message& m, std::size_t bytes, std::int64_t whose) noexcept {
        // Subscriptions stay with the socket when they have been received.
        if (type == ZMQ_XPUB && m.size_ == 1 && m.slots_[0].size != 0 &&
            static_cast<const unsigned char*>(::zmq_msg_data(&m.slots_[0].frame))[0] <= 1)
            return;
        // An envelope that libzmq takes off itself: a number, and the empty frame behind it.
        if (type == ZMQ_REP || type == ZMQ_REQ) bytes += on_the_line(4) + on_the_line(0);
        if (whose != 0) {
            try {
                // Proxies on the way of a request each add an envelope that is taken off unseen: as much as sixteen of them.
                const std::size_t its = bytes + (type == ZMQ_REP ? 16 * on_the_line(5) : 0);
                const std::lock_guard held{record->lock};
                auto* const at = record->shares.find([&](const auto& each) { return each.whose == whose; });
                if (at != nullptr)
                    at->bytes += static_cast<std::int64_t>(its);
                else
                    record->shares.push_back({whose, static_cast<std::int64_t>(its)});
            } catch (...) {
                // No memory: it counts as anybody's.
            }
        }
        count_taken(bytes);
    }
    // Whose a message is: its handshake's serial number, or -1 - descriptor where nobody authenticates. 0: not asked for.
    [[nodiscard]] std::int64_t whose_is(any_message& m) const noexcept {
        if (!guarded || record->curious.load(std::memory_order_relaxed) == 0) return 0;
        m.size_ = 1;
        const std::string_view user = m.user_id();
        m.size_ = 0;
        std::int64_t serial = 0;
        if (const auto mark = user.rfind('#'); mark != user.npos)
            for (const char digit : user.substr(mark + 1)) serial = serial * 10 + (digit - '0');
        return serial != 0 ? serial : -1 - ::zmq_msg_get(&m.slots_[0].frame, ZMQ_SRCFD);
    }

    // Whether it came in under a key that was revoked meanwhile.
    [[nodiscard, gnu::cold]] bool is_dropped(std::int64_t serial) const noexcept {
        if ((record->curious.load(std::memory_order_acquire) & enrolment::some_dropped) == 0) return false;
        const std::lock_guard held{record->lock};
        return record->dropped.find(
                   [&](const auto& each) { return each.serial == static_cast<std::uint64_t>(serial); }) != nullptr;
    }
    // Once the queue is empty, nothing can be in it of those that had ended before.
    [[gnu::cold, gnu::noinline]] void forget_the_dropped() noexcept {
        bool any = false;
        {
            const std::lock_guard held{record->lock};
            for (auto& each : record->dropped)
                if (each.has == enrolment::unwanted::ended) {
                    each.has = enrolment::unwanted::nothing_left;
                    any = true;
                }
        }
        if (!any) return;
        const int events = events_now();
        const bool empty = events >= 0 && (events & ZMQ_POLLIN) == 0;
        const std::lock_guard held{record->lock};
        for (auto& each : record->dropped)
            if (!empty && each.has == enrolment::unwanted::nothing_left) each.has = enrolment::unwanted::ended;
        record->dropped.erase_if([](const auto& each) { return each.has == enrolment::unwanted::nothing_left; });
        if (record->dropped.empty()) record->wonder(enrolment::some_dropped, false);
    }

    // Bound, and nobody has completed a handshake. inproc peers are not counted.
    [[nodiscard]] bool nobody_there() const noexcept {
        return connected.empty() && !inproc && record->live.load(std::memory_order_relaxed) == 0;
    }

    // A frame of a message whose beginning was received: it is there already, unless a signal comes in between.
    [[nodiscard]] int next_frame(zmq_msg_t* frame) noexcept {
        for (;;) {
            const int size = ::zmq_msg_recv(frame, handle, ZMQ_DONTWAIT);
            if (size >= 0 || ::zmq_errno() != EINTR) return size;
        }
    }

    // Takes the rest of a message whose first frame is in the first slot.
    [[nodiscard]] taken take(any_message& m, std::size_t size) {
        if (m.size_ > 1) release_rest(m);
        m.size_ = 0;
        m.drop_route();
        bad_reply = false;
        bool more = ::zmq_msg_more(&m.slots_[0].frame) != 0;
        if (type == ZMQ_ROUTER) {
            ::zmq_msg_init(&m.route_);
            ::zmq_msg_move(&m.route_, &m.slots_[0].frame);
            m.route_live_ = true;
            // Where the sentry gives routing ids, a message under another one could be answered to somebody else.
            const bool given = !record->what.authenticates ||
                               is_our_routing_id(static_cast<const unsigned char*>(::zmq_msg_data(&m.route_)), size);
            if (size > longest_routing_id || size == 0 || !more) return refuse_message(m, 2, more);
            const int first = next_frame(&m.slots_[0].frame);
            if (first < 0) return taken::closing;
            if (!given) [[unlikely]]
                return refuse_misnamed(m);
            size = static_cast<std::size_t>(first);
            more = ::zmq_msg_more(&m.slots_[0].frame) != 0;
        }
        if (record->what.holds_topics) return take_subscription(m, size, more);
        const std::int64_t whose = whose_is(m);
        std::size_t bytes = 0;
        if (whose > 0 && is_dropped(whose)) return refuse_message(m, 3, more, on_the_line(size), whose);
        for (std::size_t count = 1;; ++count) {
            bytes += on_the_line(size);
            if (size > limits.in.frame) return refuse_message(m, 1, more, bytes, whose);
            m.slots_[count - 1].size = size;
            if (!more) {
                m.size_ = static_cast<std::uint8_t>(count);
                if (guarded) account_for(m, bytes, whose);
                return taken::whole;
            }
            if (count == limits.in.frames || count == m.capacity_) return refuse_message(m, 0, more, bytes, whose);
            m.make_live(count);
            const int next = next_frame(&m.slots_[count].frame);
            if (next < 0) return taken::closing;
            size = static_cast<std::size_t>(next);
            more = ::zmq_msg_more(&m.slots_[count].frame) != 0;
        }
    }

    [[nodiscard, gnu::cold, gnu::noinline]] taken refuse_misnamed(any_message& m) {
        m.size_ = 1;
        const std::uint64_t serial = m.sender_serial();
        gate->may_not_stay(enrolled, serial, reason::handshake_failed);
        return refuse_message(m, 2, ::zmq_msg_more(&m.slots_[0].frame) != 0);
    }
    // Consumes what is left of a message that broke a rule, and counts it: frames, size, routing id, revoked.
    [[nodiscard, gnu::cold, gnu::noinline]] taken refuse_message(any_message& m, std::size_t rule, bool more,
                                                                 std::size_t bytes = 0, std::int64_t whose = 0) {
        m.clear();
        zmq_msg_t rest;
        ::zmq_msg_init(&rest);
        for (int size = 0; more && (size = next_frame(&rest)) >= 0;) {
            more = ::zmq_msg_more(&rest) != 0;
            bytes += on_the_line(static_cast<std::size_t>(size));
        }
        ::zmq_msg_close(&rest);
        if (guarded) account_for(m, bytes, whose);
        record->broken[rule].fetch_add(1, std::memory_order_relaxed);
        gate->collect();
        // A REP can only go on by answering; the answer says nothing.
        if (type == ZMQ_REP) ::zmq_send(handle, nullptr, 0, ZMQ_DONTWAIT);
        bad_reply = type == ZMQ_REQ;
        m.make_live(0);
        return more ? taken::closing : taken::broken;
    }

    // ---- subscriptions, where certificates say what may be subscribed to ---------------------------------------------

    void require_topics(const std::string& during) const {
        if ((type != ZMQ_PUB && type != ZMQ_XPUB) || !shield->clients)
            throw error{error::misuse, during, "topic_rules are for a pub or xpub that goes by a keyring"};
#if !defined(SO_COOKIE)
        throw error{error::unavailable, during, "this system does not say which connection is which (SO_COOKIE)"};
#endif
    }
    // A `pub` takes in what was subscribed to before it sends, once a millisecond at most, which is how often libzmq's looks too.
    void take_in_subscriptions() {
        constexpr unsigned at_once = 512;
        const auto now = wait_clock::now();
        if (now - record->heard < std::chrono::milliseconds{1}) return;
        struct one_frame : any_message {
            one_frame() noexcept : any_message{&place, 1, 0} {}
            slot place;
        } held;
        any_message& m = held;
        for (unsigned n = 0; n != at_once; ++n) {
            m.make_live(0);
            const int size = ::zmq_msg_recv(&m.slots_[0].frame, handle, ZMQ_DONTWAIT);
            if (size < 0) {
                if (::zmq_errno() == EAGAIN) record->in_doubt = false;
                record->heard = now;
                return;
            }
            (void)take_subscription(m, static_cast<std::size_t>(size), ::zmq_msg_more(&m.slots_[0].frame) != 0);
        }
    }
    // libzmq keeps what subscribers send in one queue, and the connections that subscriptions came by in another. It gives out
    // one of each, and what is allowed here is added for that connection. So nothing is allowed while the two may have come apart,
    // which what is no subscription does, nor for a connection that libzmq may have freed (docs/decisions/020).
    [[nodiscard]] taken take_subscription(any_message& m, std::size_t size, bool more) {
        const auto* const data = static_cast<const unsigned char*>(::zmq_msg_data(&m.slots_[0].frame));
        m.size_ = 1;
        const subscription_book::subscriber who = subscriber_of(m);
        m.size_ = 0;
        if (more || size == 0 || data[0] > 1) {
            record->in_doubt = true;
            send_away(who.serial, reason::subscriber_spoke);
            return skip(m, more);
        }
        const bool asks = data[0] == 1;
        const std::string_view topic{reinterpret_cast<const char*>(data) + 1, size - 1};
        bool first_or_last = false; // of those that are in effect
        if (who.serial == 0) {
            // Not from the line: libzmq takes back what an ended connection had asked for.
            if (!asks && type == ZMQ_XPUB)
                first_or_last = record->book.remove_of_gone(topic, [](const auto& each) { return !is_there(each); });
        } else {
            const bool clear = !record->in_doubt;
            if (!clear) send_away(who.serial, reason::subscription_unclear);
            const bool too_long = type == ZMQ_XPUB && size > limits.in.frame;
            if (too_long) {
                record->broken[1].fetch_add(1, std::memory_order_relaxed);
                gate->collect();
            }
            const bool allowed = clear && !too_long && is_there(who) && (!asks || may_hear(who.serial, topic));
            if (type == ZMQ_XPUB)
                first_or_last = asks ? record->book.add(who, topic, allowed) : record->book.remove(who.serial, topic);
            if (allowed) ::zmq_setsockopt(handle, asks ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE, topic.data(), topic.size());
        }
        if (!first_or_last) return skip(m, more);
        m.slots_[0].size = size;
        m.size_ = 1;
        return taken::whole;
    }
    // Once is enough, however much more of it is in the queue.
    void send_away(std::uint64_t serial, reason why) noexcept {
        if (std::exchange(record->sent_away, serial) != serial) gate->may_not_stay(enrolled, serial, why);
    }
    // Who sent it. Where its connection is not the one that was let in, or is not known any more, it has no cookie.
    [[nodiscard]] subscription_book::subscriber subscriber_of(any_message& m) const {
        subscription_book::subscriber who{m.sender_serial(), ::zmq_msg_get(&m.slots_[0].frame, ZMQ_SRCFD), 0};
        const std::lock_guard held{record->lock};
        for (const enrolment::guest& each : record->guests)
            if (each.serial == who.serial && each.number == who.number) who.cookie = each.cookie;
        return who;
    }
    // libzmq's thread closes a connection's descriptor before it answers that its end is over, and only then is what stands for it
    // here freed, by the owner's own calls. So what is open now can be used until the next call.
    [[nodiscard]] static bool is_there(const subscription_book::subscriber& who) noexcept {
        return who.cookie != 0 && cookie_of(who.number) == who.cookie;
    }
    [[nodiscard]] bool may_hear(std::uint64_t serial, std::string_view topic) {
        {
            const std::lock_guard held{record->lock};
            const enrolment::guest* known = nullptr;
            for (const enrolment::guest& each : record->guests)
                if (each.serial == serial) known = &each;
            if (known == nullptr) return false; // it has just been hung up on
            std::string_view left = known->says;
            if (left.empty()) return true;
            while (!left.empty()) {
                const std::size_t comma = std::min(left.find(','), left.size());
                if (topic.starts_with(left.substr(0, comma))) return true;
                left.remove_prefix(std::min(comma + 1, left.size()));
            }
        }
        record->broken[4].fetch_add(1, std::memory_order_relaxed);
        gate->collect();
        return false;
    }
    // Drops it, and the frames that belong to it.
    [[nodiscard]] taken skip(any_message& m, bool more) noexcept {
        while (more) {
            const int size = next_frame(&m.slots_[0].frame);
            if (size < 0) break;
            more = ::zmq_msg_more(&m.slots_[0].frame) != 0;
        }
        m.clear();
        m.make_live(0);
        return more ? taken::closing : taken::broken;
    }

    static void release_rest(any_message& m) noexcept {
        for (std::size_t i = 1; i != m.live_; ++i) ::zmq_msg_close(&m.slots_[i].frame);
        m.live_ = 1;
    }

    static receive_status lost(any_message& m, receive_status why) noexcept {
        if (m.size_ > 1) release_rest(m);
        m.size_ = 0;
        m.drop_route();
        return why;
    }

    // What the socket is ready for, after libzmq has looked; -1 and an error when it could not.
    [[nodiscard]] int events_now() noexcept {
        int events = 0;
        std::size_t size = sizeof events;
        return ::zmq_getsockopt(handle, ZMQ_EVENTS, &events, &size) == 0 ? events : -1;
    }

    // Waits at our own poll for the socket, the mailbox, the clock or a stop request.
    [[gnu::noinline]] woken wait(short event, wait_clock::time_point until, const std::stop_token* stop) {
        struct ring {
            wake& bell;
            void operator()() const noexcept { bell.raise(); }
        };
        const bool stoppable = stop != nullptr && stop->stop_possible();
        const std::stop_callback<ring> rings{stoppable ? *stop : std::stop_token{}, ring{record->bell}};
        int socket_fd = -1;
        std::size_t size = sizeof socket_fd;
        if (::zmq_getsockopt(handle, ZMQ_FD, &socket_fd, &size) != 0) return woken::closing;
        for (;;) {
            if (stoppable && stop->stop_requested()) return woken::interrupted;
            if (record->attention.load(std::memory_order_relaxed) != 0 && attend()) return woken::closing;
            // The descriptor only says "look": what for is in ZMQ_EVENTS, and must be read before every wait.
            const int events = events_now();
            if (events < 0) return ::zmq_errno() == EINTR ? woken::interrupted : woken::closing;
            if ((events & event) != 0) return woken::ready;
            if (event == ZMQ_POLLIN) answer_if_empty();
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - wait_clock::now()).count();
            if (left <= 0) return woken::late;
            pollfd ends[2] = {{socket_fd, POLLIN, 0}, {record->bell.fd(), POLLIN, 0}};
            const int woke = ::poll(ends, 2, static_cast<int>(std::min<std::int64_t>(left, 3'600'000)));
            if (woke < 0 && errno == EINTR) return woken::interrupted;
            // Lowered before the reasons are looked at: one that comes later raises it again.
            if (ends[1].revents != 0) record->bell.lower();
        }
    }
};

} // namespace detail
} // namespace ironhouse::inline IRONHOUSE_ABI

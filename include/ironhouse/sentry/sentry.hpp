// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The thread at the door: authenticates newcomers, watches connections, keeps connecting sockets connected.
/// Layer: sentry.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/background_thread.hpp>
#include <ironhouse/detail/io_threads.hpp>
#include <ironhouse/detail/ownership.hpp>
#include <ironhouse/detail/row.hpp>
#include <ironhouse/detail/runtime_check.hpp>
#include <ironhouse/detail/shared_port.hpp>
#include <ironhouse/detail/sodium.hpp>
#include <ironhouse/detail/user_mark.hpp>
#include <ironhouse/detail/wake.hpp>
#include <ironhouse/keys/keyring.hpp>
#include <ironhouse/sentry/admission.hpp>
#include <ironhouse/sentry/door.hpp>
#include <ironhouse/sentry/doorkeeper.hpp>
#include <ironhouse/sentry/events.hpp>
#include <ironhouse/sentry/gate.hpp>
#include <ironhouse/sentry/herald.hpp>
#include <ironhouse/sentry/reload.hpp>
#include <ironhouse/sentry/supervisor.hpp>
#include <ironhouse/sentry/zap.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <poll.h>
#include <sodium/randombytes.h>
#include <unistd.h>
#include <zmq.hpp>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// One per context; outlives every socket of it. Owns the ZAP handler and the reading ends of all monitors, and no other
/// socket: what a socket must do itself is put into its mailbox.
class sentry final : public door {
public:
    sentry(int io_threads, event_callback on_event, const admission_limits& admission, runtime_finding runtime)
        : gate_{admission, gate::best(runtime == runtime_finding::in_effect), bell_},
          // Off is what it is in programs built to find mistakes; they need not be written otherwise.
          counts_ipc_{runtime == runtime_finding::in_effect || runtime == runtime_finding::off}, context_{make_context(
                                                                                                     io_threads)},
          herald_{std::move(on_event)}, zap_{context_, zmq::socket_type::router}, keeper_{herald_, admission, gate_} {
        // Bound before any server socket can exist: libzmq lets everybody in while there is no handler.
        zap_.set(zmq::sockopt::linger, 0);
        zap_.set(zmq::sockopt::router_mandatory, true);
        try {
            zap_.bind("inproc://zeromq.zap.01");
            zap_fd_ = zap_.get(zmq::sockopt::fd);
            io_.are_new_since(io_of_others_, ::zmq_ctx_get(context_.handle(), ZMQ_IO_THREADS));
        } catch (const zmq::error_t& refused) {
            throw error{error::unavailable, "bind the ZAP handler", refused.what(), refused.num()};
        }
        thread_.start(
            "ironhouse", "start the sentry", [](void* self) { static_cast<sentry*>(self)->run(); }, this);
    }
    sentry(const sentry&) = delete;
    sentry& operator=(const sentry&) = delete;

    ~sentry() override {
        {
            const std::lock_guard held{lock_};
            stopping_ = true;
        }
        bell_.raise();
        thread_.join();
    }

    // ---- door: the owner's side ------------------------------------------------------------------------------------

    void* zmq_context() noexcept override { return context_.handle(); }

    std::shared_ptr<enrolment> enrol(terms&& what, void* socket) override {
        const std::string during = std::string{"open a "} + what.pattern + " socket";
        if (closing_.load(std::memory_order_relaxed))
            throw error{error::closing, during, "the context is shutting down"};
        std::shared_ptr<enrolment> who;
        {
            const std::lock_guard held{lock_};
            if (what.authenticates && !standing_)
                throw error{error::unavailable, during, "the sentry has failed; nobody would be authenticated"};
            claim_domain(what, during);
            who = std::make_shared<enrolment>(++sockets_opened_, std::move(what));
        }
        bool followed = false;
        try {
            if (who->what.clients) rings_.follow(*who->what.clients);
            followed = true;
            zmq::socket_t reader = watch(*who, socket);
            const std::lock_guard held{lock_};
            records_.push_back(who);
            // Said under the same lock that shutdown() takes: a socket is either told by it, or sees it here.
            if (closing_.load(std::memory_order_relaxed)) who->attention.fetch_or(attention::closing);
            commands_.push_back({order::add, who, {}, nullptr, std::move(reader), reason{}});
        } catch (...) {
            ::zmq_socket_monitor(socket, nullptr, 0);
            if (followed && who->what.clients) rings_.unfollow(*who->what.clients);
            const std::lock_guard held{lock_};
            give_back_domain(*who);
            throw;
        }
        for (const char* const waiver : {who->what.waiver, who->what.ipc_waiver})
            if (waiver != nullptr) report(reason::waived, *who, {}, waiver);
        bell_.raise();
        return who;
    }

    void leave(const std::shared_ptr<enrolment>& who) noexcept override {
        {
            // At once: the next socket may have the same domain, and other keys.
            const std::lock_guard held{lock_};
            give_back_domain(*who);
        }
        post({order::remove, who});
    }

    void close_for(const std::shared_ptr<enrolment>& who, void* socket) noexcept override {
        post({order::close, who, {}, socket});
    }

    void supervise(const std::shared_ptr<enrolment>& who, const std::string& endpoint) override {
        post({order::supervise, who, endpoint});
    }
    void release(const std::shared_ptr<enrolment>& who, const std::string& endpoint) noexcept override {
        post({order::release, who, endpoint});
    }
    void rotate(const std::shared_ptr<enrolment>& who, std::uint32_t key, std::chrono::milliseconds window,
                row<steering>&& newcomers) override {
        command said{order::rotate, who};
        said.number = key;
        said.window = window;
        said.newcomers = std::move(newcomers);
        post(std::move(said));
    }
    [[nodiscard]] bool counts_ipc() const noexcept override { return counts_ipc_; }
    [[nodiscard]] bool guards() const noexcept override { return guards_.load(std::memory_order_relaxed); }
    void look_again(const std::shared_ptr<enrolment>& who) noexcept override { post({order::look_again, who}); }
    void may_not_stay(const std::shared_ptr<enrolment>& who, std::uint64_t serial, reason why) noexcept override {
        command said{order::may_not_stay, who};
        said.number = serial;
        said.why = why;
        post(std::move(said));
    }
    void collect() noexcept override {
        if (!collecting_.exchange(true, std::memory_order_relaxed)) bell_.raise();
    }
    void report(reason why, const enrolment& who, const std::string& address) noexcept override {
        report(why, who, address, {});
    }
    void report(reason why, const enrolment& who, const std::string& address, std::string_view detail) noexcept {
        command said{order::report, nullptr, address, nullptr, {}, why};
        said.number = who.number;
        said.domain = who.what.domain.empty() ? who.what.pattern : who.what.domain;
        said.detail = detail;
        post(std::move(said));
    }

    // ---- context's side, any thread --------------------------------------------------------------------------------

    /// Reports something that concerns the context as a whole.
    void report(reason why, std::string_view detail) {
        command said{order::report, nullptr, {}, nullptr, {}, why};
        said.detail = detail;
        post(std::move(said));
    }
    /// Every wait of every socket ends with `closing`; the door stays open for nobody new.
    void shutdown() noexcept {
        closing_.store(true, std::memory_order_relaxed);
        const std::lock_guard held{lock_};
        for (const auto& weak : records_) {
            if (const auto who = weak.lock()) {
                who->attention.fetch_or(attention::closing);
                who->bell.raise();
            }
        }
    }
    /// Which process, counted in forks, this sentry belongs to.
    [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }
    [[nodiscard]] bool closing() const noexcept { return closing_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t count(reason why) const noexcept { return herald_.count(why); }

    [[nodiscard]] gate_kind gate_in_force() const noexcept { return gate_.kind(); }

    /// Makes the sentry's next step fail, so that tests can see what holds without it.
    void fail_for_test() { post({order::fail}); }
    /// Sockets opened from now on are not guarded, so that benchmarks can say what guarding costs.
    void switch_off_guard() {
        guards_.store(false, std::memory_order_relaxed);
        post({order::unguard});
    }

private:
    using clock = std::chrono::steady_clock;
    static constexpr std::chrono::milliseconds moment{1}, settling{500};

    enum class order : std::uint8_t {
        add,
        remove,
        close,
        supervise,
        release,
        rotate,
        report,
        look_again,
        may_not_stay,
        unguard,
        fail
    };

    struct command {
        order what;
        std::shared_ptr<enrolment> who = {};
        std::string text = {};
        void* socket = nullptr;
        zmq::socket_t reader = {};
        reason why = {};
        std::uint64_t number = 0;
        std::string domain = {}, detail = {};
        std::chrono::milliseconds window{};
        row<steering> newcomers = {};
    };
    // A server's key that is the only one from then on.
    struct change {
        std::int64_t key;
        clock::time_point at;
        row<steering> newcomers;
    };
    struct watched {
        std::shared_ptr<enrolment> who;
        zmq::socket_t reader;
        int fd; // of the reader
        ward* door;
        supervisor keeper = {};
        std::uint64_t reported[6] = {};
        row<change> changes = {};
        std::int64_t oldest_key = 0; // that is still served
        std::uint64_t read_in = 0;   // the round in which its monitor was read
        std::uint64_t ring = 0;      // the generation that its connections were looked at for
    };

    // An authentication request that was answered, and is not known yet by whom it was made.
    struct unsettled {
        std::uint64_t socket;
        row<doorkeeper::candidate> whose;
        bool others; // somebody else may have asked
        verdict judged;
        std::uint64_t serial;
        clock::time_point until;
        reason unwanted = reason::client_admitted; // or it may not stay, for that reason
    };

    static zmq::context_t make_context(int io_threads) {
        init_sodium();
        zmq::context_t made{io_threads};
        // A small message received alone would pin an 8 KiB arena; the ceiling counts on this being off.
        constexpr int zero_copy_receive = 10;
        if (::zmq_ctx_set(made.handle(), zero_copy_receive, 0) != 0 ||
            ::zmq_ctx_get(made.handle(), zero_copy_receive) != 0)
            throw error{error::unavailable, "set ZMQ_ZERO_COPY_RECV", "libzmq does not take it", ::zmq_errno()};
        // Each socket comes with a monitor, which is two more.
        made.set(zmq::ctxopt::max_sockets, std::min(made.get(zmq::ctxopt::socket_limit), 12'288));
        return made;
    }

    void claim_domain(const terms& what, const std::string& during) {
        if (!what.authenticates) return;
        for (domain_claim& claim : domains_) {
            if (claim.name != what.domain) continue;
            const bool same = claim.clients ? what.clients && claim.clients->same_as(*what.clients) : !what.clients;
            if (!same)
                throw error{error::misuse, during,
                            "domain \"" + what.domain +
                                "\" already belongs to another keyring; one domain, one keyring"};
            ++claim.sockets;
            return;
        }
        domains_.push_back({what.domain, what.clients, 1});
    }
    void give_back_domain(const enrolment& who) {
        domains_.erase_if([&](domain_claim& claim) {
            return claim.name == who.what.domain && who.what.authenticates && --claim.sockets == 0;
        });
    }

    // The reader is connected before the socket can be bound: without one, libzmq's I/O thread would wait for it.
    zmq::socket_t watch(const enrolment& who, void* socket) {
        const std::string address = "inproc://ironhouse-monitor-" + std::to_string(who.number);
        // Only what is needed: ACCEPT_FAILED comes in hundreds of thousands a second when descriptors run out.
        // Not HANDSHAKE_FAILED_PROTOCOL: libzmq also says it of boxes that do not open, and saying it can overwrite the
        // error number it then decides by. The connection, and its descriptor, would stay for ever, deaf.
        const int listeners = gate_.kind() != gate_kind::shutdown ? ZMQ_EVENT_LISTENING | ZMQ_EVENT_CLOSED : 0;
        const int wanted = listeners | ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_RETRIED |
                           ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                           ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
        if (::zmq_socket_monitor(socket, address.c_str(), wanted) != 0)
            throw error{error::exhausted, "watch a socket", ::zmq_strerror(::zmq_errno()), ::zmq_errno()};
        try {
            zmq::socket_t reader{context_, zmq::socket_type::pair};
            reader.set(zmq::sockopt::linger, 0);
            reader.set(zmq::sockopt::rcvhwm, 0); // a full queue would stop the I/O thread; this one is always drained
            reader.connect(address);
            return reader;
        } catch (const zmq::error_t& refused) {
            throw error{error::exhausted, "watch a socket", refused.what(), refused.num()};
        }
    }

    void post(command&& what) noexcept {
        try {
            const std::lock_guard held{lock_};
            commands_.push_back(std::move(what));
        } catch (...) {
            die("out of memory while closing a socket");
        }
        bell_.raise();
    }

    // ---- the sentry's thread ---------------------------------------------------------------------------------------

    void run() noexcept {
        for (;;) {
            try {
                const work now = wait();
                ++round_;
                bool last = false;
                if (now.everything) last = take_commands();
                // The authenticator was read until nothing was left, so that without a word of libzmq's nothing is there.
                if (now.newcomers || unsettled_ || more_may_wait_) serve_newcomers();
                if (now.everything) {
                    read_monitors();
                    review_rings();
                    collect_counts();
                }
                change_keys();
                keeper_.work(now.awake, now.heard);
                keep_connected();
                herald_.flush(clock::now(), last);
                if (last) break;
            } catch (const std::exception& failure) {
                shut_the_door(failure.what());
            } catch (...) {
                shut_the_door("unknown failure");
            }
        }
        for (watched& each : watched_) {
            for (change& next : each.changes) let_go(next);
            hear_of_changes(each, false);
        }
        watched_.clear();
        zap_.close();
    }

    // What there is to do. A look at busy connections is due every other millisecond, and needs none of the rest.
    struct work {
        bool everything; // somebody said something, or an answer is still to be settled
        bool newcomers;  // somebody may ask to be let in
        bool heard;      // libzmq's events have been, or there were none
        bool awake;      // an idle connection has something to look at
    };
    work wait() {
        polled_.clear();
        polled_.push_back({bell_.fd(), POLLIN, 0});
        // Each is read until nothing is left before the next wait, as libzmq's descriptors ask for. What becomes of connections
        // is heard once a millisecond, unless somebody asks to be let in: to be woken costs more than what is heard. While nobody
        // is known to be on the way in, the authenticator is not asked either: libzmq only says that it is done with a request.
        const auto rested = std::min(std::max(heard_, answered_) + moment, heard_ + 2 * moment);
        const bool hears = clock::now() >= rested;
        if (hears)
            for (const watched& each : watched_) polled_.push_back({each.fd, POLLIN, 0});
        const std::size_t of_others = polled_.size();
        const bool listens = zap_ && !unsettled_ && (hears || keeper_.expects_somebody());
        if (listens) polled_.push_back({zap_fd_, POLLIN, 0});
        if (keeper_.fd() >= 0) polled_.push_back({keeper_.fd(), POLLIN, 0});
        auto until = herald_.next();
        if (const auto soon = keeper_.next(); soon && (!until || *soon < *until)) until = soon;
        for (const watched& each : watched_)
            if (const auto soon = each.keeper.next(); soon && (!until || *soon < *until)) until = soon;
        for (const watched& each : watched_)
            for (const change& next : each.changes)
                if (!until || next.at < *until) until = next.at;
        if (!hears && (!until || rested < *until)) until = rested;
        if (unsettled_) until = clock::now() + std::chrono::milliseconds{1};
        int timeout = -1;
        if (until) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - clock::now());
            timeout = static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(left.count(), 0, 3'600'000));
        }
        work found{unsettled_.has_value(), false, hears, false};
        const int woke = ::poll(polled_.data(), static_cast<nfds_t>(polled_.size()), timeout);
        if (woke < 0)
            found.everything = found.newcomers =
                true; // more descriptors than the program now allows itself: look at all
        if (woke <= 0) {
            found.heard = found.heard || found.everything;
            return found;
        }
        if (polled_.front().revents != 0) bell_.lower();
        for (std::size_t i = 0; i != of_others; ++i) found.everything = found.everything || polled_[i].revents != 0;
        found.heard = found.heard || found.everything;
        found.newcomers = listens && polled_[of_others].revents != 0;
        found.awake = keeper_.fd() >= 0 && polled_.back().revents != 0;
        return found;
    }

    // True when this is the last round.
    bool take_commands() {
        row<command> taken;
        bool last = false;
        {
            const std::lock_guard held{lock_};
            taken.swap(commands_);
            last = stopping_;
        }
        for (command& each : taken) obey(each);
        return last;
    }

    void obey(command& said) {
        const auto now = clock::now();
        switch (said.what) {
        case order::add: {
            ward& charge = keeper_.take_on(said.who);
            const int fd = said.reader.get(zmq::sockopt::fd);
            watched_.push_back({std::move(said.who), std::move(said.reader), fd, &charge});
            hear_of_changes(watched_.back(), true);
            collecting_.store(true, std::memory_order_relaxed); // it may have counted something already
            break;
        }
        case order::close:
            ::zmq_socket_monitor(said.socket, nullptr, 0);
            ::zmq_close(said.socket);
            [[fallthrough]];
        case order::remove: {
            if (watched* const found = find(said.who->number)) {
                read_monitor(*found);
                collect_counts(*found, now);
                keeper_.retire(*found->door);
                for (change& each : found->changes) let_go(each);
                hear_of_changes(*found, false);
                if (said.who->what.clients) rings_.unfollow(*said.who->what.clients);
            }
            watched_.erase_if([&](const watched& each) { return each.who == said.who; });
            herald_.forget(said.who->number, now);
            const std::lock_guard held{lock_};
            if (said.what == order::close) give_back_domain(*said.who); // leave() has done it otherwise
            records_.erase_if([&](const auto& weak) { return weak.expired() || weak.lock() == said.who; });
            break;
        }
        case order::supervise:
            if (watched* const found = find(said.who->number)) found->keeper.watch(said.text);
            break;
        case order::release:
            if (watched* const found = find(said.who->number)) found->keeper.forget(said.text);
            break;
        case order::rotate:
            if (watched* const found = find(said.who->number)) {
                const auto key = static_cast<std::int64_t>(said.number);
                herald_.tell({reason::server_key_rotated,
                              1,
                              found->who->number,
                              label(*found->who),
                              {},
                              {},
                              "the former one until " + std::to_string(said.window.count()) + " ms from now"},
                             now);
                found->changes.push_back({key, now + said.window, std::move(said.newcomers)});
            }
            for (const steering& each : said.newcomers) ::close(each.listener); // the socket is gone
            break;
        case order::look_again: keeper_.check_soon(); break;
        case order::may_not_stay:
            if (watched* const found = find(said.who->number)) {
                keeper_.let_go_of(*found->door, said.number, said.why);
                // What it sent was faster than the news that it was let in.
                if (unsettled_ && unsettled_->serial == said.number) unsettled_->unwanted = said.why;
            }
            break;
        case order::unguard: keeper_.switch_off(); break;
        case order::report:
            herald_.tell({said.why, 1, said.number, said.domain, {}, said.text, said.detail}, now);
            break;
        case order::fail: throw std::runtime_error{"failed for a test"};
        }
    }

    watched* find(std::uint64_t number) {
        return watched_.find([&](const watched& each) { return each.who->number == number; });
    }

    void serve_newcomers() {
        more_may_wait_ = false;
        // Bounded, so that a storm of handshakes cannot starve monitors and timers.
        for (int served = 0; zap_ && served != 64; ++served) {
            if (!settle()) return;
            zmq::message_t peer, delimiter;
            if (!zap_.recv(peer, zmq::recv_flags::dontwait)) {
                // libzmq's thread says that it will ask before it does.
                if (served != 0 || !keeper_.is_calm()) return;
                std::this_thread::yield();
                if (!zap_.recv(peer, zmq::recv_flags::dontwait)) return;
            }
            zmq::message_t frames[zap_frames];
            std::string_view texts[zap_frames];
            std::size_t count = 0;
            bool more = peer.more() && zap_.recv(delimiter) && delimiter.more();
            while (more) {
                zmq::message_t frame;
                if (!zap_.recv(frame)) break;
                more = frame.more();
                if (count < zap_frames) frames[count] = std::move(frame);
                ++count;
            }
            for (std::size_t i = 0; i != std::min(count, zap_frames); ++i)
                texts[i] = {frames[i].data<char>(), frames[i].size()};
            if (count < 2) continue; // no request id: nothing could be answered
            answer(peer, texts, count);
        }
        if (!zap_) return;
        more_may_wait_ = true;
        bell_.raise();
    }

    void answer(zmq::message_t& peer, const std::string_view (&frames)[zap_frames], std::size_t many) {
        verdict judged;
        std::string_view domain, address;
        watched* at = nullptr;
        row<doorkeeper::candidate> whose; // the connection that asks, or those of which one does
        bool others = false;
        if (const auto asked = read_zap(frames, many)) {
            address = asked->address;
            const auto door_asked_for = [&] {
                return watched_.find([&](const watched& each) { return each.who->key_asked_for(asked->domain) >= 0; });
            };
            watched* found = door_asked_for();
            if (found == nullptr) { // opened since the last look, if this thread had to wait for its turn
                (void)take_commands();
                found = door_asked_for();
            }
            if (found == nullptr || !found->who->what.authenticates) {
                judged = {reason::refused_unknown_domain, {}};
            } else {
                at = found;
                domain = at->who->what.domain;
                const terms& what = at->who->what;
                const std::int64_t server_key = at->who->key_asked_for(asked->domain);
                judged = decide(*asked, what.clients.get(),
                                {what.domain, what.pattern, what.role, address,
                                 std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()),
                                 ignores_topics(what)});
                judged.server_key = server_key;
                if (judged.admitted() && server_key < at->oldest_key) judged.why = reason::refused_server_key;
                read_monitor(*at); // who is there, before who they are
                whose = keeper_.candidates(*at->door, address, others);
                if (judged.admitted())
                    judged.why = keeper_.place_for(*at->door, judged.who, address, judged.connections);
                // Served without being counted it must not be; whoever it is comes again.
                if (judged.admitted() && whose.empty()) judged.why = reason::handshake_failed;
                // What was asked about may go on being read; see give_a_routing_id().
                if (judged.admitted() && gives_routing_ids(*at) && !io_.have_gone_on(std::chrono::milliseconds{50}))
                    judged.why = reason::handshake_failed;
                if (judged.admitted()) keeper_.expect(*at->door, whose);
            }
        } else if (many == zap_frames && !frames[5].empty() && frames[5] != "CURVE") {
            judged.why = reason::refused_mechanism;
        }
        const std::uint64_t number = at != nullptr ? at->who->number : 0;
        // Two clients of one key are told apart by the serial number; the key's name cannot hold a '#'.
        const std::uint64_t serial = handshakes_admitted_ + 1;
        std::string user, metadata;
        if (judged.admitted()) {
            ++handshakes_admitted_;
            (user = judged.who).append(1, '#').append(std::to_string(serial)).append(user_mark());
            // libzmq passes a user id on as a message of its own, which a REQ's session takes for a broken answer and
            // hangs up on: there the name travels as metadata, which a message's sender() looks at second.
            if (at->who->what.type == ZMQ_REQ) {
                metadata = zap_property(user_property, user);
                user.clear();
            }
            give_a_routing_id(*at, judged.who, serial, metadata);
            if (at->who->what.holds_topics) keeper_.announce(*at->door, serial, whose, judged.topics);
        }
        // Counted before the answer, so that whoever receives a client's first message finds it counted; told after it.
        const event decision{judged.why, 1, number, domain, judged.who, address, {}};
        herald_.count_in(decision);
        // 300 is what libzmq says nothing about to the peer, so that it tries again; the connection is ended below.
        const std::string_view status = judged.admitted() ? "200" : is_passing(judged.why) ? "300" : "400";
        const std::string_view reply[] = {{},   "1.0",   frames[1], status, judged.admitted() ? "OK" : "refused",
                                          user, metadata};
        try {
            zap_.send(peer, zmq::send_flags::sndmore);
            for (const auto& frame : reply)
                zap_.send(zmq::buffer(frame),
                          &frame == std::end(reply) - 1 ? zmq::send_flags::none : zmq::send_flags::sndmore);
        } catch (const zmq::error_t&) {
            if (judged.admitted()) keeper_.withdraw(*at->door, serial);
            return; // the connection is gone, and with it whoever asked
        }
        herald_.pass_on(decision, answered_ = clock::now());
        if (at == nullptr || whose.empty()) return;
        // Whoever is hung up on is written nothing by which it could be told. Should it be another one, that one comes again.
        if (is_passing(judged.why)) {
            const doorkeeper::candidate first = keeper_.first_of(whose);
            whose.clear();
            whose.push_back(first);
            others = false;
        }
        unsettled_.emplace(
            unsettled{number, std::move(whose), others, std::move(judged), serial, clock::now() + settling});
        (void)settle();
    }
    static bool gives_routing_ids(const watched& at) noexcept {
        return at.who->what.type == ZMQ_ROUTER || at.who->what.type == ZMQ_REP;
    }
    // Where answers go by routing id, each connection has one that was drawn for it: nobody has another's, or takes one that
    // somebody else would have had. libzmq goes by what it reads last, and it asks before it has read the last of what the peer
    // says of itself: the answer has to come after that.
    void give_a_routing_id(watched& at, std::string_view name, std::uint64_t serial, std::string& metadata) {
        if (!gives_routing_ids(at)) return;
        unsigned char id[routing_id_size];
        draw_routing_id(id);
        metadata += zap_property("Identity", {reinterpret_cast<const char*>(id), sizeof id});
        if (at.who->what.type == ZMQ_ROUTER) keeper_.announce(*at.door, name, serial, id);
    }
    // A refusal that another time need not meet.
    static bool is_passing(reason why) noexcept {
        return why == reason::refused_full || why == reason::refused_per_key || why == reason::refused_per_address ||
               why == reason::refused_after_cut || why == reason::refused_ring_missing ||
               why == reason::handshake_failed;
    }
    // Finds the connection that was answered last, and puts it where it belongs. Until then nobody else is answered: two
    // answers at once could not be told apart. False when it is still to come.
    bool settle() {
        if (!unsettled_) return true;
        watched* const at = find(unsettled_->socket);
        auto it = connection_table::none;
        if (at != nullptr && unsettled_->whose.size() == 1 && !unsettled_->others) it = unsettled_->whose.front().where;
        // libzmq's thread writes as soon as it runs: mostly within microseconds, and on a busy machine when it can.
        for (const auto soon = clock::now() + moment; at != nullptr && it == connection_table::none;) {
            bool left = false;
            if ((it = keeper_.answered(unsettled_->whose, left)) != connection_table::none) break;
            const auto now = clock::now();
            if (now >= (left || unsettled_->others ? unsettled_->until - settling + 4 * moment : unsettled_->until))
                break;
            if (now >= soon) return false;
            std::this_thread::sleep_for(std::chrono::microseconds{20});
        }
        const unsettled done = std::move(*unsettled_);
        unsettled_.reset();
        if (it == connection_table::none) {
            if (at != nullptr && done.judged.admitted()) {
                keeper_.withdraw(*at->door, done.serial);
                keeper_.show_out_all(*at->door, done.whose);
            }
            return true;
        }
        if (done.judged.admitted())
            admit(*at, it, done);
        else if (is_passing(done.judged.why))
            keeper_.turn_back(*at->door, it, done.judged.why);
        else
            keeper_.refused(*at->door, it);
        return true;
    }

    void admit(watched& at, connection_table::index it, const unsettled& done) {
        keeper_.admit(*at.door, it, done.judged, done.serial);
        if (done.unwanted != reason::client_admitted) keeper_.let_go_of(*at.door, done.serial, done.unwanted);
        // The ring may have been replaced since it was asked.
        if (at.who->what.clients && at.who->what.clients->generation() != done.judged.of_generation)
            keeper_.review(*at.door);
    }
    // Whoever is no longer in the ring does not stay.
    void review_rings() {
        for (const ring_finding& each : rings_.take())
            herald_.tell({each.why, 1, 0, {}, {}, each.origin, each.detail}, clock::now());
        for (watched& each : watched_) {
            if (!each.who->what.clients) continue;
            const std::uint64_t now = each.who->what.clients->generation();
            if (std::exchange(each.ring, now) != now) keeper_.review(*each.door);
        }
    }
    // Where the window is over, newcomers go to the next key's listeners, and whoever is there under a former key has to come
    // again.
    void change_keys() {
        for (watched& each : watched_)
            while (change* const due = each.changes.find([](const change& next) { return next.at <= clock::now(); })) {
                each.oldest_key = std::max(each.oldest_key, due->key);
                // While a later key is served beside this one, newcomers go to either.
                if (each.changes.size() == 1)
                    for (const steering& to : due->newcomers) (void)steer_newcomers(to.listener, to.which);
                let_go(*due);
                each.changes.erase(due);
                keeper_.retire_keys_before(*each.door, each.oldest_key);
            }
    }
    static void let_go(change& of) noexcept {
        for (const steering& each : of.newcomers) ::close(each.listener);
        of.newcomers.clear();
    }
    void hear_of_changes(const watched& of, bool from_now_on) {
        if (of.who->what.clients) keyring_access::hear(*of.who->what.clients, bell_, from_now_on);
    }

    void read_monitors() {
        // Whoever asked to be let in was looked for there already.
        for (watched& each : watched_)
            if (each.read_in != round_) read_monitor(each);
        heard_ = clock::now();
    }

    void read_monitor(watched& each) {
        each.read_in = round_;
        const auto now = clock::now();
        const std::string_view domain = label(*each.who);
        for (;;) {
            zmq::message_t head, address;
            if (!each.reader.recv(head, zmq::recv_flags::dontwait)) return;
            std::uint16_t what = 0;
            std::int32_t value = 0;
            if (!head.more() || !each.reader.recv(address) || head.size() < sizeof what + sizeof value) continue;
            std::memcpy(&what, head.data(), sizeof what);
            std::memcpy(&value, head.data<char>() + sizeof what, sizeof value);
            const std::string_view where{address.data<char>(), address.size()};
            switch (what) {
            case ZMQ_EVENT_LISTENING: gate_.listen(value, each.who->number); break;
            case ZMQ_EVENT_CLOSED: gate_.unlisten(value); break;
            case ZMQ_EVENT_ACCEPTED: keeper_.opened(*each.door, value, where, false); break;
            case ZMQ_EVENT_CONNECTED: keeper_.opened(*each.door, value, where, true); break;
            case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
                if (!keeper_.succeeded(*each.door, where)) break; // and its pauses go on growing
                each.keeper.established(where);
                herald_.tell({reason::connected, 1, each.who->number, domain, {}, where, {}}, now);
                break;
            case ZMQ_EVENT_DISCONNECTED: {
                // A failed handshake ends with this event too, whatever else was said of it.
                if (const auto how = keeper_.closed(*each.door, value))
                    herald_.tell({*how, 1, each.who->number, domain, {}, where, {}}, now);
                lost(each, where, now);
                break;
            }
            case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: lost(each, where, now); break;
            case ZMQ_EVENT_CONNECT_RETRIED: each.keeper.retried(where); break;
            default: break;
            }
        }
    }

    static void lost(watched& of, std::string_view address, clock::time_point now) {
        if (!of.keeper.empty()) of.keeper.lost(address, now, static_cast<std::uint8_t>(::randombytes_random()));
    }

    void collect_counts() {
        if (!collecting_.exchange(false, std::memory_order_relaxed)) return;
        for (watched& each : watched_) collect_counts(each, clock::now());
    }

    void collect_counts(watched& each, clock::time_point now) {
        static constexpr reason reasons[6] = {reason::message_too_many_frames, reason::message_frame_too_large,
                                              reason::message_bad_routing_id,  reason::message_of_revoked,
                                              reason::subscription_refused,    reason::subscriber_behind};
        for (std::size_t i = 0; i != 6; ++i) {
            const auto& counter = i < 5 ? each.who->broken[i] : each.who->behind;
            const std::uint64_t total = counter.load(std::memory_order_relaxed);
            if (total == each.reported[i]) continue;
            herald_.tell({reasons[i], total - each.reported[i], each.who->number, label(*each.who), {}, {}, {}}, now);
            each.reported[i] = total;
        }
    }

    void keep_connected() {
        const auto now = clock::now();
        for (watched& each : watched_) {
            if (each.who->what.server_keys > 1)
                for (std::string in_vain; !(in_vain = each.keeper.take_in_vain()).empty();) {
                    const std::lock_guard held{each.who->lock};
                    each.who->next_key.push_back(std::move(in_vain));
                    each.who->attention.fetch_or(attention::mail, std::memory_order_release);
                    each.who->bell.raise();
                }
            auto due = each.keeper.take_due(now);
            if (due.empty()) continue;
            for (const std::string& endpoint : due)
                herald_.tell({reason::reconnect_asked, 1, each.who->number, label(*each.who), {}, endpoint, {}}, now);
            const std::lock_guard held{each.who->lock};
            for (std::string& endpoint : due) each.who->reconnect.push_back(std::move(endpoint));
            each.who->attention.fetch_or(attention::mail, std::memory_order_release);
            each.who->bell.raise();
        }
    }

    // Without a handler every server socket refuses newcomers, since each enforces its domain. Connections stay, monitors
    // are still read: a monitor nobody reads would stop libzmq's I/O thread.
    void shut_the_door(const char* why) noexcept {
        try {
            {
                const std::lock_guard held{lock_};
                standing_ = false;
            }
            if (zap_) zap_.close();
            unsettled_.reset();
            bell_.raise(); // whatever was being read is read to its end
            herald_.tell({reason::sentry_failed, 1, 0, {}, {}, {}, why}, clock::now());
        } catch (...) {
            die("the sentry failed, and failed again while shutting the door");
        }
    }

    static std::string_view label(const enrolment& who) noexcept {
        return who.what.domain.empty() ? std::string_view{who.what.pattern} : std::string_view{who.what.domain};
    }

    struct domain_claim {
        std::string name;
        std::shared_ptr<const keyring> clients;
        std::size_t sockets;
    };

    const std::uint32_t generation_ = process_generation();
    wake bell_;
    ring_watch rings_{bell_};
    gate gate_; // before the context: libzmq's threads call it as long as they run
    const bool counts_ipc_;
    zmq::context_t context_;
    herald herald_;
    row<int> io_of_others_ = io_threads::of_this_process();
    zmq::socket_t zap_; // libzmq's threads begin with it
    io_threads io_;
    int zap_fd_ = -1;

    std::mutex lock_; // guards what follows, up to the blank line
    row<command> commands_;
    row<std::weak_ptr<enrolment>> records_;
    row<domain_claim> domains_;
    std::uint64_t sockets_opened_ = 0;
    bool stopping_ = false;
    bool standing_ = true;

    std::atomic<bool> closing_{false};
    std::atomic<bool> collecting_{false};
    std::atomic<bool> guards_{true};

    // The sentry's thread only.
    doorkeeper keeper_;
    row<watched> watched_;
    std::optional<unsettled> unsettled_;
    clock::time_point heard_{}, answered_{}; // the monitors, and a newcomer
    std::uint64_t round_ = 0;
    row<pollfd> polled_;
    bool more_may_wait_ = false; // who asks to be let in
    std::uint64_t handshakes_admitted_ = 0;

    background_thread thread_; // last: it uses everything above
};

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

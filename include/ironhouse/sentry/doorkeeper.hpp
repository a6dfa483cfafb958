// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Holds every connection to what its socket's limits and the admission limits allow. Layer: sentry.
///
/// It acts on duplicated descriptors alone: a connection that may not stay is shut down, and libzmq lets go of it.

#include <ironhouse/core/limits.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/kernel_socket.hpp>
#include <ironhouse/detail/row.hpp>
#include <ironhouse/keys/keyring.hpp>
#include <ironhouse/sentry/admission.hpp>
#include <ironhouse/sentry/connections.hpp>
#include <ironhouse/sentry/door.hpp>
#include <ironhouse/sentry/events.hpp>
#include <ironhouse/sentry/gate.hpp>
#include <ironhouse/sentry/guard.hpp>
#include <ironhouse/sentry/herald.hpp>
#include <ironhouse/sentry/zap.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <time.h>
#include <zmq.h>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// Whether it is a publisher that lets everybody hear everything.
[[nodiscard]] inline bool ignores_topics(const terms& of) noexcept {
    return !of.holds_topics && (of.type == ZMQ_PUB || of.type == ZMQ_XPUB);
}

/// One socket, as the doorkeeper knows it.
struct ward {
    explicit ward(std::shared_ptr<enrolment> of) : who{std::move(of)}, eye{budget(who->what), exact(who->what.type)} {}

    std::shared_ptr<enrolment> who;
    guard eye;
    std::uint64_t bytes = 0, messages = 0; // of the owner's counts, as far as they were looked at
    std::uint32_t half_open = 0;           // these two: of incoming connections
    std::uint32_t established = 0;
    std::uint32_t departed = 0;
    std::uint32_t ahead = 0;   // handshakes known to have succeeded whose events are still to come
    std::int64_t unshared = 0; // received, and not known from whom
    std::uint32_t question = 0;
    bool asking = false;
    std::chrono::steady_clock::time_point ask_after{};
    bool alone = false; // when the guard woke there was one connection
    bool seen = false;  // a connection of it was looked at in this round
    bool full = false;  // and the gate knows it

    /// `descriptors`: that the process may have.
    [[nodiscard]] std::uint32_t most_half_open(int descriptors) const noexcept {
        // Each takes two descriptors, and an eighth of all is enough for them.
        const std::int64_t room = std::min<std::int64_t>(who->what.peers, descriptors / 8);
        return static_cast<std::uint32_t>(std::clamp<std::int64_t>(room, 64, 512));
    }
    [[nodiscard]] std::string_view label() const noexcept {
        return who->what.domain.empty() ? std::string_view{who->what.pattern} : std::string_view{who->what.domain};
    }
    [[nodiscard]] static guard_budget budget(const terms& what) noexcept {
        // Where the owner decides about each, libzmq keeps what was asked for beside what is in effect.
        const auto topics = guard_budget::of_topics(what.holds_topics ? most_topics / 2 : most_topics, longest_topic);
        if (what.type == ZMQ_PUB) return topics;
        // Frames below the handshake's size get past libzmq whatever the limit.
        auto made =
            guard_budget::of(what.queue, what.frames, what.frames == 0 ? 0 : std::max<std::int64_t>(what.frame, 514));
        if (what.type == ZMQ_XPUB) {
            made.queue = std::max(made.queue, topics.queue);
            made.unfinished = std::max(made.unfinished, topics.unfinished);
        }
        return made;
    }
    [[nodiscard]] static bool exact(int type) noexcept {
        return type == ZMQ_PULL || type == ZMQ_DEALER || type == ZMQ_ROUTER || type == ZMQ_PAIR;
    }
    /// Some of what comes in never reaches the owner: topics nobody asked for, answers nobody waits for, envelopes.
    [[nodiscard]] bool is_lenient() const noexcept {
        return who->what.type == ZMQ_SUB || who->what.type == ZMQ_XSUB || who->what.type == ZMQ_REQ ||
               who->what.type == ZMQ_REP;
    }
    /// What comes in is read by the owner, and gone then. Subscriptions stay, and a PUSH receives nothing.
    [[nodiscard]] bool is_read() const noexcept {
        return who->what.type != ZMQ_PUB && who->what.type != ZMQ_XPUB && who->what.type != ZMQ_PUSH;
    }
};

class doorkeeper {
public:
    using clock = std::chrono::steady_clock;
    using time = clock::time_point;
    using index = connection_table::index;
    using where = std::string_view;

    doorkeeper(herald& to, const admission_limits& allowed, gate& before)
        : herald_{to}, allowed_{allowed}, gate_{before}, absent_{allowed.newcomers} {}

    /// Readable when an idle connection has something to look at; -1 where there is no such thing.
    [[nodiscard]] int fd() const noexcept { return table_.fd(); }
    /// When work() is to be called again; none while nothing is there to be looked at.
    [[nodiscard]] std::optional<time> next() const noexcept {
        std::optional<time> soonest;
        const auto sooner = [&](const std::optional<time>& other) {
            if (other && (!soonest || *other < *soonest)) soonest = other;
        };
        if (!active_.empty()) sooner(next_round_);
        sooner(next_check_);
        sooner(gate_.next());
        sooner(next_review_);
        sooner(trim_at_);
        return soonest;
    }

    /// Whether somebody is on the way in.
    [[nodiscard]] bool expects_somebody() const noexcept {
        for (const auto& each : wards_)
            if (each->half_open != 0) return true;
        return false;
    }

    /// Whether nobody's messages are under suspicion.
    [[nodiscard]] bool is_calm() const noexcept {
        for (const auto& each : wards_)
            if (each->eye.watchful()) return false;
        return true;
    }

    [[nodiscard]] ward& take_on(const std::shared_ptr<enrolment>& who) {
        return *wards_.push_back(std::make_unique<ward>(who));
    }
    /// The socket is closed: what libzmq still sends for it, it sends on its own.
    void retire(const ward& of) {
        gate_.retire(of.who->number);
        table_.each_of(of.who->number, [&](index i, connection& one) {
            room_.go(i);
            gate_.forget(one.number, one.generation);
            table_.drop(i);
        });
        wards_.erase_if([&](const std::unique_ptr<ward>& each) { return each.get() == &of; });
    }
    /// libzmq may have ended connections without an event.
    void check_soon() {
        checks_soon_ = 12;
        next_check_ = clock::now() + std::chrono::milliseconds{1};
    }
    void switch_off() noexcept { on_ = false; }

    // ---- what libzmq's events say ----------------------------------------------------------------------------------

    void opened(ward& at, int number, where address, bool outgoing) {
        const auto now = clock::now();
        if (const index stale = table_.find(at.who->number, number); stale != connection_table::none) end(at, stale);
        bool hung_up = false;
        const index it = table_.take_in(at.who->number, number, port_in(address), outgoing, hung_up);
        if (it == connection_table::none) {
            if (!hung_up) return;
            herald_.tell({reason::refused_descriptors, 1, at.who->number, at.label(), {}, {}, {}}, now);
            (void)evict(it);
            return;
        }
        if (!next_check_) next_check_ = now + now_and_then;
        connection& one = table_.at(it);
        if (outgoing) {
            at.eye.open(one.books, 0);
            if (gate_.exact() && cookie_of(number) == one.cookie) one.generation = gate_.watch(number);
            if (runtime_generation(number, one.cookie) != one.generation) one.generation = 0;
            allow(at, one, guard_budget::handshake);
            watch(it);
            return;
        }
        ++at.half_open;
        room_.come(it, one.from.neighbourhood());
        if (gate_.exact()) one.generation = runtime_generation(number, one.cookie);
        // It came before the listener was watched, and over ipc nothing else would count it.
        if (gate_.exact() && !is_counted(one)) return turn_away(at, it, reason::refused_too_fast);
        // Whoever is counted from its first byte on has passed already.
        const std::string_view visitor = one.from.visitor();
        if (one.generation == 0 && !visitor.empty() && !gate_.pass(visitor, now))
            return turn_away(at, it, reason::refused_too_fast);
        // Whoever has no handshake to wait for takes a place at once.
        if (!at.who->what.authenticates && at.established + at.half_open > at.who->what.peers)
            return turn_away(at, it, reason::refused_full);
        // The lowest free number is given out first: all below this one are in use. Two are asked to go for each that comes,
        // before the reserve is touched: libzmq lets go of them when its thread gets to it.
        const int all = descriptor_limit(), left = all - allowed_.descriptor_reserve - std::max(number, one.held);
        if (left <= 0) {
            if (!evict(it)) return turn_away(at, it, reason::refused_descriptors);
            (void)evict(it);
        } else if (left <= gate::in_motion) {
            if (evict(it)) (void)evict(it);
        } else if (at.half_open > at.most_half_open(all)) {
            (void)evict(it);
        }
        watch(it); // its handshake is under way
    }

    /// How a connection ended; nothing when that was said already.
    [[nodiscard]] std::optional<reason> closed(ward& at, int number) {
        hear_the_gate(clock::now()); // if it was cut, that was said before this
        const index it = table_.find(at.who->number, number);
        if (it == connection_table::none) return reason::handshake_failed;
        connection& one = table_.at(it);
        std::optional<reason> how;
        if (one.served)
            how = reason::disconnected;
        else if (one.stage == stage::half_open)
            how = reason::handshake_failed;
        // Whoever was refused has been counted as such.
        if (one.stage == stage::half_open && !one.outgoing && one.serial == 0) failed(at, one);
        end(at, it);
        return how;
    }

    /// libzmq says that a handshake succeeded: without an authenticator, nothing has said whose. False when it cannot have.
    [[nodiscard]] bool succeeded(ward& at, where address) {
        suspects_.clear();
        std::uint32_t found = 0, silent = 0;
        index last_silent = connection_table::none;
        const std::uint16_t port = port_in(address);
        table_.each_of(at.who->number, [&](index i, connection& one) {
            if (one.stage != stage::half_open || (at.who->what.authenticates && !one.outgoing)) return;
            if (one.outgoing && port != 0 && one.from.port_of_theirs != port) return; // another one's event
            traffic seen;
            const bool counted = one.from.has_counters && counters(one.held, seen);
            // A server that claims to be done before it can be: the client's proof of its key was never sent.
            if (counted && at.who->what.client && seen.written < curve_client_writes) {
                if (seen.consumed > greeting_size) suspects_.push_back(i);
                return;
            }
            if (counted &&
                seen.written <= greeting_size) { // another one's event, or it comes before the last command is sent
                last_silent = i;
                ++silent;
                return;
            }
            establish(at, i, consumed_by_now(one));
            ++found;
        });
        // Without CURVE, libzmq says so when its last command is written, and then sends it. Where only one can be meant:
        if (found == 0 && at.ahead == 0 && silent == 1 && !at.who->what.client) {
            establish(at, last_silent, consumed_by_now(table_.at(last_silent)));
            found = 1;
        }
        // More than one may have been found at once; their events are still to come.
        if (found == 0 && at.ahead == 0) {
            // Nobody can have succeeded. With two it is not known which of them said so; the honest one comes again.
            for (const index each : suspects_) turn_away(at, each, reason::refused_unproven);
            return suspects_.empty();
        }
        at.ahead = at.ahead + found - 1;
        return true;
    }

    // ---- what the authenticator asks -------------------------------------------------------------------------------

    /// A connection that may be the one an authentication request is about.
    struct candidate {
        index where;
        std::uint64_t cookie;
        std::uint64_t written; // by libzmq, before the request was answered
    };
    /// Half-open connections of that socket and address that have said all that a handshake needs.
    /// `others`: there are some that were hung up on, and may have asked before that.
    [[nodiscard]] row<candidate> candidates(ward& at, std::string_view address, bool& others) {
        row<candidate> found;
        others = false;
        const bool over_ipc =
            address.starts_with("localhost:"); // and then user, group and process, in libzmq's spelling
        table_.each_of(at.who->number, [&](index i, connection& one) {
            if (one.stage == stage::leaving && !one.served && one.from.has_counters && one.from.text == address)
                others = true;
            // A server may be the one that connects, and is asked all the same.
            if (one.stage != stage::half_open || one.serial != 0) return;
            if (over_ipc ? !one.from.text.empty() : one.from.text != address) return;
            traffic seen;
            if (is_counted(one)) {
                if (!look(one, seen) || seen.consumed < curve_client_writes) return;
                one.books.consumed = seen.consumed;
                one.looked_at = clock::now();
            }
            if (one.from.has_counters && seen.written < curve_server_asks_after) return;
            // Of ipc, the kernel does not say what was written, so that they cannot be told apart: the oldest has asked.
            if (one.from.has_counters || found.empty())
                found.push_back({i, one.cookie, seen.written});
            else if (one.since < table_.at(found.front().where).since)
                found.front() = {i, one.cookie, 0};
        });
        return found;
    }
    /// Which of them has waited longest for an answer: libzmq asks for one after the other.
    [[nodiscard]] const candidate& first_of(const row<candidate>& of) {
        std::uint32_t longest = 0;
        const candidate* first = &of.front();
        for (const candidate& each : of) {
            traffic seen;
            if (!look(table_.at(each.where), seen) || seen.silent_ms <= longest) continue;
            longest = seen.silent_ms;
            first = &each;
        }
        return *first;
    }
    /// A router may send to it by its name from now on.
    void announce(ward& at, std::string_view name, std::uint64_t serial, const unsigned char (&id)[routing_id_size]) {
        enrolment::guest one{serial, std::string{name}};
        std::memcpy(one.id, id, sizeof one.id);
        const std::lock_guard held{at.who->lock};
        at.who->guests.push_back(std::move(one));
    }
    /// A publisher holds it to those topics from its first subscription on.
    void announce(ward& at, std::uint64_t serial, const row<candidate>& whose, const std::string& topics) {
        const std::lock_guard held{at.who->lock};
        for (const candidate& each : whose)
            at.who->guests.push_back({serial, topics, {}, table_.at(each.where).number, each.cookie});
    }
    /// No longer.
    void withdraw(ward& at, std::uint64_t serial) noexcept {
        if (serial == 0 || (at.who->what.type != ZMQ_ROUTER && !at.who->what.holds_topics)) return;
        const std::lock_guard held{at.who->lock};
        at.who->guests.erase_if([&](const enrolment::guest& each) { return each.serial == serial; });
    }
    /// One of them was let in, and it is not known which: it would be served without being counted. They come again.
    void show_out_all(ward& at, const row<candidate>& of) {
        for (const candidate& each : of)
            if (const connection& one = table_.at(each.where);
                one.cookie == each.cookie && one.stage == stage::half_open)
                show_out(at, each.where);
    }
    /// One of them is about to be let in: it may send as soon as it is told so.
    void expect(ward& at, const row<candidate>& of) {
        for (const candidate& each : of) allow(at, table_.at(each.where));
    }
    /// Which of them has been answered: it is the one that libzmq has written to since; `none` while there is none. Then
    /// `left` says whether one of them is gone: it may have been that one, and nothing will be written any more.
    [[nodiscard]] index answered(const row<candidate>& of, bool& left) {
        left = false;
        for (const candidate& each : of) {
            const connection& one = table_.at(each.where);
            traffic seen;
            if (one.cookie == each.cookie && one.stage == stage::half_open && counters(one.held, seen) && !seen.ended) {
                if (seen.written > each.written) return each.where;
            } else {
                left = true;
            }
        }
        return connection_table::none;
    }
    /// Whether there is a place for that key and address; if not, why. `most`: connections its terms allow it, if they say.
    [[nodiscard]] reason place_for(const ward& at, std::string_view who, std::string_view address,
                                   std::int64_t most = 0) {
        if (absent_.away(key_at(at, who), clock::now())) return reason::refused_after_cut;
        if (at.established + at.departed >= at.who->what.peers) return reason::refused_full;
        std::int64_t of_key = 0, of_address = 0, of_prefix = 0;
        const unsigned char* prefix = nullptr;
        table_.each_of(at.who->number, [&](index, connection& one) {
            if (one.from.text == address) prefix = one.from.prefix;
        });
        table_.each_of(at.who->number, [&](index, connection& one) {
            if (one.outgoing || (one.stage != stage::established && one.stage != stage::departed)) return;
            if (one.who == who) ++of_key;
            if (one.from.text == address) ++of_address;
            if (prefix != nullptr && std::memcmp(one.from.prefix, prefix, sizeof one.from.prefix) == 0) ++of_prefix;
        });
        if (of_key >= (most != 0 ? most : allowed_.per_key.count())) return reason::refused_per_key;
        if (allowed_.per_address && of_address >= allowed_.per_address->count()) return reason::refused_per_address;
        if (allowed_.per_prefix && of_prefix >= allowed_.per_prefix->count()) return reason::refused_per_address;
        return reason::client_admitted;
    }

    void admit(ward& at, index i, const verdict& as, std::uint64_t serial) {
        connection& one = table_.at(i);
        one.who = as.who;
        one.serial = serial;
        std::memcpy(one.key, as.key, sizeof one.key);
        one.until = as.until;
        one.server_key = as.server_key;
        if (one.until != verdict::for_ever) look_at_dates(clock::now());
        gate_.succeeded(one.from.visitor());
        // All of its handshake had come when it was a candidate.
        establish(at, i, one.books.consumed);
    }
    /// Refused for good: libzmq tells it so, and ends it.
    void refused(ward& at, index i) {
        connection& one = table_.at(i);
        failed(at, one);
        one.serial = ~std::uint64_t{0}; // no longer a candidate
    }
    /// It may come again, but not now. Whoever has to stay away and does not makes its address wait in the end.
    void turn_back(ward& at, index i, reason why) {
        if (why == reason::refused_after_cut) failed(at, table_.at(i));
        show_out(at, i);
    }
    /// The ring was replaced, or somebody's time is over: whoever may not stay is hung up on.
    void review(ward& at) {
        const terms& what = at.who->what;
        if (!what.clients) return;
        const auto ring = what.clients->now();
        const auto today = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
        table_.each_of(at.who->number, [&](index i, connection& one) {
            if (one.serial == 0 || one.who.empty() || one.revoked) return;
            if (one.stage != stage::established && one.stage != stage::departed) return;
            const auto* const entry = ring->find(std::span<const unsigned char, 32>{one.key});
            // Under another name it has to come again: messages carry the name it came in under.
            if (entry != nullptr && entry->name == one.who && hears_what_it_heard(at, one.serial, *entry) &&
                detail::judge(*entry, {what.domain, what.pattern, what.role, one.from.text, today,
                                       ignores_topics(what)}) == reason::client_admitted) {
                one.until = entry->not_after.value_or(verdict::for_ever);
                if (one.until != verdict::for_ever) look_at_dates(clock::now());
                return;
            }
            revoke(at, i);
        });
    }
    /// Ends the connection of that serial number: it may come again. Whoever speaks where only subscriptions belong has to stay
    /// away like those who were cut off, since others suffer from it.
    void let_go_of(ward& at, std::uint64_t serial, reason why) {
        table_.each_of(at.who->number, [&](index i, const connection& one) {
            if (one.serial != serial || one.stage != stage::established) return;
            if (why == reason::subscriber_spoke) (void)absent_.cut_off(key_at(at, one.who), clock::now());
            turn_away(at, i, why);
        });
    }
    /// The server's keys before that one are no longer served.
    void retire_keys_before(ward& at, std::int64_t key) {
        table_.each_of(at.who->number, [&](index i, const connection& one) {
            if (!one.outgoing && one.stage == stage::established && one.server_key < key)
                turn_away(at, i, reason::server_key_retired);
        });
    }
    /// Ends a connection, and says why.
    void turn_away(ward& at, index i, reason why) {
        connection& one = table_.at(i);
        if (one.stage == stage::leaving) return;
        tell(at, why, one);
        show_out(at, i);
    }
    /// Ends a connection about which all was said.
    void show_out(ward& at, index i) noexcept {
        connection& one = table_.at(i);
        if (one.stage == stage::leaving) return;
        count(at, i, -1);
        withdraw(at, one.serial);
        one.stage = stage::leaving;
        (void)runtime_cut(one.number, one.generation); // what the kernel still has of it is not read any more
        if (one.held < 0) return;
        hang_up(one.held);
        table_.release(i);
    }

    // ---- looking after connections ---------------------------------------------------------------------------------

    /// `awake`: fd() was readable. `heard`: all that libzmq had said of connections until now was.
    void work(bool awake, bool heard) {
        const auto now = clock::now();
        hearings_ += heard ? 1 : 0;
        hear_the_gate(now);
        awake_.clear();
        if (awake) table_.awake(awake_);
        for (const index i : awake_) look_at_newly_active(i, now);
        if (!active_.empty() && now >= next_round_) round(now);
        if (next_check_ && now >= *next_check_) check(now);
        if (trim_at_ && now >= *trim_at_) trim(now);
        gate_.renew(now);
        if (next_review_ && now >= *next_review_) review_dates();
    }

private:
    // What a CURVE client has written when it has proved its key: greeting, HELLO, INITIATE.
    static constexpr std::uint64_t greeting_size = 64;
    static constexpr std::uint64_t curve_client_writes = 64 + 202 + 254;
    // What a CURVE server has written when it asks who that is: greeting, WELCOME.
    static constexpr std::uint64_t curve_server_asks_after = 64 + 170;
    static constexpr std::chrono::milliseconds pace{2};
    static constexpr std::chrono::seconds every_second{1}, now_and_then{4};
    static constexpr std::chrono::milliseconds half_a_second{500};

    [[nodiscard]] static std::uint16_t port_in(where address) noexcept {
        std::uint32_t port = 0;
        const auto colon = address.rfind(':');
        if (!address.starts_with("tcp://") || colon == address.npos) return 0;
        for (const char digit : address.substr(colon + 1)) port = port * 10 + static_cast<std::uint32_t>(digit - '0');
        return static_cast<std::uint16_t>(port);
    }
    // Whether there is a way to know how much it has brought.
    [[nodiscard]] static bool is_counted(const connection& one) noexcept {
        return one.from.has_counters || one.generation != 0;
    }
    [[nodiscard]] static bool look(const connection& one, traffic& into) noexcept {
        if (one.from.has_counters) return counters(one.held, into);
        runtime_counts counts;
        if (!runtime_look_up(one.number, one.generation, counts)) return false;
        into.consumed = counts.received;
        return true;
    }
    [[nodiscard]] static std::uint64_t consumed_by_now(const connection& one) noexcept {
        traffic seen;
        return look(one, seen) ? seen.consumed : 0;
    }
    // With the runtime: what it may bring from now on, beside what its owner receives meanwhile.
    void allow(ward& at, const connection& one, std::int64_t more = 0) {
        gate_.serve(one.number, one.generation, at.who, at.eye.budget().queue + more, at.is_lenient());
    }
    void hear_the_gate(time now) {
        if (!gate_.exact()) return;
        const gate::tidings said = gate_.take();
        for (const auto& each : said.refusals) {
            const ward* const at = ward_of(each.socket);
            herald_.tell(
                {each.why, 1, each.socket, at != nullptr ? at->label() : std::string_view{}, {}, each.address, {}},
                now);
        }
        static constexpr reason reasons[3] = {reason::refused_too_fast, reason::refused_full,
                                              reason::refused_descriptors};
        for (std::size_t n = 0; n != 3; ++n)
            if (said.unsaid[n] != 0) herald_.tell({reasons[n], said.unsaid[n], 0, {}, {}, {}, {}}, now);
        for (const auto& each : said.cuts) {
            const index i = table_.find_registered(each.fd, each.generation);
            ward* const at = i == connection_table::none ? nullptr : ward_of(table_.at(i).socket);
            if (at == nullptr) continue;
            if (each.served)
                cut(*at, i, now);
            else
                turn_away(*at, i, reason::cut_long_handshake);
        }
        if (said.room_wanted && evict(connection_table::none)) (void)evict(connection_table::none);
    }
    // What it sent and nobody received yet is dropped with it: told to the owner first, since more may be on its way.
    void revoke(ward& at, index i) {
        connection& one = table_.at(i);
        one.revoked = true;
        if (at.who->what.drops_revoked) {
            const std::lock_guard held{at.who->lock};
            using unwanted = enrolment::unwanted;
            at.who->dropped.push_back({one.serial, one.stage == stage::departed ? unwanted::ended : unwanted::more});
            at.who->wonder(enrolment::some_dropped, true);
        }
        if (one.stage == stage::departed) return;
        turn_away(at, i, reason::revoked);
    }
    // Where its topics have changed it has to come again: what it subscribed to is known to its owner alone.
    [[nodiscard]] static bool hears_what_it_heard(ward& at, std::uint64_t serial, const keyring::entry& now) {
        if (!at.who->what.holds_topics) return true;
        const std::string topics = listed(now.topics);
        const std::lock_guard held{at.who->lock};
        for (const enrolment::guest& each : at.who->guests)
            if (each.serial == serial) return each.says.compare(topics) == 0;
        return true;
    }
    // The clock on the wall may be set, so that one has to look at it.
    void look_at_dates(time now) {
        if (!next_review_) next_review_ = now + half_a_second;
    }
    void review_dates() {
        const auto today = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
        next_review_.reset();
        for (const auto& at : wards_)
            table_.each_of(at->who->number, [&](index i, connection& one) {
                if (one.until == verdict::for_ever || one.revoked) return;
                if (one.until <= today)
                    revoke(*at, i);
                else
                    look_at_dates(clock::now());
            });
    }
    [[nodiscard]] static std::string key_at(const ward& at, std::string_view who) {
        return std::to_string(at.who->number).append(1, '#').append(who);
    }
    [[nodiscard]] ward* ward_of(std::uint64_t socket) noexcept {
        for (const auto& each : wards_)
            if (each->who->number == socket) return each.get();
        return nullptr;
    }
    // Its handshake came to nothing.
    void failed(const ward& at, const connection& one) {
        const auto now = clock::now();
        if (gate_.failed(one.from, now) > now) tell(at, reason::address_barred, one);
    }
    void tell(const ward& at, reason why, const connection& about) {
        herald_.tell({why, 1, at.who->number, at.label(), about.who, about.from.text, {}}, clock::now());
    }
    // Incoming connections are counted by stage; outgoing ones are the owner's own.
    void count(ward& at, index i, int change) noexcept {
        const connection& one = table_.at(i);
        if (!one.outgoing && one.stage == stage::half_open) {
            at.half_open += static_cast<std::uint32_t>(change);
            if (change < 0) room_.go(i);
        }
        if (one.stage == stage::established) {
            if (!one.outgoing) at.established += static_cast<std::uint32_t>(change);
            at.who->live.fetch_add(static_cast<std::uint32_t>(change), std::memory_order_relaxed);
        }
        if (one.stage == stage::departed) at.departed += static_cast<std::uint32_t>(change);
        // Whoever has a handshake before it is refused by the authenticator, who can say why; the gate saves it the trouble.
        if (const bool full = at.who->what.authenticates && at.established + at.departed >= at.who->what.peers;
            full != at.full)
            gate_.set_full(at.who->number, at.full = full);
    }
    // `consumed`: of its handshake.
    void establish(ward& at, index i, std::uint64_t consumed) {
        connection& one = table_.at(i);
        count(at, i, -1);
        one.stage = stage::established;
        one.served = true;
        count(at, i, +1);
        if (one.outgoing) return; // guarded from its first byte on
        at.eye.open(one.books, consumed);
        allow(at, one);
        if (!at.eye.watchful() || !std::exchange(at.alone, false)) return;
        at.who->wonder(enrolment::shares_wanted, true); // now there are two
    }
    /// libzmq has ended it. What it left unread stays on the books until it has been read.
    void end(ward& at, index i) {
        connection& one = table_.at(i);
        const bool leaves_something = one.stage != stage::half_open && !one.outgoing && at.eye.watchful() &&
                                      one.books.level > at.eye.budget().unfinished && at.is_read();
        if (!at.is_read()) at.eye.forget(one.books);
        if (one.outgoing && at.ahead != 0) --at.ahead; // its event may never come
        count(at, i, -1);
        withdraw(at, one.serial);
        if (one.revoked && at.who->what.drops_revoked) {
            const std::lock_guard held{at.who->lock};
            for (auto& each : at.who->dropped)
                if (each.serial == one.serial) each.has = enrolment::unwanted::ended;
        }
        // Of ipc, the event may be an earlier one's that had this number: then libzmq still has it, and it stays counted.
        if (one.from.has_counters || !connection_table::libzmq_has(one)) gate_.forget(one.number, one.generation);
        if (!leaves_something) return table_.drop(i);
        one.gone_when = at.who->taken_messages.load(std::memory_order_relaxed) +
                        static_cast<std::uint64_t>(at.who->what.queue + 2) * (at.established + at.departed + 1);
        table_.depart(i);
        count(at, i, +1);
        if (!one.active) watch_closely(i);
    }

    /// Makes room for a newcomer: the oldest half-open connection of the neighbourhood that has most of them.
    [[nodiscard]] bool evict(index newcomer) {
        const index oldest = room_.to_leave(newcomer);
        if (oldest == waiting_room::nobody) return false;
        connection& out = table_.at(oldest);
        ward* const its = ward_of(out.socket);
        if (its == nullptr) return false;
        failed(*its, out);
        turn_away(*its, oldest, reason::evicted_half_open);
        return true;
    }

    // Where nothing can be learnt about it, there is nothing to watch.
    void watch(index i) {
        if (on_ && is_counted(table_.at(i))) watch_closely(i);
    }
    void watch_closely(index i) {
        connection& one = table_.at(i);
        if (active_.empty()) next_round_ = clock::now() + pace;
        one.active = true;
        one.quiet = one.skip = 0;
        if (!std::exchange(one.queued, true)) active_.push_back(i);
    }
    void look_at_newly_active(index i, time now) {
        connection& one = table_.at(i);
        ward* const at = ward_of(one.socket);
        if (at == nullptr) return;
        if (traffic seen; one.stage == stage::half_open && look(one, seen) && is_too_long_a_handshake(one, seen))
            return turn_away(*at, i, reason::cut_long_handshake);
        // What may have been commands since the last look is let go by the next one; not what an idle hour would come to.
        one.looked_at = std::max(one.looked_at, now - 2 * now_and_then);
        watch(i);
    }
    // The kernel wakes nobody for what libzmq's thread has read by then, so a connection that sends little at a time may pass
    // for an idle one.
    void look_at_quietly_active(index i, time now) {
        connection& one = table_.at(i);
        if (one.active || one.held < 0 || now - one.looked_at < now_and_then) return;
        if (traffic seen; is_counted(one) && look(one, seen) && seen.consumed != one.books.consumed)
            look_at_newly_active(i, now);
        else
            one.looked_at = now;
    }
    // Twice, and in between all that libzmq had to say was heard: that may be that the handshake is over.
    [[nodiscard]] bool is_too_long_a_handshake(connection& one, const traffic& seen) const noexcept {
        if (one.stage != stage::half_open) return false;
        if (seen.consumed <= static_cast<std::uint64_t>(guard_budget::handshake)) return false;
        if (one.suspect == 0) one.suspect = hearings_;
        return one.suspect != hearings_;
    }

    /// Looks at every active connection, then judges.
    void round(time now) {
        const std::size_t many = active_.size();
        for (std::size_t n = 0; n != active_.size();) {
            const index i = active_[n];
            connection& one = table_.at(i);
            ward* const at = one.active ? ward_of(one.socket) : nullptr;
            if (at == nullptr || !still_active(*at, i, now)) {
                one.queued = false;
                active_[n] = active_.back();
                active_.pop_back();
                continue;
            }
            ++n;
        }
        for (const auto& each : wards_) judge(*each, now);
        // A tenth of a core at most, at 1.3 microseconds a look.
        next_round_ = now + std::max<clock::duration>(pace, std::chrono::microseconds{13} * many);
    }
    // Reads one connection's counters. False when it need not be looked at until it has something to say.
    [[nodiscard]] bool still_active(ward& at, index i, time now) {
        connection& one = table_.at(i);
        if (one.stage == stage::departed) return true; // judged by what the owner receives
        if (one.held < 0) return one.active = false;
        if (one.skip != 0) {
            --one.skip;
            return true;
        }
        if (now - one.looked_at < pace / 4) return true; // it asked to be let in just now
        traffic seen;
        if (!look(one, seen)) return one.active = false;
        if (is_too_long_a_handshake(one, seen)) {
            turn_away(at, i, reason::cut_long_handshake);
            return one.active = false;
        }
        const bool moved = seen.consumed != one.books.consumed;
        // Its books are opened when it is past its handshake, and nothing more is allowed it until then.
        const bool coming = one.stage == stage::half_open && !one.outgoing;
        if (coming) {
            one.books.consumed = seen.consumed;
        } else {
            at.eye.read(one.books, seen.consumed, std::chrono::duration<double>(now - one.looked_at).count());
            at.seen = true;
        }
        one.looked_at = now;
        if (moved) {
            one.quiet = 0;
            // As long as little lies unread, each look is a fresh start; beyond that judge() knows whose it is.
            if (!coming && at.is_read() && !at.eye.watchful())
                gate_.limit(one.number, one.generation, at.eye.budget().queue,
                            at.who->taken_bytes.load(std::memory_order_relaxed));
            return true;
        }
        if (++one.quiet < 4 || (one.stage == stage::half_open && one.suspect != 0)) return true;
        // Its end was read and libzmq says nothing: it holds the connection, deaf (a PAIR's second peer). The first one may
        // only be waiting for the owner.
        const bool second_of_pair = at.who->what.type == ZMQ_PAIR && at.who->live.load(std::memory_order_relaxed) > 1;
        if (seen.ended && (seen.all_read || second_of_pair)) {
            show_out(at, i);
            return one.active = false;
        }
        one.skip = std::min<std::uint8_t>(one.quiet, 20);
        if (one.quiet == 255) one.quiet = 254;
        // Quiet, and nothing of it waits for the owner to read: the kernel will say when it is not.
        if (at.eye.watchful() || one.stage == stage::leaving) return true;
        one.active = false;
        table_.arm(i);
        return false;
    }

    void judge(ward& at, time now) {
        if (!std::exchange(at.seen, false) && !at.eye.watchful()) return;
        enrolment& record = *at.who;
        const std::uint32_t answered = record.answer.load(std::memory_order_acquire);
        const std::uint64_t bytes = record.taken_bytes.load(std::memory_order_relaxed);
        const std::uint64_t messages = record.taken_messages.load(std::memory_order_relaxed);
        const auto received = static_cast<std::int64_t>(bytes - std::exchange(at.bytes, bytes));
        at.eye.received(received);
        if (at.eye.watchful() || !at.is_read()) share_out(at, received);
        if (at.is_read() && at.eye.must_wake()) wake(at);
        if (at.is_read() && !at.eye.watchful()) return;
        const bool known = at.asking && answered == at.question;
        if (known) answer(at, now);
        std::int64_t sum = 0, most = 0;
        bool all_known = true;
        table_.each_of(record.number, [&](index i, connection& one) {
            if (one.stage == stage::departed) {
                if (messages < one.gone_when && one.books.level > at.eye.budget().unfinished) {
                    sum += one.books.level;
                    most = std::max(most, one.books.level);
                    return;
                }
                // All that was whole has been received: the rest libzmq dropped with the connection.
                if (messages >= one.gone_when) at.eye.forget(one.books);
                return let_go(at, i);
            }
            if (one.stage != stage::established && !one.outgoing) return;
            if (at.eye.over_queue(one.books))
                cut(at, i, now);
            else
                gate_.limit(one.number, one.generation,
                            at.eye.budget().queue - std::max<std::int64_t>(0, one.books.level), bytes);
            sum += std::max<std::int64_t>(0, one.books.level);
            most = std::max(most, one.books.level);
            all_known = all_known && one.books.known;
        });
        if (!at.is_read()) return;
        if (known && all_known) at.eye.correct(sum);
        if (at.eye.may_rest()) return rest(at);
        if (at.asking) return;
        // At once where somebody may be over; otherwise now and then, to learn that it is over.
        if (most > at.eye.budget().unfinished || (sum <= at.eye.budget().suspicion / 2 && now >= at.ask_after))
            ask(at, now);
    }
    // Whose what was received was. Where it is not known, it may have been anybody's.
    void share_out(ward& at, std::int64_t received) {
        shares_.clear();
        {
            const std::lock_guard held{at.who->lock};
            shares_.swap(at.who->shares);
        }
        at.unshared += received;
        for (const auto& each : shares_) at.unshared -= each.bytes;
        const std::int64_t unknown = std::max<std::int64_t>(0, at.unshared); // less than none: the sum comes later
        at.unshared -= unknown;
        const bool alone = at.alone;
        table_.each_of(at.who->number, [&](index, connection& one) {
            std::int64_t its = 0;
            for (const auto& each : shares_)
                if (each.whose < 0 ? one.number == -1 - each.whose
                                   : static_cast<std::uint64_t>(each.whose) == one.serial)
                    its += each.bytes;
            at.eye.credit(one.books, its + unknown, its > 0 || alone);
        });
    }
    void wake(ward& at) {
        at.eye.wake();
        at.unshared = 0;
        {
            // What the owner still said before the calm was in sums that are forgotten.
            const std::lock_guard held{at.who->lock};
            at.who->shares.clear();
        }
        std::uint32_t many = 0;
        table_.each_of(at.who->number, [&](index i, connection& one) {
            // What came since the last look may have been received in the calm, and credited to nobody.
            if (traffic seen; one.held >= 0 && is_counted(one) && look(one, seen))
                at.eye.read(one.books, seen.consumed, 0);
            guard::start_over(one.books);
            many += one.stage == stage::established ? 1 : 0;
            if (one.stage == stage::established && !one.active && is_counted(one)) watch_closely(i);
        });
        // The only one there is needs no message by message account.
        at.alone =
            many == 1 && at.who->what.type != ZMQ_REP; // whose messages are longer on the line than the owner can see
        at.who->wonder(enrolment::shares_wanted, !at.alone);
    }
    void rest(ward& at) {
        at.eye.rest();
        at.asking = false;
        at.who->wonder(enrolment::shares_wanted, false);
        // What departed ones left is little by now, and judge() will not come by again.
        table_.each_of(at.who->number, [&](index i, connection& one) {
            if (one.stage == stage::departed) let_go(at, i);
        });
    }
    void let_go(ward& at, index i) {
        table_.at(i).active = false;
        count(at, i, -1);
        table_.drop(i);
    }
    void ask(ward& at, time now) {
        at.asking = true;
        at.ask_after = now + 10 * pace;
        table_.each_of(at.who->number, [](index, connection& one) { guard::ask(one.books); });
        at.who->question.store(++at.question, std::memory_order_release);
        at.who->attention.fetch_or(attention::question, std::memory_order_release);
        at.who->bell.raise();
    }
    // The owner's queues were empty: what a connection still holds is unfinished, and what departed ones left was read.
    void answer(ward& at, time now) {
        at.asking = false;
        table_.each_of(at.who->number, [&](index i, connection& one) {
            if (one.stage == stage::departed)
                one.gone_when = 0;
            else if (one.stage == stage::established && at.eye.over_unfinished(one.books)) {
                cut(at, i, now);
                at.eye.forget(one.books); // libzmq drops it with the connection
                one.books.level = 0;
            }
        });
    }
    // Whoever may come under any key is known by its address.
    void cut(ward& at, index i, time now) {
        if (const connection& one = table_.at(i); !one.outgoing) {
            if (at.who->what.clients)
                (void)absent_.cut_off(key_at(at, one.who), now);
            else
                gate_.cut_off(one.from, now);
        }
        turn_away(at, i, reason::cut_over_budget);
        if (!trim_at_) trim_at_ = std::max(now + std::chrono::milliseconds{300}, trimmed_ + every_second);
        trims_ = 3;
    }
    // What libzmq has freed goes back to the system: not at once, and at most once a second.
    void trim(time now) {
#if defined(__GLIBC__)
        if (::malloc_trim(0) != 0) herald_.tell({reason::memory_returned, 1, 0, {}, {}, {}, {}}, now);
#endif
        trimmed_ = clock::now();
        trim_at_.reset();
        if (--trims_ > 0) trim_at_ = trimmed_ + every_second;
    }

    /// Connections that libzmq ended without an event (disconnect, unbind, close, a PAIR's second peer) are let go of.
    void check(time now) {
        bool in_doubt = false;
        table_.each([&](index i, connection& one) {
            if (one.stage == stage::departed) return;
            if (connection_table::libzmq_has(one)) return look_at_quietly_active(i, now);
            // Its event may be on its way, until all that libzmq has said by now has been heard.
            if (one.missed == 0) one.missed = hearings_;
            if (one.missed == hearings_) {
                in_doubt = true;
                return;
            }
            if (ward* const at = ward_of(one.socket)) end(*at, i);
        });
        next_check_.reset();
        if (table_.empty()) return;
        // 1, 2, 4 ... ms after it may have happened, and otherwise now and then.
        if (in_doubt)
            checks_soon_ = std::max(checks_soon_, 12);
        else if (checks_soon_ != 0)
            --checks_soon_;
        next_check_ = now + (checks_soon_ != 0 ? std::chrono::milliseconds{1 << std::min(12 - checks_soon_, 9)}
                                               : std::chrono::milliseconds{now_and_then});
    }
    herald& herald_;
    admission_limits allowed_;
    gate& gate_;
    turnstile absent_; // keys that were cut off, of which socket
    waiting_room room_;
    connection_table table_;
    row<std::unique_ptr<ward>> wards_;
    row<index> active_, awake_, suspects_;
    row<enrolment::share> shares_;
    time next_round_{}, trimmed_{};
    std::optional<time> next_check_, trim_at_, next_review_;
    std::uint64_t hearings_ = 1; // how often all that libzmq had said was heard
    int checks_soon_ = 0, trims_ = 0;
    bool on_ = true;
};

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

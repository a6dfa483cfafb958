// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What a channel may cost at most, as a value the compiler can compute with: limits, their price in memory, and the
/// way back from a budget to limits. Layer: core.

#include <ironhouse/core/error.hpp>
#include <ironhouse/core/units.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/owed.hpp>

#include <cstdint>
#include <string>

namespace ironhouse::inline IRONHOUSE_ABI {

namespace detail {

template <class Owed> struct leaves_out_peers : owed<peers> {
    static_assert(never<Owed>, "limits leave out .peers: how many connections are served at once");
};
template <class Owed> struct leaves_out_queue : owed<messages> {
    static_assert(never<Owed>, "limits leave out .queue: how many messages may wait for one peer");
};
template <class Owed> struct leaves_out_frames : owed<frames> {
    static_assert(never<Owed>, "limits leave out .frames: how many frames one message may have");
};
template <class Owed> struct leaves_out_frame : owed<bytes> {
    static_assert(never<Owed>, "limits leave out .frame: how many bytes one frame may carry");
};

} // namespace detail

/// What a socket may receive at most, and thereby what its peers can make it hold. Every field is owed.
template <class Owed> struct basic_inbound {
    /// Connections served at once.
    ironhouse::peers peers = detail::leaves_out_peers<Owed>::value();
    /// Whole messages that wait for one peer (ZMQ_RCVHWM); at least 2.
    messages queue = detail::leaves_out_queue<Owed>::value();
    /// Frames in one message.
    ironhouse::frames frames = detail::leaves_out_frames<Owed>::value();
    /// Payload of one frame (ZMQ_MAXMSGSIZE, what CURVE adds comes on top); at most 1 GiB.
    bytes frame = detail::leaves_out_frame<Owed>::value();

    friend constexpr bool operator==(const basic_inbound&, const basic_inbound&) = default;
};

/// What a socket may send at most, and thereby what slow peers can make it keep. Every field is owed.
template <class Owed> struct basic_outbound {
    /// Connections served at once.
    ironhouse::peers peers = detail::leaves_out_peers<Owed>::value();
    /// Whole messages that wait for one peer (ZMQ_SNDHWM); at least 2.
    messages queue = detail::leaves_out_queue<Owed>::value();
    /// Frames in one message.
    ironhouse::frames frames = detail::leaves_out_frames<Owed>::value();
    /// Payload of one frame; at most 1 GiB.
    bytes frame = detail::leaves_out_frame<Owed>::value();

    friend constexpr bool operator==(const basic_outbound&, const basic_outbound&) = default;
};

/// Limits of a socket that only receives.
using inbound = basic_inbound<void>;
/// Limits of a socket that only sends.
using outbound = basic_outbound<void>;

namespace detail {

template <class Owed> struct leaves_out_in : owed<inbound> {
    static_assert(never<Owed>, "limits leave out .in: what this socket may receive");
};
template <class Owed> struct leaves_out_out : owed<outbound> {
    static_assert(never<Owed>, "limits leave out .out: what this socket may send");
};

} // namespace detail

/// Limits of a socket that receives and sends. Both fields are owed.
template <class Owed> struct basic_duplex {
    /// What it may receive.
    inbound in = detail::leaves_out_in<Owed>::value();
    /// What it may send.
    outbound out = detail::leaves_out_out<Owed>::value();

    friend constexpr bool operator==(const basic_duplex&, const basic_duplex&) = default;
};
/// Limits of a socket that receives and sends.
using duplex = basic_duplex<void>;

namespace detail {

/// What libzmq 4.3 spends, in bytes; read in its sources, confirmed by flooding real sockets. See memory_ceiling.
namespace cost {
/// Queues grow in chunks of 256 slots of 64 bytes and two links; the rest is what aligning them to 64 bytes splits off.
inline constexpr std::int64_t slots_per_chunk = 256;
inline constexpr std::int64_t chunk = slots_per_chunk * 64 + 2 * 8 + 16 + 96;
/// A body's own header: address, size, release function, hint, reference count.
inline constexpr std::int64_t body_header = 40;
/// What CURVE adds to a frame: command name, nonce, authenticator, flags. Decrypted in place, so it stays.
inline constexpr std::int64_t curve = 33;
/// Payload that libzmq lets in whatever the limit: its largest handshake command, less what CURVE adds to a frame.
inline constexpr std::int64_t handshake_frame = 547 - curve;
/// What a connection has before its first message: 36 KiB measured, more where it reuses memory that was written to.
inline constexpr std::int64_t connection = 64 * 1024;
/// Once per socket: library code that now runs, stacks, the heads of the allocator's arenas. 0.5 MiB measured.
inline constexpr std::int64_t socket = 1024 * 1024;
/// From here on the allocator takes whole pages.
inline constexpr std::int64_t page_threshold = 128 * 1024;
inline constexpr std::int64_t page = 4096;
/// Copies that an I/O thread has in hand while it encrypts or decrypts one frame.
inline constexpr std::int64_t bodies_in_transit = 2;
/// What a publisher keeps for each byte of a topic that no other topic shares. Three hostile subscribers at a time grew a PUB
/// by 44 MiB and an XPUB by 71, guard_slack included, where this allows 67 and guard_slack (wire_guard, "long topics").
inline constexpr std::int64_t topic_byte = 96;
/// One part in so many for what the allocator loses at the ends of its arenas.
inline constexpr std::int64_t allocator_share = 64;
} // namespace cost

/// Most subscriptions of one socket, and the longest topic, in bytes: libzmq up to 4.3.4 garbles some of 246 and more
/// (435-SUB-LONGFLAG). A publisher lets each subscriber have as much.
inline constexpr std::int64_t most_topics = 1'000, longest_topic = 245;
/// Largest frame that may be asked for.
inline constexpr std::int64_t largest_frame = std::int64_t{1} << 30;
/// Smallest queue: with an authenticated user's name libzmq may keep one slot for good.
inline constexpr std::int64_t smallest_queue = 2;
/// Largest queue that plan() chooses by itself.
inline constexpr std::int64_t largest_planned_queue = 1'000'000;

// Sums that stop at the largest number of bytes instead of wrapping around.
[[nodiscard]] constexpr std::int64_t plus(std::int64_t a, std::int64_t b) noexcept {
    return a > bytes::max - b ? bytes::max : a + b;
}
[[nodiscard]] constexpr std::int64_t times(std::int64_t a, std::int64_t b) noexcept {
    return a != 0 && b > bytes::max / a ? bytes::max : a * b;
}

/// What the allocator takes for a block.
[[nodiscard]] constexpr std::int64_t allocated(std::int64_t size) noexcept {
    if (size + 16 > cost::page_threshold) return (size + 16 + cost::page - 1) / cost::page * cost::page;
    return (size + 8 + 15) / 16 * 16;
}

/// What one body takes; bodies of up to 33 bytes live in their slot, but cipher text is always longer.
[[nodiscard]] constexpr std::int64_t body(std::int64_t frame) noexcept {
    return allocated(cost::body_header + frame + cost::curve);
}

/// The largest frame that may wait: whoever may send a handshake of 547 bytes may send frames of 514, and they are held
/// until the program receives, which drops them.
[[nodiscard]] constexpr std::int64_t largest_held(const inbound& l) noexcept {
    return l.frame.count() < cost::handshake_frame ? cost::handshake_frame : l.frame.count();
}
[[nodiscard]] constexpr std::int64_t largest_held(const outbound& l) noexcept { return l.frame.count(); }

/// One direction of one connection, filled: slots, bodies, and the frame that found no room.
[[nodiscard]] constexpr std::int64_t filled_queue(std::int64_t queue, std::int64_t frames,
                                                  std::int64_t frame) noexcept {
    // Two slots more: the queue's end mark, and a routing id or user's name. Two chunks more: ragged ends, the spare.
    const std::int64_t bodies = queue * frames;
    const std::int64_t chunks = (bodies + 2) / cost::slots_per_chunk + 1 + 2;
    return plus(times(chunks, cost::chunk), times(bodies + 1, body(frame)));
}

template <class Limits> [[nodiscard]] constexpr std::int64_t filled_queues(const Limits& l) noexcept {
    const std::int64_t frame = largest_held(l);
    const std::int64_t one = filled_queue(l.queue.count(), l.frames.count(), frame);
    return plus(times(l.peers.count(), one), times(cost::bodies_in_transit, body(frame)));
}

/// Queues, and what connections and socket cost by themselves.
[[nodiscard]] constexpr bytes in_all(std::int64_t queues, std::int64_t connections) noexcept {
    const std::int64_t sum = plus(queues, times(connections, cost::connection));
    return unchecked<bytes>(plus(plus(sum, sum / cost::allocator_share), cost::socket));
}

} // namespace detail

/// How much resident memory libzmq can hold for whole messages within these limits, at most.
///
/// An upper bound for libzmq 4.3 over tcp and ipc with CURVE, on glibc; plaintext and inproc cost less. Per peer:
///
///     64 KiB + chunks × 16'512 + (queue × frames + 1) × allocated(40 + frame + 33)
///
/// with chunks = (queue × frames + 2) / 256 + 3, and `allocated` what malloc takes: 16-byte steps, whole pages from
/// 128 KiB on. What is received counts with frames of at least 514 bytes: the handshake's room, which libzmq gives to
/// frames as well, so that an accepted peer can fill the queue with frames that are dropped once they are received. Per socket, two bodies more that its I/O thread has in hand (and two for each further I/O thread), and
/// 1 MiB. On top of all, 1/64 for the allocator. Sockets filled to their limits, with frames of 64 B to 64 MiB, grew by
/// 85 to 98 % of the bound where queues are long, by half of it and more where they hold 2 to 10 messages, and a
/// thousand idle connections by 30 %.
///
/// The bound holds for a context with zero-copy receive switched off (ironhouse::context does): with it, one small
/// message can hold a whole 8 KiB arena. An inproc pipe holds both ends' queues together: each end's ceiling covers
/// its own share. Not included: unfinished messages and connections beyond `.peers` (guard_slack), the kernel's
/// buffers (kernel_ceiling), messages that the program itself keeps, and what a hostile peer puts into the properties
/// of its handshake: of those 8 KiB are let in, and libzmq spends some 40 bytes on each byte of them.
///
/// What a peer leaves unread when it disconnects stays queued until it is read, and its successor has a queue of its
/// own: `.peers` must be enforced on both together, or the bound does not hold for a program that does not read.
///
/// \param limits  What a socket was given.
/// \return        Bytes; `bytes::max` when the sum is larger.
/// \throws        none
/// \threads  Any.
/// \secrets  none
/// \maps     ZMQ_RCVHWM, ZMQ_SNDHWM, ZMQ_MAXMSGSIZE; ZMQ_ZERO_COPY_RECV = 0.
[[nodiscard]] constexpr bytes memory_ceiling(const inbound& limits) noexcept {
    return detail::in_all(detail::filled_queues(limits), limits.peers.count());
}
/// \overload
/// \param limits  What a socket was given.
[[nodiscard]] constexpr bytes memory_ceiling(const outbound& limits) noexcept {
    return detail::in_all(detail::filled_queues(limits), limits.peers.count());
}
/// Both directions; what a connection costs by itself is counted once.
/// \param limits  What a socket was given.
/// \return        Bytes.
[[nodiscard]] constexpr bytes memory_ceiling(const duplex& limits) noexcept {
    const std::int64_t in = limits.in.peers.count();
    const std::int64_t out = limits.out.peers.count();
    const std::int64_t queues = detail::plus(detail::filled_queues(limits.in), detail::filled_queues(limits.out));
    return detail::in_all(queues, in > out ? in : out);
}

namespace detail {

[[nodiscard]] constexpr std::int64_t buffer_for(std::int64_t frame) noexcept {
    constexpr std::int64_t least = 64 * 1024;
    constexpr std::int64_t most = 208 * 1024;
    if (frame > most / 4) return most;
    return 4 * frame < least ? least : 4 * frame;
}

} // namespace detail

/// The size that the library asks the kernel for, for each of a connection's two buffers (SO_RCVBUF, SO_SNDBUF).
///
/// Four frames, but at least 64 KiB (less throttles even small messages) and at most 208 KiB (Linux's own default; a
/// peer that never reads must not pin more).
///
/// \param limits  What a socket was given.
/// \return        Bytes, as set; Linux reserves twice as many.
/// \throws        none
/// \threads  Any.
/// \secrets  none
/// \maps     ZMQ_RCVBUF, ZMQ_SNDBUF.
[[nodiscard]] constexpr bytes buffer_size(const inbound& limits) noexcept {
    return detail::unchecked<bytes>(detail::buffer_for(limits.frame.count()));
}
/// \overload
/// \param limits  What a socket was given.
[[nodiscard]] constexpr bytes buffer_size(const outbound& limits) noexcept {
    return detail::unchecked<bytes>(detail::buffer_for(limits.frame.count()));
}
/// \overload
/// \param limits  What a socket was given.
[[nodiscard]] constexpr bytes buffer_size(const duplex& limits) noexcept {
    const bytes in = buffer_size(limits.in);
    const bytes out = buffer_size(limits.out);
    return in > out ? in : out;
}

namespace detail {

// Two buffers per connection, and the kernel doubles what it is asked for.
[[nodiscard]] constexpr bytes kernel_buffers(std::int64_t connections, bytes buffer) noexcept {
    return unchecked<bytes>(times(connections, 2 * 2 * buffer.count()));
}

} // namespace detail

/// How much kernel memory the buffers of all connections can take, at most; not part of the process's resident memory.
///
/// \param limits  What a socket was given.
/// \return        Bytes: `.peers` × two buffers × twice `buffer_size`.
/// \throws        none
/// \threads  Any.
/// \secrets  none
/// \maps     ZMQ_RCVBUF, ZMQ_SNDBUF.
[[nodiscard]] constexpr bytes kernel_ceiling(const inbound& limits) noexcept {
    return detail::kernel_buffers(limits.peers.count(), buffer_size(limits));
}
/// \overload
/// \param limits  What a socket was given.
[[nodiscard]] constexpr bytes kernel_ceiling(const outbound& limits) noexcept {
    return detail::kernel_buffers(limits.peers.count(), buffer_size(limits));
}
/// \overload
/// \param limits  What a socket was given.
[[nodiscard]] constexpr bytes kernel_ceiling(const duplex& limits) noexcept {
    const peers most = limits.in.peers > limits.out.peers ? limits.in.peers : limits.out.peers;
    return detail::kernel_buffers(most.count(), buffer_size(limits));
}

namespace detail {

[[nodiscard]] constexpr bytes topics_of(std::int64_t connections) noexcept {
    return unchecked<bytes>(times(connections, most_topics * longest_topic * cost::topic_byte));
}

} // namespace detail

/// How much the subscriptions of all subscribers can take in a publisher (PUB, XPUB), beside `memory_ceiling`.
///
/// Each subscriber may have 1,000 topics of 245 bytes, and libzmq keeps them in a tree with a node for each byte that no
/// two topics share: 96 bytes are counted for each. Subscriptions that are alike, or
/// begin alike, cost next to nothing: this is what somebody hostile can make of them before the guard hangs up.
///
/// \param limits  What a socket was given.
/// \return        Bytes: `.peers` × 22.4 MiB.
/// \throws        none
/// \threads  Any.
/// \secrets  none
/// \maps     none: libzmq has no limit on subscriptions.
[[nodiscard]] constexpr bytes topics_ceiling(const outbound& limits) noexcept {
    return detail::topics_of(limits.peers.count());
}
/// \overload
/// \param limits  What a socket was given.
[[nodiscard]] constexpr bytes topics_ceiling(const duplex& limits) noexcept {
    return detail::topics_of((limits.in.peers > limits.out.peers ? limits.in.peers : limits.out.peers).count());
}

namespace detail {

[[nodiscard]] constexpr bytes slack(std::int64_t connections) noexcept {
    constexpr std::int64_t flat = std::int64_t{24} << 20;
    constexpr std::int64_t half_open = 20 * 1024;
    const std::int64_t most = connections < 64 ? 64 : connections > 512 ? 512 : connections;
    return unchecked<bytes>(flat + most * half_open);
}

} // namespace detail

/// How much an attacker can add to `memory_ceiling` before somebody reacts.
///
/// 24 MiB: what twenty accepted peers gained with unfinished messages until the guard cut them (14 MiB, measured),
/// and what the process itself grows by when it is first used. Plus half-open connections, at most as many as
/// `.peers` and between 64 and 512, at 20 KiB: one that has sent HELLO and then nothing costs 18.3 KiB until its
/// handshake timer ends it.
///
/// \param limits  What a socket was given.
/// \return        Bytes.
/// \throws        none
/// \threads  Any.
/// \secrets  none
/// \maps     none
[[nodiscard]] constexpr bytes guard_slack(const inbound& limits) noexcept {
    return detail::slack(limits.peers.count());
}
/// \overload
/// \param limits  What a socket was given.
[[nodiscard]] constexpr bytes guard_slack(const outbound& limits) noexcept {
    return detail::slack(limits.peers.count());
}
/// \overload
/// \param limits  What a socket was given.
[[nodiscard]] constexpr bytes guard_slack(const duplex& limits) noexcept {
    return detail::slack((limits.in.peers > limits.out.peers ? limits.in.peers : limits.out.peers).count());
}

namespace detail {

template <class Limits> [[nodiscard]] constexpr bool holds_two(const Limits& l) noexcept {
    return l.queue.count() >= smallest_queue;
}
[[nodiscard]] constexpr bool holds_two(const duplex& l) noexcept { return holds_two(l.in) && holds_two(l.out); }

template <class Limits> [[nodiscard]] constexpr bool frame_fits(const Limits& l) noexcept {
    return l.frame.count() <= largest_frame;
}
[[nodiscard]] constexpr bool frame_fits(const duplex& l) noexcept { return frame_fits(l.in) && frame_fits(l.out); }

/// What is wrong with limits whose fields are each in range; nullptr when nothing is.
template <class Limits> [[nodiscard]] constexpr const char* limits_complaint(const Limits& l) noexcept {
    if (!holds_two(l)) return "a queue below 2 messages can stall for ever";
    if (!frame_fits(l)) return "a frame above 1 GiB is not supported";
    return nullptr;
}

/// For sockets to instantiate: the same complaints, as the compiler's sentences.
template <auto Limits> consteval bool check_limits() {
    constexpr bool two = holds_two(Limits);
    constexpr bool fits = frame_fits(Limits);
    static_assert(two, "limits: .queue is at least 2 messages; with 1, libzmq can deliver once and stall");
    static_assert(fits, "limits: .frame is at most 1 GiB");
    return true;
}

/// Whether run-time limits stay below those of the type.
template <class Limits> [[nodiscard]] constexpr bool within(const Limits& runtime, const Limits& ceiling) noexcept {
    return runtime.peers <= ceiling.peers && runtime.queue <= ceiling.queue && runtime.frames <= ceiling.frames &&
           runtime.frame <= ceiling.frame;
}
[[nodiscard]] constexpr bool within(const duplex& runtime, const duplex& ceiling) noexcept {
    return within(runtime.in, ceiling.in) && within(runtime.out, ceiling.out);
}

// No lambda and no template: GCC's -Wshadow compares their parameters with the globals of whoever instantiates them.
inline void require_at_most(const char* field, std::int64_t value, std::int64_t most, const std::string& during,
                            const std::string& prefix) {
    if (value > most)
        throw error{error::misuse, during,
                    prefix + field + " = " + std::to_string(value) + " is above the ceiling of the socket's type, " +
                        std::to_string(most)};
}

template <class Limits>
void require_within(const Limits& runtime, const Limits& ceiling, const std::string& during,
                    const std::string& prefix) {
    if (limits_complaint(runtime) != nullptr) throw error{error::misuse, during, prefix + limits_complaint(runtime)};
    require_at_most("peers", runtime.peers.count(), ceiling.peers.count(), during, prefix);
    require_at_most("queue", runtime.queue.count(), ceiling.queue.count(), during, prefix);
    require_at_most("frames", runtime.frames.count(), ceiling.frames.count(), during, prefix);
    require_at_most("frame", runtime.frame.count(), ceiling.frame.count(), during, prefix);
}

/// Refuses run-time limits that are wrong or above the ceiling, with field, value and ceiling in the text.
inline void require_within(const inbound& runtime, const inbound& ceiling, const std::string& during) {
    require_within(runtime, ceiling, during, "inbound limits: ");
}
inline void require_within(const outbound& runtime, const outbound& ceiling, const std::string& during) {
    require_within(runtime, ceiling, during, "outbound limits: ");
}
inline void require_within(const duplex& runtime, const duplex& ceiling, const std::string& during) {
    require_within(runtime.in, ceiling.in, during);
    require_within(runtime.out, ceiling.out, during);
}

template <class Owed> struct budget_leaves_out_memory : owed<bytes> {
    static_assert(never<Owed>, "a budget leaves out .memory: how much resident memory the channel may take");
};
template <class Owed> struct budget_leaves_out_peers : owed<peers> {
    static_assert(never<Owed>, "a budget leaves out .peers: how many connections are served at once");
};
template <class Owed> struct budget_leaves_out_frames : owed<frames> {
    static_assert(never<Owed>, "a budget leaves out .frames: how many frames one message may have");
};
template <class Owed> struct budget_leaves_out_frame : owed<bytes> {
    static_assert(never<Owed>, "a budget leaves out .frame: how many bytes one frame may carry");
};
template <class Owed> struct budget_leaves_out_burst : owed<messages> {
    static_assert(never<Owed>, "a budget leaves out .burst: how many messages one peer may send while nobody reads");
};

} // namespace detail

/// What a channel has to live on, the other way round from limits: plan() finds the queue. Every field is owed.
template <class Owed> struct basic_budget {
    /// Resident memory for the whole channel.
    bytes memory = detail::budget_leaves_out_memory<Owed>::value();
    /// Connections served at once.
    ironhouse::peers peers = detail::budget_leaves_out_peers<Owed>::value();
    /// Frames in one message.
    ironhouse::frames frames = detail::budget_leaves_out_frames<Owed>::value();
    /// Payload of one frame.
    bytes frame = detail::budget_leaves_out_frame<Owed>::value();
    /// Messages that one peer may send while nobody reads; the queue is never shorter.
    messages burst = detail::budget_leaves_out_burst<Owed>::value();

    friend constexpr bool operator==(const basic_budget&, const basic_budget&) = default;
};
/// What a channel has to live on.
using budget = basic_budget<void>;

/// What plan() found; converts to the limits of either direction.
struct planned {
    ironhouse::peers peers;   ///< As in the budget.
    messages queue;           ///< The longest that the memory pays for.
    ironhouse::frames frames; ///< As in the budget.
    bytes frame;              ///< As in the budget.

    /// The plan as limits of a socket that receives.
    // NOLINTNEXTLINE(google-explicit-constructor): written as limits, `inbound orders = plan(...)`
    [[nodiscard]] constexpr operator inbound() const noexcept {
        return {.peers = peers, .queue = queue, .frames = frames, .frame = frame};
    }
    /// The plan as limits of a socket that sends.
    // NOLINTNEXTLINE(google-explicit-constructor)
    [[nodiscard]] constexpr operator outbound() const noexcept {
        return {.peers = peers, .queue = queue, .frames = frames, .frame = frame};
    }
    friend constexpr bool operator==(const planned&, const planned&) = default;
};

namespace detail {

[[nodiscard]] constexpr planned planned_with(const budget& b, std::int64_t queue) noexcept {
    return {.peers = b.peers, .queue = unchecked<messages>(queue), .frames = b.frames, .frame = b.frame};
}

[[nodiscard]] constexpr std::int64_t planned_cost(const budget& b, std::int64_t queue) noexcept {
    const planned p = planned_with(b, queue);
    const bytes in = memory_ceiling(static_cast<inbound>(p));
    const bytes out = memory_ceiling(static_cast<outbound>(p));
    return (in > out ? in : out).count();
}

[[nodiscard]] constexpr std::int64_t least_queue(const budget& b) noexcept {
    return b.burst.count() < smallest_queue ? smallest_queue : b.burst.count();
}

/// Bytes that the budget lacks for its shortest queue; 0 when it suffices.
[[nodiscard]] constexpr std::int64_t missing(const budget& b) noexcept {
    const std::int64_t least = planned_cost(b, least_queue(b));
    return least > b.memory.count() ? least - b.memory.count() : 0;
}

[[nodiscard]] constexpr const char* budget_complaint(const budget& b) noexcept {
    if (!frame_fits(b)) return "a frame above 1 GiB is not supported";
    if (b.burst.count() > largest_planned_queue) return "a burst above 1'000'000 messages is not supported";
    return nullptr;
}

/// The longest queue that fits; the budget is known to suffice for the shortest.
[[nodiscard]] constexpr planned longest(const budget& b) noexcept {
    std::int64_t fits = least_queue(b);
    std::int64_t above = largest_planned_queue + 1;
    while (above - fits > 1) {
        const std::int64_t middle = fits + (above - fits) / 2;
        (planned_cost(b, middle) <= b.memory.count() ? fits : above) = middle;
    }
    return planned_with(b, fits);
}

/// Its argument is what the diagnostic is about.
template <std::int64_t Bytes> struct budget_lacks_bytes {
    static_assert(Bytes == 0, "the budget's .memory is too small: it lacks as many bytes as budget_lacks_bytes<> says");
    static constexpr bool nothing = true;
};

} // namespace detail

/// Finds the longest queue that a budget pays for, at run time.
///
/// \param given  Memory, and what a message may be. A queue is at least 2 and at least `.burst`, at most 1'000'000.
/// \return       Limits whose `memory_ceiling`, received or sent, is within `.memory`.
/// \throws       `error::misuse` with the number of missing bytes; also for a frame above 1 GiB or a burst above
///               1'000'000.
/// \threads  Any.
/// \secrets  none
/// \maps     none
[[nodiscard]] constexpr planned plan(const budget& given) {
    if (const char* complaint = detail::budget_complaint(given)) throw error{error::misuse, "plan", complaint};
    if (const std::int64_t lacking = detail::missing(given); lacking > 0) {
        throw error{error::misuse, "plan",
                    ".memory = " + std::to_string(given.memory.count()) + " bytes lacks " + std::to_string(lacking) +
                        " bytes for a queue of " + std::to_string(detail::least_queue(given)) + " messages"};
    }
    return detail::longest(given);
}

/// Finds the longest queue that a budget pays for, at compile time; the diagnostic names the missing number of bytes.
///
/// \tparam Given  As for the run-time form.
/// \return        As for the run-time form.
/// \throws        none: what that form throws does not compile here.
/// \threads  Any.
/// \secrets  none
/// \maps     none
template <budget Given> [[nodiscard]] consteval planned plan() {
    constexpr bool fits = detail::frame_fits(Given);
    constexpr bool planable = Given.burst.count() <= detail::largest_planned_queue;
    static_assert(fits, "a budget's .frame is at most 1 GiB");
    static_assert(planable, "a budget's .burst is at most 1'000'000 messages");
    static_assert(detail::budget_lacks_bytes<detail::missing(Given)>::nothing);
    return detail::longest(Given);
}

} // namespace ironhouse::inline IRONHOUSE_ABI

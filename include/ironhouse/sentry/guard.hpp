// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// How much of what its peers sent a socket holds unread, and who has sent more than the limits allow. No sockets here:
/// counts in, verdicts out. Layer: sentry.
///
/// libzmq's queue limit counts whole messages; the frames of an unfinished one are bounded by nothing. From outside, the
/// kernel says how many bytes libzmq has read from each connection, and the owner says how many of them it received. The
/// difference lies in memory.
///
/// While the difference of all connections together is small, nobody is over: that is the calm, and it costs the owner one
/// addition per message. Beyond that the guard is watchful. The owner then says for each message whose it was, and is
/// asked whether its queues are empty; if they are, whatever a connection still holds is one unfinished message.
///
/// What a connection held before the guard woke is not known. It is gone once a message of that connection has been received
/// since, for they come in order; until then nothing is forgiven, and the guard stays awake.

#include <ironhouse/detail/abi.hpp>

#include <algorithm>
#include <cstdint>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// What the limits come to in bytes on the line.
struct guard_budget {
    std::int64_t unfinished = 0; // one message, and what libzmq has read but not looked at
    std::int64_t queue = 0;      // all that may wait for one peer, and an unfinished message
    std::int64_t suspicion = 0;  // of all connections together; below, nobody is looked at more closely

    /// Commands of one connection, which no message accounts for (its PINGs), in bytes per second.
    static constexpr std::int64_t commands = 256;
    /// libzmq reads and decrypts 8 KiB at a time; twice that, and the handshake.
    static constexpr std::int64_t in_hand = 32 * 1024;
    /// Of one connection, too little to matter.
    static constexpr std::int64_t next_to_nothing = 4 * 1024;
    /// What a handshake has at most: 64 + 200 + 257 bytes, a routing id, and properties.
    static constexpr std::int64_t handshake = 8 * 1024;

    /// A frame of that payload as it is on the line.
    [[nodiscard]] static constexpr std::int64_t wire(std::int64_t payload, std::int64_t overhead) noexcept {
        return payload + overhead + (payload + overhead > 255 ? 9 : 2);
    }
    /// `queue` messages of `frames` frames of `frame` bytes.
    [[nodiscard]] static constexpr guard_budget of(std::int64_t queue, std::int64_t frames,
                                                   std::int64_t frame) noexcept {
        constexpr std::int64_t most = std::int64_t{1} << 60;
        const std::int64_t message = frames * wire(frame, 33);
        guard_budget made;
        // Two frames more: one that is being decrypted and will end the message, and one behind it. Large ones take a while.
        made.unfinished = message + 2 * wire(frame, 33) + in_hand;
        // Two more than the queue: the one in the decoder's hands, and the one that found no room.
        made.queue = (message != 0 && queue + 2 > most / message ? most : (queue + 2) * message) + in_hand;
        made.suspicion = std::clamp<std::int64_t>(made.queue / 2, 64 * 1024, 1024 * 1024) + in_hand;
        return made;
    }
    /// A publisher receives nothing but subscriptions, and they stay.
    [[nodiscard]] static constexpr guard_budget of_topics(std::int64_t topics, std::int64_t longest) noexcept {
        const std::int64_t all = topics * wire(longest + 10, 33) + in_hand;
        return {all, all, all};
    }
};

/// One connection's account with the guard.
struct account {
    std::uint64_t consumed = 0; // by libzmq, when it was last looked at
    std::int64_t level = 0;     // bytes that lie unread, since the guard became watchful
    std::int64_t asked = 0;     // level when the owner was asked
    std::int64_t credited = 0;  // received from it since then
    std::uint64_t opened = 0;   // consumed when it was past its handshake
    bool known = false;         // level is all that it holds: nothing of it is older
};

/// The guard of one socket.
class guard {
public:
    guard() = default;
    /// `exact`: every byte received was on the line, and every byte on the line is received or lies unread. Where libzmq
    /// adds or takes away something (envelopes, topics nobody asked for), credit must not add up.
    guard(const guard_budget& allowed, bool exact) noexcept
        : allowed_{allowed}, floor_{exact ? -(std::int64_t{1} << 60) : -guard_budget::in_hand} {}

    [[nodiscard]] const guard_budget& budget() const noexcept { return allowed_; }
    [[nodiscard]] bool watchful() const noexcept { return watchful_; }
    [[nodiscard]] std::int64_t unread() const noexcept { return unread_; }

    /// A connection that is past its handshake starts from here.
    void open(account& one, std::uint64_t consumed) const noexcept { one = {consumed, 0, 0, 0, consumed, watchful_}; }

    /// libzmq has read so many bytes of this connection by now. `seconds` since it was last looked at.
    void read(account& one, std::uint64_t consumed, double seconds) noexcept {
        std::int64_t more = consumed > one.consumed ? static_cast<std::int64_t>(consumed - one.consumed) : 0;
        one.consumed = std::max(one.consumed, consumed);
        // What may have been commands is let go, but never saved up.
        const auto commands = static_cast<std::int64_t>(seconds * guard_budget::commands);
        unread_ += more;
        one.level += more;
        if (unread_ > 0) unread_ = std::max<std::int64_t>(0, unread_ - commands);
        if (one.level > 0) one.level = std::max<std::int64_t>(0, one.level - commands);
    }
    /// The owner has received so many bytes since the last time.
    void received(std::int64_t bytes) noexcept { unread_ = std::max(unread_ - bytes, floor_); }
    /// Of these, so many were this connection's; `surely`, and not perhaps another's.
    void credit(account& one, std::int64_t bytes, bool surely) const noexcept {
        one.known = one.known || (surely && bytes > 0);
        one.level = std::max(one.level - bytes, floor_);
        one.credited += bytes;
    }
    /// From calm to watchful. Each connection's level counts from here on: start_over() all of them.
    [[nodiscard]] bool must_wake() const noexcept { return !watchful_ && unread_ > allowed_.suspicion; }
    void wake() noexcept { watchful_ = true; }
    static void start_over(account& one) noexcept {
        one.level = one.asked = one.credited = 0;
        one.known = one.consumed - one.opened <=
                    guard_budget::next_to_nothing; // whoever has said next to nothing holds next to nothing
    }
    /// From watchful back to calm.
    [[nodiscard]] bool may_rest() const noexcept { return watchful_ && unread_ <= allowed_.suspicion / 2; }
    void rest() noexcept { watchful_ = false; }

    /// The owner is being asked whether its queues are empty.
    static void ask(account& one) noexcept {
        one.asked = one.level;
        one.credited = 0;
    }
    /// A connection has ended, and with it all that it held.
    void forget(const account& one) noexcept { unread_ -= std::max<std::int64_t>(0, one.level); }
    /// They are, and were when it answered: what is left of `asked` is an unfinished message.
    [[nodiscard]] std::int64_t unfinished(const account& one) const noexcept {
        return std::max<std::int64_t>(0, one.asked - one.credited);
    }
    /// The queues are empty, and each connection's level is all that it holds: then this is the sum.
    void correct(std::int64_t sum_of_levels) noexcept { unread_ = sum_of_levels; }

    [[nodiscard]] bool over_queue(const account& one) const noexcept { return one.level > allowed_.queue; }
    [[nodiscard]] bool over_unfinished(const account& one) const noexcept {
        return unfinished(one) > allowed_.unfinished;
    }

private:
    guard_budget allowed_;
    std::int64_t floor_ = 0;
    std::int64_t unread_ = 0;
    bool watchful_ = false;
};

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

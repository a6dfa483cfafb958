// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Who may stand at the door, and how often: limits beside `.peers`, and the rate of newcomers of one address.
/// No sockets here. Layer: sentry.

#include <ironhouse/core/units.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/row.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include <sodium/crypto_shorthash.h>

namespace ironhouse::inline IRONHOUSE_ABI {

/// What one key and one address may take of a socket, beside the `.peers` of its limits. Each default is the safe one.
///
/// Whoever cannot be served at the moment is hung up on without a word, so that a libzmq client tries again; a key that is
/// not welcome at all is refused by ZAP, as before.
struct admission_limits {
    /// Connections that one key may have on one socket.
    peers per_key = detail::unchecked<peers>(2);
    /// Established connections from one address on one socket. None: `.peers` alone decides, since a whole site may stand
    /// behind one address.
    std::optional<peers> per_address = {};
    /// Established connections from one IPv4 /24 or IPv6 /64 on one socket. None: `.peers` alone decides.
    std::optional<peers> per_prefix = {};
    /// Connections that one address may open, on average; at once, four seconds' worth.
    per_second newcomers = detail::unchecked<per_second>(200);
    /// Descriptors that stay free for the program, 8 to 65536: newcomers have to wait before the last ones are used up.
    int descriptor_reserve = 64;
};

/// How newcomers are kept out before libzmq takes them in.
enum class gate_kind : std::uint8_t {
    exact,    ///< By an accept4() of the executable (system/runtime.hpp): libzmq never sees the connection. Barred
              ///< addresses by a filter as well, where the kernel permits one.
    filter,   ///< By a filter in the kernel (needs CAP_NET_ADMIN) while their address is barred for its failures: the
              ///< connection never completes. Others as with `shutdown`.
    shutdown, ///< By ending the connection right after libzmq accepted it.
};

namespace detail {

/// How many newcomers an address has sent, and how often they failed.
///
/// A token bucket per address. Failed handshakes cost nothing at first; from the 65th in a row on, the address is barred
/// for 100 ms, doubled with each further failure up to ten seconds. One success clears it.
///
/// Whoever was cut off stays out for ten seconds, and after that for a minute each time, until ten minutes went by without.
/// A success clears nothing of that: only who is let in can be cut off.
class turnstile {
public:
    using time = std::chrono::steady_clock::time_point;
    static constexpr unsigned forgiven = 64;
    static constexpr std::chrono::milliseconds first_bar{100}, longest_bar{10'000};
    static constexpr std::chrono::seconds first_absence{10}, later_absence{60}, remembered{600};
    static constexpr std::size_t most_addresses = 4'096; // the least recent one is forgotten

    explicit turnstile(per_second rate) noexcept
        : rate_{static_cast<double>(rate.count())}, burst_{4 * static_cast<double>(rate.count())} {
        ::crypto_shorthash_keygen(key_);
    }

    /// A newcomer. False when its address has to wait.
    [[nodiscard]] bool pass(std::string_view address, time now) {
        visitor& who = visitor_of(address, now);
        who.tokens = std::min(burst_, who.tokens + rate_ * std::chrono::duration<double>(now - who.seen).count());
        who.seen = now;
        if (now < std::max(who.barred_until, who.away_until) || who.tokens < 1.0) return false;
        who.tokens -= 1.0;
        return true;
    }
    /// A handshake of that address came to nothing. Until when it is barred; in the past when it is not.
    time failed(std::string_view address, time now) {
        visitor& who = visitor_of(address, now);
        who.failures = std::min(who.failures + 1, forgiven + 32);
        if (who.failures <= forgiven) return who.barred_until;
        const unsigned over = std::min(who.failures - forgiven - 1, 7U);
        return who.barred_until = now + std::min(longest_bar, first_bar * (1 << over));
    }
    void succeeded(std::string_view address) noexcept {
        if (visitor* const who = find(name_of(address))) who->failures = 0;
    }
    /// It was cut off. Until when it has to stay away.
    time cut_off(std::string_view name, time now) {
        visitor& who = visitor_of(name, now);
        if (now > who.away_until + remembered) who.cut_before = false;
        who.seen = now;
        return who.away_until = now + (std::exchange(who.cut_before, true) ? later_absence : first_absence);
    }
    /// Whether it was cut off, and has to stay away for longer.
    [[nodiscard]] bool away(std::string_view name, time now) noexcept {
        const visitor* const who = find(name_of(name));
        return who != nullptr && now < who->away_until;
    }
    [[nodiscard]] std::size_t addresses() const noexcept { return visitors_.size(); }

private:
    struct visitor {
        double tokens;
        time seen;
        time barred_until, away_until;
        unsigned failures;
        bool cut_before;
    };
    // Keyed, so that nobody can choose addresses that fall together.
    [[nodiscard]] std::uint64_t name_of(std::string_view address) const noexcept {
        std::uint64_t name = 0;
        static_assert(sizeof name == crypto_shorthash_BYTES);
        ::crypto_shorthash(reinterpret_cast<unsigned char*>(&name),
                           reinterpret_cast<const unsigned char*>(address.data()), address.size(), key_);
        return name;
    }
    [[nodiscard]] visitor* find(std::uint64_t name) noexcept {
        // A page of numbers is looked through faster than a tree is walked.
        for (std::size_t i = 0; i != names_.size(); ++i)
            if (names_[i] == name) return &visitors_[i];
        return nullptr;
    }
    visitor& visitor_of(std::string_view address, time now) {
        const std::uint64_t name = name_of(address);
        if (visitor* const known = find(name)) return *known;
        const visitor fresh{burst_, now, {}, {}, 0, false};
        if (visitors_.size() < most_addresses) {
            visitors_.push_back(fresh);
            try {
                names_.push_back(name);
            } catch (...) {
                visitors_.pop_back();
                throw;
            }
            return visitors_.back();
        }
        std::size_t oldest = 0;
        for (std::size_t i = 1; i != visitors_.size(); ++i)
            if (visitors_[i].seen < visitors_[oldest].seen) oldest = i;
        names_[oldest] = name;
        return visitors_[oldest] = fresh;
    }

    double rate_, burst_;
    unsigned char key_[crypto_shorthash_KEYBYTES];
    row<std::uint64_t> names_; // of the visitor in the same place
    row<visitor> visitors_;
};

/// Who has come and not finished its handshake, by age and by neighbourhood. Elements are numbers of the caller's.
class waiting_room {
public:
    using number = std::uint32_t;
    static constexpr number nobody = ~number{0};

    /// `neighbourhood`: an IPv4 /24 or an IPv6 /64, as a number.
    void come(number who, std::uint64_t neighbourhood) {
        crowd* of =
            crowds_.find([&](const crowd& each) { return each.many != 0 && each.neighbourhood == neighbourhood; });
        if (of == nullptr) {
            of = crowds_.find([](const crowd& each) { return each.many == 0; });
            if (of == nullptr) of = &crowds_.push_back({});
            *of = {neighbourhood, 0};
        }
        guests_.push_back({who, static_cast<std::uint32_t>(of - crowds_.begin())});
        ++of->many;
    }
    void go(number who) noexcept {
        guest* const at = guests_.find([&](const guest& each) { return each.who == who; });
        if (at == nullptr) return;
        --crowds_[at->crowd].many;
        guests_.erase(at);
    }
    [[nodiscard]] std::size_t size() const noexcept { return guests_.size(); }
    /// The oldest of the neighbourhood that has most of them, `newcomer` excepted; of equals, the oldest.
    [[nodiscard]] number to_leave(number newcomer) const noexcept {
        std::uint32_t most = 0;
        for (const crowd& each : crowds_) most = std::max(most, each.many);
        for (const guest& each : guests_)
            if (each.who != newcomer && crowds_[each.crowd].many == most) return each.who;
        for (const guest& each : guests_)
            if (each.who != newcomer) return each.who; // the newcomer is the only one of its neighbourhood
        return nobody;
    }

private:
    struct crowd {
        std::uint64_t neighbourhood = 0;
        std::uint32_t many = 0;
    };
    struct guest {
        number who;
        std::uint32_t crowd;
    };
    row<guest> guests_; // the oldest first
    row<crowd> crowds_; // where many is 0, the place is free
};

} // namespace detail
} // namespace ironhouse::inline IRONHOUSE_ABI

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Who subscribes to what at one XPUB, so that its owner is told of the first subscription to a topic and of the end of the
/// last, as by one of libzmq's that decides for itself. No sockets here. Layer: detail.

#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/row.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <sodium/crypto_shorthash.h>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// A number for each of many names, 0 for most. Not std::unordered_map, which would be a twentieth of what everybody parses.
class tally {
public:
    [[nodiscard]] std::uint32_t of(std::uint64_t name) const noexcept {
        if (places_.empty()) return 0;
        return places_[find(name)].number;
    }
    /// \throws std::bad_alloc; then nothing has changed.
    void set(std::uint64_t name, std::uint32_t to) {
        if (to != 0 && 2 * (used_ + 1) > places_.size()) grow();
        if (places_.empty()) return;
        std::size_t at = find(name);
        if (to != 0) {
            used_ += places_[at].number == 0 ? 1U : 0U;
            places_[at] = {name, to};
        } else if (std::exchange(places_[at].number, 0U) != 0) {
            --used_;
            // What others were moved past it comes back, so that a search may end at a free place.
            for (std::size_t next = after(at); places_[next].number != 0; next = after(next)) {
                const std::size_t home = places_[next].name & (places_.size() - 1);
                if (((next - home) & (places_.size() - 1)) < ((next - at) & (places_.size() - 1))) continue;
                places_[at] = places_[next];
                places_[next].number = 0;
                at = next;
            }
        }
    }
    [[nodiscard]] std::size_t size() const noexcept { return used_; }

private:
    struct place {
        std::uint64_t name = 0;
        std::uint32_t number = 0; // 0: free
    };
    [[nodiscard]] std::size_t after(std::size_t at) const noexcept { return (at + 1) & (places_.size() - 1); }
    [[nodiscard]] std::size_t find(std::uint64_t name) const noexcept {
        std::size_t at = name & (places_.size() - 1);
        while (places_[at].number != 0 && places_[at].name != name) at = after(at);
        return at;
    }
    void grow() {
        tally larger;
        larger.places_.grow_to(places_.empty() ? 16 : 2 * places_.size(), {});
        for (const place& each : places_)
            if (each.number != 0) larger.set(each.name, each.number);
        places_.swap(larger.places_);
    }

    row<place> places_; // as many as a power of two, at most half of them in use
    std::size_t used_ = 0;
};

class subscription_book {
public:
    struct subscriber {
        std::uint64_t serial = 0; // of its handshake
        int number = -1;          // of libzmq's descriptor
        std::uint64_t cookie = 0; // of its connection
    };

    /// Somebody asked for it. True when that takes effect, and nobody else's is in effect.
    /// \throws std::bad_alloc; then it may be in effect, and its end will not be told.
    [[nodiscard]] bool add(const subscriber& who, std::string_view topic, bool in_effect) {
        if (guests_.empty()) ::crypto_shorthash_keygen(key_);
        const std::uint64_t name = name_of(topic, who.serial);
        if (held_.of(name) != 0) return false; // once more
        guest* of = find(who.serial);
        if (of == nullptr) of = &guests_.push_back({who, 0, false});
        held_.set(name, in_effect ? effective : without_effect);
        ++of->many;
        if (!in_effect) return false;
        const std::uint64_t all = name_of(topic, everybody);
        const std::uint32_t others = in_effect_.of(all);
        in_effect_.set(all, others + 1);
        return others == 0;
    }
    /// Somebody took it back. True when it was in effect, and was the last.
    [[nodiscard]] bool remove(std::uint64_t serial, std::string_view topic) {
        const std::uint64_t name = name_of(topic, serial);
        const std::uint32_t was = held_.of(name);
        if (was == 0) return false;
        held_.set(name, 0);
        guest* const of = find(serial);
        if (of != nullptr && --of->many == 0) guests_.erase(of);
        if (was != effective) return false;
        const std::uint64_t all = name_of(topic, everybody);
        const std::uint32_t left = in_effect_.of(all) - 1;
        in_effect_.set(all, left);
        return left == 0;
    }
    /// libzmq says so of a connection that has ended, and not of which one: it is one of those for which `is_gone` is true.
    template <class IsGone> [[nodiscard]] bool remove_of_gone(std::string_view topic, IsGone is_gone) {
        for (const bool looked : {false, true}) {
            // It says so once for each topic. Whoever was found to be gone is remembered, so that all are looked at once for
            // each that goes, and not for each topic.
            if (looked)
                for (guest& each : guests_) each.gone = each.gone || is_gone(each.who);
            for (const guest& each : guests_)
                if (each.gone && held_.of(name_of(topic, each.who.serial)) != 0) return remove(each.who.serial, topic);
        }
        return false;
    }
    /// How many subscribers it knows.
    [[nodiscard]] std::size_t size() const noexcept { return guests_.size(); }

private:
    enum : std::uint32_t { without_effect = 1, effective = 2 };
    static constexpr std::uint64_t everybody = 0; // no handshake has that number
    struct guest {
        subscriber who;
        std::uint32_t many; // topics
        bool gone;
    };
    [[nodiscard]] guest* find(std::uint64_t serial) noexcept {
        for (guest& each : guests_)
            if (each.who.serial == serial) return &each;
        return nullptr;
    }
    // Keyed, so that nobody can choose topics that fall together.
    [[nodiscard]] std::uint64_t name_of(std::string_view topic, std::uint64_t serial) const noexcept {
        std::uint64_t both[2] = {0, serial};
        static_assert(sizeof both[0] == crypto_shorthash_BYTES);
        auto* const bytes = reinterpret_cast<unsigned char*>(both);
        ::crypto_shorthash(bytes, reinterpret_cast<const unsigned char*>(topic.data()), topic.size(), key_);
        std::uint64_t name = 0;
        ::crypto_shorthash(reinterpret_cast<unsigned char*>(&name), bytes, sizeof both, key_);
        return name;
    }

    unsigned char key_[crypto_shorthash_KEYBYTES] = {}; // drawn once somebody is here
    row<guest> guests_;
    tally held_;      // by topic and handshake
    tally in_effect_; // how many, by topic
};

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

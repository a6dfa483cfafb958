// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Who may come in: reading a ZAP request and deciding on it. No sockets here. Layer: sentry.

#include <ironhouse/detail/abi.hpp>
#include <ironhouse/keys/address_range.hpp>
#include <ironhouse/keys/keyring.hpp>
#include <ironhouse/keys/public_key.hpp>
#include <ironhouse/sentry/events.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// A ZAP 1.0 request (RFC 27), as views of its frames.
struct zap_request {
    std::string_view id;
    std::string_view domain;
    std::string_view address;
    std::string_view mechanism;
    std::span<const std::byte, 32> key;
};

inline constexpr std::size_t zap_frames = 7; // version, id, domain, address, routing id, mechanism, credentials

/// Reads a request; nothing when it is not exactly version 1.0 with one 32-byte CURVE key.
[[nodiscard]] inline std::optional<zap_request> read_zap(const std::string_view* frames, std::size_t many) noexcept {
    if (many != zap_frames || frames[0] != "1.0") return std::nullopt;
    if (frames[5] != "CURVE" || frames[6].size() != 32) return std::nullopt;
    return zap_request{frames[1], frames[2], frames[3], frames[5],
                       std::span<const std::byte, 32>{reinterpret_cast<const std::byte*>(frames[6].data()), 32}};
}

/// One line of a ZAP reply's metadata: a name of at most 255 bytes, and a value.
[[nodiscard]] inline std::string zap_property(std::string_view name, std::string_view value) {
    std::string line(1, static_cast<char>(name.size()));
    line += name;
    for (const int shift : {24, 16, 8, 0}) line += static_cast<char>((value.size() >> shift) & 0xFF);
    line += value;
    return line;
}

/// The answer to a request.
struct verdict {
    reason why = reason::refused_malformed;
    std::string who; // the key's name, or its fingerprint
    unsigned char key[32] = {};
    static constexpr std::chrono::sys_seconds for_ever = std::chrono::sys_seconds::max();
    std::chrono::sys_seconds until = for_ever; // and no longer
    std::uint64_t of_generation = 0;           // of the ring that said so
    std::int64_t server_key = 0;               // under which of the server's keys it came
    std::int64_t connections = 0;              // that the key may have on one socket; 0: as many as others
    std::string topics = {};                   // that it may subscribe to, with commas between them; empty: all
    [[nodiscard]] bool admitted() const noexcept { return why == reason::client_admitted; }
};

/// Where somebody stands, and when: what the terms of a key are held against.
struct visit {
    std::string_view domain = {};  // of the socket, without its number
    std::string_view pattern = {}; // of the socket
    std::string_view role = {};    // that the socket asks for; empty: none
    std::string_view address = {}; // as ZAP gives it
    std::chrono::sys_seconds now = {};
    bool ignores_topics = false; // a publisher that does not hold subscribers to theirs
};

/// Whether a key of the ring may be there; if not, why. Asked of newcomers, and of everybody once more when the ring changes.
[[nodiscard]] inline reason judge(const keyring::entry& who, const visit& here) {
    const auto among = [](const std::vector<std::string>& list, std::string_view wanted) {
        for (const std::string& each : list)
            if (wanted.compare(each) == 0) return true;
        return false;
    };
    if (who.not_before && here.now < *who.not_before) return reason::refused_not_yet_valid;
    if (who.not_after && here.now >= *who.not_after) return reason::refused_expired;
    if (!who.domains.empty() && !among(who.domains, here.domain)) return reason::refused_domain;
    if (!who.patterns.empty() && !among(who.patterns, here.pattern)) return reason::refused_pattern;
    if (!here.role.empty() && !among(who.roles, here.role)) return reason::refused_role;
    if (here.ignores_topics && !who.topics.empty()) return reason::refused_topics;
    if (who.from.empty()) return reason::client_admitted;
    // Over ipc there is no address, and so none that it may come from.
    if (ip_address at; read_ip(here.address, at))
        for (const address_range& each : who.from)
            if (each.contains(at.bytes)) return reason::client_admitted;
    return reason::refused_address;
}

/// Decides by key and terms. `ring` is null where every key is let in.
[[nodiscard]] inline verdict decide(const zap_request& asked, const keyring* ring, const visit& here) {
    // A null or low-order key names nobody and is refused even where everybody is welcome. No exception: peers choose it.
    const auto* const raw = reinterpret_cast<const unsigned char*>(asked.key.data());
    if (key_complaint(raw) != nullptr) return {reason::refused_unknown_key, "(no valid key)"};
    const public_key key = key_access::checked(raw);
    // Keys that nobody wrote down have no roles.
    if (ring == nullptr) return {here.role.empty() ? reason::client_admitted : reason::refused_role, key.fingerprint()};
    const std::uint64_t generation = ring->generation(); // first: a newer ring under an older number is looked at twice
    const auto held = ring->now();
    const auto* const entry = held->find(key);
    if (entry == nullptr) return {reason::refused_unknown_key, key.fingerprint()};
    verdict made{judge(*entry, here), entry->name};
    std::memcpy(made.key, raw, sizeof made.key);
    made.until = entry->not_after.value_or(verdict::for_ever);
    made.of_generation = generation;
    made.connections = entry->connections ? entry->connections->count() : 0;
    made.topics = listed(entry->topics);
    // Last: its directory may have been taken away meanwhile.
    if (made.admitted() && !ring->is_open()) made.why = reason::refused_ring_missing;
    return made;
}

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

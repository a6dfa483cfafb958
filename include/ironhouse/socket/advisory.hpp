// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Known weaknesses of libzmq, dated, and what a context does about each. Layer: socket.
///
/// No released libzmq is free of every row, so each has an action of its own: a weakness that a peer or a stranger can
/// turn against a program refuses the library; one that cannot hurt what is done here is an event at the start; one
/// that matters only with a feature waits for that feature. A distribution may carry a patch under an older version
/// number: that is looked up where it changes the answer.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/installed_package.hpp>

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <zmq.h>

namespace ironhouse::inline IRONHOUSE_ABI::advisory {

/// A version of libzmq.
class version {
public:
    /// \param major_number  4, in 4.3.5.
    /// \param minor_number  3.
    /// \param patch_number  5.
    constexpr version(int major_number, int minor_number, int patch_number) noexcept
        : number_{ZMQ_MAKE_VERSION(major_number, minor_number, patch_number)} {}

    /// The library this process runs with, which need not be the one it was compiled for.
    [[nodiscard]] static version loaded() noexcept {
        int numbers[3] = {};
        ::zmq_version(&numbers[0], &numbers[1], &numbers[2]);
        return {numbers[0], numbers[1], numbers[2]};
    }

    /// As people write it: "4.3.4".
    [[nodiscard]] std::string text() const {
        return std::to_string(number_ / 10000) + "." + std::to_string(number_ / 100 % 100) + "." +
               std::to_string(number_ % 100);
    }

    friend constexpr auto operator<=>(const version&, const version&) noexcept = default;

private:
    int number_;
};

/// What a context does about a row that affects its libzmq.
enum class action : std::uint8_t {
    refuse,    ///< The context does not start.
    warn,      ///< An event when it starts.
    only_with, ///< Nothing, until the feature it needs is used.
};

/// What a program uses of libzmq beyond CURVE over tcp and ipc.
struct features {
    bool plaintext = false;   ///< Peers without CURVE (insecure.hpp).
    bool gssapi = false;      ///< Kerberos.
    bool draft_udp = false;   ///< RADIO, DISH or DGRAM over udp.
    bool live_hwm = false;    ///< High-water marks changed on an open socket.
    bool xpub_manual = false; ///< Subscriptions confirmed by hand.
};

/// Versions from first to last, both included. Empty unless written.
struct range {
    version first{1, 0, 0}; ///< Included.
    version last{0, 0, 0};  ///< Included.
};

/// One known weakness. The texts are those of the table it was made from.
struct row {
    std::string_view id;            ///< What accept_advisories takes.
    std::string_view aliases;       ///< Other ids of the same weakness.
    std::string_view affected;      ///< Versions, in words.
    std::string_view fixed_in;      ///< The first version without it; empty while there is none.
    std::string_view severity;      ///< As its source rates it.
    std::string_view confidence;    ///< How well the source is known.
    std::string_view precondition;  ///< What an attacker needs.
    std::string_view effect;        ///< What happens then.
    std::array<range, 3> ranges;    ///< `affected`, as versions that compare.
    action act;                     ///< What a context does about it.
    std::string_view reason;        ///< Why that.
    bool features::*with = nullptr; ///< `only_with`: the feature that makes it matter.
    action then = action::warn;     ///< `only_with`: what is done once that feature is used.

    /// Whether this version has the weakness, as far as its number tells.
    /// \param v  A version of libzmq.
    [[nodiscard]] constexpr bool affects(version v) const noexcept {
        for (const range& each : ranges)
            if (each.first <= v && v <= each.last) return true;
        return false;
    }
};

/// Packages of a distribution that carry the patch for a row although their upstream version says otherwise: Debian's
/// order, from the first (included) to the first that is not meant (excluded). What could not be confirmed is left out.
struct patched_package {
    std::string_view id;     ///< The row that is patched.
    std::string_view from;   ///< First package version with the patch.
    std::string_view below;  ///< First that is not meant any more.
    std::string_view source; ///< Where that is known from.
};

/// The newest upstream state the table was checked against.
[[nodiscard]] constexpr std::string_view table_date() noexcept { return "2026-07-04"; }

// clang-format off
/// All rows.
inline constexpr row table[] = {
    {"CVE-2014-7202",
     "",
     "4.0.0-4.0.4",
     "4.0.5",
     "MEDIUM (believed)",
     "id read in distro changelog, rest believed",
     "MITM",
     "stream_engine downgrade of the security mechanism",
     {{{version{4, 0, 0}, version{4, 0, 4}}}},
     action::refuse,
     "Who sits between two peers could take the encryption away."},
    {"CVE-2014-7203",
     "OSV DEBIAN-CVE-2014-7203",
     "4.0.0-4.0.4",
     "4.0.5",
     "MEDIUM (Ubuntu: medium)",
     "read",
     "MITM on CURVE",
     "nonces not unique -> replay",
     {{{version{4, 0, 0}, version{4, 0, 4}}}},
     action::refuse,
     "Who sits between two peers could repeat what was said."},
    {"CVE-2014-9721",
     "DSA-3255 / issue 1273",
     "<4.0.6; 4.1.0",
     "4.0.6 / 4.1.1",
     "MEDIUM",
     "read",
     "remote peer, CURVE/PLAIN server",
     "ZMTP v2-or-earlier header bypasses the mechanism",
     {{{version{0, 0, 0}, version{4, 0, 5}}, {version{4, 1, 0}, version{4, 1, 0}}}},
     action::refuse,
     "A stranger would be let in without a key."},
    {"CVE-2019-6250",
     "issue 3351",
     "4.2.0-4.3.0",
     "4.3.1",
     "HIGH (8.8 believed)",
     "read (NEWS)",
     "peer past the handshake (NULL: anyone)",
     "v2_decoder size_ready integer overflow -> RCE",
     {{{version{4, 2, 0}, version{4, 3, 0}}}},
     action::refuse,
     "Runs code of a peer past the handshake; one stolen key would do."},
    {"CVE-2019-13132",
     "GHSA-pf98-hx9m-qj7w / issue 3558",
     "4.0.0-4.0.8; 4.1.0-4.1.6; 4.2.0-4.3.1",
     "4.0.9 / 4.1.7 / 4.3.2",
     "CRITICAL 9.8",
     "read (NEWS, CVE record)",
     "unauthenticated, CURVE server",
     "stack overflow in INITIATE handling -> RCE",
     {{{version{4, 0, 0}, version{4, 0, 8}},
       {version{4, 1, 0}, version{4, 1, 6}},
       {version{4, 2, 0}, version{4, 3, 1}}}},
     action::refuse,
     "Runs code of a stranger on a CURVE server."},
    {"CVE-2020-15166",
     "GHSA-25wp-cf8g-938m",
     "<4.3.3",
     "4.3.3",
     "HIGH 7.5",
     "read (NEWS)",
     "unauthenticated TCP connect, CURVE/ZAP server",
     "pipe attached before handshake -> legitimate clients starved",
     {{{version{0, 0, 0}, version{4, 3, 2}}}},
     action::refuse,
     "A stranger who only connects could silence every client."},
    {"CVE-2021-20234",
     "GHSA-wfr2-29gj-5w87",
     "<4.3.3",
     "4.3.3",
     "HIGH (7.5 believed)",
     "read (NEWS, DLA-2588)",
     "malicious server, no CURVE",
     "unfinished message leaked at pipe delimiter (client memory leak)",
     {{{version{0, 0, 0}, version{4, 3, 2}}}},
     action::refuse,
     "A server could fill its clients' memory; a server that holds a key may still turn hostile."},
    {"CVE-2021-20235",
     "GHSA-fc3w-qxf5-7hp6",
     "4.2.x-4.3.2 (ZMTP v1 static allocator)",
     "4.3.3",
     "HIGH (8.1 believed)",
     "read (NEWS, DLA-2588)",
     "unauthenticated, NULL",
     "ZMTP v1 heap overflow, attacker-controlled content",
     {{{version{4, 2, 0}, version{4, 3, 2}}}},
     action::refuse,
     "The old protocol is spoken before any key is asked for."},
    {"CVE-2021-20236",
     "GHSA-qq65-x72m-9wr8 / GHSA-4j25-p3vq-p264",
     "<4.3.3",
     "4.3.3",
     "CRITICAL 9.8 (upstream: LOW/MODERATE class)",
     "read",
     "unauthenticated SUB on PUB/XPUB, no CURVE",
     "recursive mtrie rm -> stack overflow",
     {{{version{0, 0, 0}, version{4, 3, 2}}}},
     action::refuse,
     "A subscriber could crash a publisher; one stolen key would do."},
    {"CVE-2021-20237",
     "GHSA-4p5v-h92w-6wxw",
     "<4.3.3",
     "4.3.3",
     "HIGH (7.5 believed)",
     "read",
     "unauthenticated, PUB without CURVE",
     "metadata leak for messages sent to PUB",
     {{{version{0, 0, 0}, version{4, 3, 2}}}},
     action::refuse,
     "A stranger could fill a publisher's memory."},
    {"CVE-2020-36400",
     "OSV-2020-1887 (oss-fuzz 26042)",
     "4.3.3 only",
     "4.3.4 (397ac80850)",
     "HIGH (OSV); 9.8 believed",
     "read (CVE record)",
     "unauthenticated",
     "heap overflow in tcp_read buffer handling",
     {{{version{4, 3, 3}, version{4, 3, 3}}}},
     action::refuse,
     "A stranger could overwrite memory before any key is asked for."},
    {"OSV-2020-1655",
     "oss-fuzz 25167",
     "pre-4.3.3 development range 8cc56d9f..9fe56b17",
     "4.3.3",
     "MEDIUM",
     "read",
     "local: wrong-length key passed to zmq_z85_decode",
     "heap over-read",
     {{{version{4, 3, 3}, version{4, 3, 3}}}},
     action::warn,
     "Snapshots before 4.3.3 call themselves 4.3.3. Keys are decoded here by our own code, which checks the "
     "length."},
    {"NOREL-GSSAPI-ZAP",
     "commit ba63f037",
     "<=4.3.5",
     "unreleased (HEAD 2026-07-04)",
     "CRITICAL for GSSAPI+ZAP users",
     "read",
     "valid Kerberos principal; GSSAPI server with a ZAP handler",
     "ZAP 300/400/500 ignored: denied client is connected",
     {{{version{0, 0, 0}, version{4, 3, 5}}}},
     action::only_with,
     "Nobody could be kept out: the answer to a principal is not looked at.",
     &features::gssapi,
     action::refuse},
    {"NOREL-GSSAPI-SUB",
     "commit ccfe5082",
     "<=4.3.5",
     "unreleased",
     "LOW",
     "read",
     "GSSAPI PUB/SUB",
     "subscribe/cancel flags lost -> subscriptions dropped after reconnect",
     {{{version{0, 0, 0}, version{4, 3, 5}}}},
     action::only_with,
     "Subscriptions can be lost over a reconnect; nobody is let in by it.",
     &features::gssapi,
     action::warn},
    {"NOREL-GSSAPI-LEAK",
     "commit 80a4ac4c / issue 4856",
     "<=4.3.5",
     "unreleased",
     "LOW",
     "read",
     "GSSAPI encryption",
     "gss_wrap input buffer leaked per message",
     {{{version{0, 0, 0}, version{4, 3, 5}}}},
     action::only_with,
     "Memory grows with every message; it is slow, and our own doing.",
     &features::gssapi,
     action::warn},
    {"NOREL-UDP-SEND-OVF",
     "commit af11df08",
     "<=4.3.5",
     "unreleased",
     "HIGH for RADIO/DGRAM over udp (draft)",
     "read",
     "local sender passes body > ~7.9 KB",
     "heap overflow of the 8192-byte out buffer",
     {{{version{0, 0, 0}, version{4, 3, 5}}}},
     action::only_with,
     "No endpoint here is udp; who uses it past this library must know.",
     &features::draft_udp,
     action::refuse},
    {"NOREL-UDP-ABORT",
     "commit e357cd32",
     "<=4.3.5",
     "unreleased",
     "HIGH (remote abort, one datagram)",
     "read",
     "DISH over udp (draft), anyone who can send UDP",
     "group byte >=0x80 sign-extended -> errno_assert abort",
     {{{version{0, 0, 0}, version{4, 3, 5}}}},
     action::only_with,
     "No endpoint here is udp; a stranger's datagram would end the process.",
     &features::draft_udp,
     action::refuse},
    {"NOREL-UDP-LEAK",
     "commit 3be093c2",
     "<=4.3.5",
     "unreleased",
     "MEDIUM",
     "read",
     "DISH over udp (draft)",
     "leak per truncated datagram",
     {{{version{0, 0, 0}, version{4, 3, 5}}}},
     action::only_with,
     "No endpoint here is udp; memory would grow with each cut datagram.",
     &features::draft_udp,
     action::refuse},
    {"NOREL-PIPE-DFREE",
     "commit acef50b8",
     "<=4.3.5",
     "unreleased",
     "MEDIUM",
     "read",
     "pipe teardown race",
     "double free in pipe_t::process_pipe_term_ack",
     {{{version{0, 0, 0}, version{4, 3, 5}}}},
     action::warn,
     "No release is free of it, so that refusing would leave nothing to run on. A race while a connection ends: treat "
     "the process that faces the network as one that may die."},
    {"NOREL-HWM-SEGV",
     "commit 959a1335 / issue 4524",
     "<=4.3.5",
     "unreleased",
     "MEDIUM",
     "measured: SIGSEGV in 2 of 5 3-second runs on 4.3.4, 0 of 5 on HEAD",
     "application calls setsockopt(SNDHWM/RCVHWM) while peers disconnect",
     "use of a terminated pipe",
     {{{version{0, 0, 0}, version{4, 3, 5}}}},
     action::only_with,
     "Limits here are written before bind and connect and never again.",
     &features::live_hwm,
     action::refuse},
    {"435-SUB-LONGFLAG",
     "commit ecc63d0d / 4564",
     "4.3.3-4.3.4",
     "4.3.5",
     "LOW",
     "read",
     "topic of 246-255 bytes, NULL",
     "long flag missing -> stream desynchronised",
     {{{version{4, 3, 3}, version{4, 3, 4}}}},
     action::only_with,
     "Subscriptions under CURVE take another way, which is not affected.",
     &features::plaintext,
     action::warn},
    {"435-XPUB-UAF",
     "commit 2df7ab6a",
     "<=4.3.4",
     "4.3.5",
     "MEDIUM",
     "read",
     "XPUB_MANUAL, peer leaves before the app confirms",
     "subscription added for a dead pipe",
     {{{version{0, 0, 0}, version{4, 3, 4}}}},
     action::only_with,
     "Subscriptions here are never confirmed by hand.",
     &features::xpub_manual,
     action::refuse},
    {"435-ROUTER-META",
     "commit 74529d97",
     "<=4.3.4",
     "4.3.5",
     "LOW",
     "read",
     "ROUTER + zmq_poll prefetch",
     "id frame carries no User-Id/Peer-Address",
     {{{version{0, 0, 0}, version{4, 3, 4}}}},
     action::warn,
     "The sender is read from the payload frames, which carry the name; the routing id frame is not asked."},
    {"435-RANDCLOSE",
     "commit bcb659e0 / 4242",
     "<=4.3.4",
     "4.3.5",
     "LOW",
     "read",
     "several contexts + libsodium users",
     "randombytes_close from another thread",
     {{{version{0, 0, 0}, version{4, 3, 4}}}},
     action::warn,
     "Harmless where libsodium draws from getrandom, as on every Linux since 3.17: there is nothing to close."},
    {"435-EPOLL-NULL",
     "commit 2c415b6f",
     "<=4.3.4",
     "4.3.5",
     "LOW",
     "read",
     "-",
     "epoll event with NULL data -> SIGSEGV",
     {{{version{0, 0, 0}, version{4, 3, 4}}}},
     action::warn,
     "No way to provoke it from outside is known; it would end the process and tell nobody anything."},
    {"435-EINTR",
     "commit 04720b6b",
     "<=4.3.4 (backported in Debian 4.3.4-5)",
     "4.3.5",
     "LOW",
     "read",
     "signals",
     "message not received",
     {{{version{0, 0, 0}, version{4, 3, 4}}}},
     action::warn,
     "A signal may delay one message to the next receive; every wait here ends."},
    {"435-ZMTP2-TIMER",
     "commit 6cc694d8",
     "<=4.3.4",
     "4.3.5",
     "LOW",
     "measured",
     "ZMTP v1/v2 peer",
     "handshake timer never cancelled: peer dropped after HANDSHAKE_IVL",
     {{{version{0, 0, 0}, version{4, 3, 4}}}},
     action::only_with,
     "Peers of the old protocols get no further than the greeting under CURVE.",
     &features::plaintext,
     action::warn},
};
// clang-format on

/// All packages that are known to carry a patch.
inline constexpr patched_package patched_packages[] = {
    {"CVE-2019-6250", "4.2.1-4+deb9u1", "4.2.1-4+deb10", "DSA-4368-1"},
    {"CVE-2019-13132", "4.2.1-4+deb9u2", "4.2.1-4+deb10", "DSA-4477-1"},
    {"CVE-2019-13132", "4.3.1-4+deb10u1", "4.3.1-4+deb11", "DSA-4477-1"},
    {"CVE-2019-13132", "4.3.1-5", "4.3.2~", "changelog of 4.3.1-5"},
    {"CVE-2019-13132", "4.1.4-7ubuntu0.1+esm2", "4.1.4-7ubuntu0.2", "USN-4920-1"},
    {"CVE-2019-13132", "4.2.5-1ubuntu0.2+esm2", "4.2.5-1ubuntu0.3", "USN-4920-1"},
    {"CVE-2020-15166", "4.2.1-4+deb9u3", "4.2.1-4+deb10", "DLA-2443-1"},
    {"CVE-2020-15166", "4.1.4-7ubuntu0.1+esm2", "4.1.4-7ubuntu0.2", "USN-4920-1"},
    {"CVE-2020-15166", "4.2.5-1ubuntu0.2+esm2", "4.2.5-1ubuntu0.3", "USN-4920-1"},
    {"CVE-2020-15166", "4.3.2-2ubuntu1.20.04.1~esm2", "4.3.2-2ubuntu2", "USN-4920-1"},
    {"CVE-2021-20234", "4.2.1-4+deb9u4", "4.2.1-4+deb10", "DLA-2588-1"},
    {"CVE-2021-20234", "4.1.4-7ubuntu0.1+esm2", "4.1.4-7ubuntu0.2", "USN-4920-1"},
    {"CVE-2021-20234", "4.2.5-1ubuntu0.2+esm2", "4.2.5-1ubuntu0.3", "USN-4920-1"},
    {"CVE-2021-20234", "4.3.2-2ubuntu1.20.04.1~esm2", "4.3.2-2ubuntu2", "USN-4920-1"},
    {"CVE-2021-20235", "4.2.1-4+deb9u4", "4.2.1-4+deb10", "DLA-2588-1"},
    {"CVE-2021-20235", "4.2.5-1ubuntu0.2+esm2", "4.2.5-1ubuntu0.3", "USN-4920-1"},
    {"CVE-2021-20235", "4.3.2-2ubuntu1.20.04.1~esm2", "4.3.2-2ubuntu2", "USN-4920-1"},
    {"CVE-2021-20237", "4.2.5-1ubuntu0.2+esm2", "4.2.5-1ubuntu0.3", "USN-4920-1"},
    {"CVE-2021-20237", "4.3.2-2ubuntu1.20.04.1~esm2", "4.3.2-2ubuntu2", "USN-4920-1"},
    {"435-EINTR", "4.3.4-5", "4.3.5~", "changelog of 4.3.4-5"},
};

/// A row that applies here and now, and what is done about it: refuse or warn.
struct finding {
    const row* known; ///< The row; never null.
    action act;       ///< refuse or warn.
};

/// The row of that id; null when there is none.
/// \param id  As the table spells it.
[[nodiscard]] constexpr const row* find(std::string_view id) noexcept {
    for (const row& each : table)
        if (each.id == id) return &each;
    return nullptr;
}

/// Whether a distribution's package carries the patch for a row.
/// \param known    A row of the table.
/// \param package  The package's version.
[[nodiscard]] constexpr bool carries_patch(const row& known, std::string_view package) noexcept {
    const detail::debian_version installed{package};
    for (const patched_package& p : patched_packages)
        if (p.id == known.id && detail::debian_version{p.from} <= installed &&
            installed < detail::debian_version{p.below})
            return true;
    return false;
}

/// The rows that apply to a libzmq and to what a program uses of it, in the order of the table.
///
/// \param v        The library's own version.
/// \param package  The version of the distribution's package it comes from; nothing when that is not known. One of
///                 another upstream version is not believed.
/// \param used     The features the program uses.
/// \return         Each row with what is done about it: refuse or warn.
/// \threads  Any.
/// \secrets  none
/// \maps     none
[[nodiscard]] inline std::vector<finding> applying(version v, std::optional<std::string_view> package,
                                                   features used = {}) {
    if (package && detail::debian_version{*package}.upstream() != v.text()) package.reset();
    std::vector<finding> found;
    for (const row& known : table) {
        const bool matters = known.act != action::only_with || used.*known.with;
        if (!matters || !known.affects(v) || (package && carries_patch(known, *package))) continue;
        found.push_back({&known, known.act == action::only_with ? known.then : known.act});
    }
    return found;
}

/// Lets a libzmq pass or refuses it, so that no socket exists on a library with a hole in what it does.
///
/// \param v         The library's own version.
/// \param package   Finds the version of the distribution's package; asked only when that can change the answer.
/// \param accepted  Ids of rows taken in knowingly: a refusal becomes a warning, a warning falls silent.
/// \param used      The features the program uses.
/// \return          The rows to warn of.
/// \throws          `error::misuse` for an accepted id that is not in the table, `error::unavailable` for a library
///                  that is refused.
/// \threads  Any.
/// \secrets  none
/// \maps     zmq_version
inline std::vector<finding> review(version v, std::optional<std::string> (*package)(),
                                   std::span<const std::string> accepted, features used = {}) {
    for (const std::string& id : accepted)
        if (find(id) == nullptr)
            throw error{error::misuse, "accept an advisory",
                        "\"" + id + "\" is not an id of the table of " + std::string{table_date()}};

    auto found = applying(v, std::nullopt, used);
    const auto some_package_differs = [&](const finding& f) {
        for (const patched_package& p : patched_packages)
            if (p.id == f.known->id && detail::debian_version{p.from}.upstream() == v.text()) return true;
        return false;
    };
    bool differs = false;
    for (const finding& each : found) differs = differs || some_package_differs(each);
    if (differs)
        if (const auto installed = package()) found = applying(v, std::string_view{*installed}, used);

    std::vector<finding> warnings;
    std::string refused;
    for (finding f : found) {
        const bool known_to_user = std::find(accepted.begin(), accepted.end(), f.known->id) != accepted.end();
        if (f.act == action::refuse && !known_to_user)
            refused.append(refused.empty() ? "" : ", ").append(f.known->id);
        else if (f.act == action::refuse)
            warnings.push_back({f.known, action::warn});
        else if (!known_to_user)
            warnings.push_back(f);
    }
    if (!refused.empty())
        throw error{error::unavailable, "use libzmq " + v.text(),
                    "known to be unsafe (" + refused + "); update libzmq, or accept each id by name"};
    return warnings;
}

/// The same for the library this process runs with.
/// \param accepted  As above.
/// \param used      As above.
/// \return          As above.
inline std::vector<finding> review(std::span<const std::string> accepted, features used = {}) {
    return review(version::loaded(), &detail::installed_libzmq, accepted, used);
}

} // namespace ironhouse::inline IRONHOUSE_ABI::advisory

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A key pair with a name and terms, kept in the files CZMQ and pyzmq read too, or sealed under a passphrase. Layer: keys.

#include <ironhouse/core/domain.hpp>
#include <ironhouse/core/error.hpp>
#include <ironhouse/core/units.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/files.hpp>
#include <ironhouse/detail/refuse.hpp>
#include <ironhouse/detail/sodium.hpp>
#include <ironhouse/detail/z85.hpp>
#include <ironhouse/detail/zpl.hpp>
#include <ironhouse/keys/address_range.hpp>
#include <ironhouse/keys/key_source.hpp>
#include <ironhouse/keys/keypair.hpp>
#include <ironhouse/keys/public_key.hpp>
#include <ironhouse/keys/secret_key.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sodium/crypto_pwhash.h>
#include <sodium/crypto_secretbox.h>

namespace ironhouse::inline IRONHOUSE_ABI {

/// What a certificate says beside its name and key. Every field may stay empty, and then nothing is asked.
///
/// A server goes by the copy in its own keyring: nobody can widen what its key may do.
struct certificate_terms {
    std::optional<std::chrono::sys_seconds> not_before = std::nullopt; ///< Not accepted earlier.
    std::optional<std::chrono::sys_seconds> not_after = std::nullopt;  ///< Not accepted later; also read as `expires`.
    std::vector<std::string> roles = {}; ///< At most 32, of 1 to 32 of A-Z a-z 0-9 . _ - each.
    /// Where it may come from, at most 16 ranges. Over ipc nobody has an address, and it is not let in.
    std::vector<address_range> from = {};
    /// How many it may have on one socket, 1 to 65536; left out, admission_limits::per_key.
    std::optional<peers> connections = std::nullopt;
    std::vector<std::string> domains = {};  ///< Of the servers that let it in, at most 32.
    std::vector<std::string> patterns = {}; ///< Of the servers' sockets that let it in: "pull", "router", ...
    /// What it may subscribe to: whatever begins with one of these. At most 32, of 1 to 128 printable ASCII characters
    /// without commas and quotes; see topic_rules.
    std::vector<std::string> topics = {};
    std::vector<std::pair<std::string, std::string>> metadata = {}; ///< Anything else, for people and other programs.

    friend bool operator==(const certificate_terms&, const certificate_terms&) = default;
};

namespace detail {

/// Longest name; with a serial number it must fit into ZAP's User-Id many times over.
inline constexpr std::size_t name_limit = 64;
inline constexpr std::string_view fingerprint_prefix = "ih1:";

/// Why a text cannot name a key; nullptr for a good one. A name ends up in logs, in ZAP and in two file formats.
[[nodiscard]] constexpr const char* name_complaint(std::string_view name) noexcept {
    if (name.empty()) return "is empty";
    if (name.size() > name_limit) return "is longer than 64 bytes";
    if (name.front() == ' ' || name.back() == ' ') return "begins or ends with a space";
    for (const char c : name) {
        if (c < ' ' || c > '~') return "holds a character that is not printable ASCII";
        if (c == '#') return "holds '#', which separates a name from a connection's serial number";
        if (c == '"' || c == '\'') return "holds a quote, which the file format cannot escape";
    }
    return nullptr;
}

/// The same for the name of a certain key: a fingerprint is a name for its own key only.
[[nodiscard]] inline const char* name_complaint(std::string_view name, const ironhouse::public_key& key) {
    const char* const complaint = name_complaint(name);
    if (complaint == nullptr && name.starts_with(fingerprint_prefix) && name.compare(key.fingerprint()) != 0) {
        return "looks like the fingerprint of another key";
    }
    return complaint;
}

[[nodiscard]] constexpr const char* role_complaint(std::string_view role) noexcept {
    if (role.empty() || role.size() > 32) return "is not 1 to 32 characters long";
    for (const char c : role) {
        const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                          c == '_' || c == '-';
        if (!good) return "holds a character that is not one of A-Z a-z 0-9 . _ -";
    }
    return nullptr;
}

// By the C library, whose calendar costs a program that includes this nothing.
[[nodiscard]] inline std::string time_text(std::chrono::sys_seconds time) {
    const std::time_t seconds = time.time_since_epoch().count();
    std::tm date{};
    char buffer[32] = "";
    if (::gmtime_r(&seconds, &date) == nullptr) return {};
    if (std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%SZ", &date) == 0) return {};
    return buffer;
}

/// RFC 3339, UTC, whole seconds, exactly "2027-01-01T00:00:00Z".
[[nodiscard]] inline std::optional<std::chrono::sys_seconds> parse_time(std::string_view text) {
    static constexpr std::string_view shape = "dddd-dd-ddTdd:dd:ddZ";
    if (text.size() != shape.size()) return std::nullopt;
    for (std::size_t at = 0; at < shape.size(); ++at) {
        const bool digit = text[at] >= '0' && text[at] <= '9';
        if (shape[at] == 'd' ? !digit : text[at] != shape[at]) return std::nullopt;
    }
    const auto number = [&](std::size_t at) { return (text[at] - '0') * 10 + text[at + 1] - '0'; };
    std::tm date{};
    date.tm_year = number(0) * 100 + number(2) - 1900;
    date.tm_mon = number(5) - 1;
    date.tm_mday = number(8);
    date.tm_hour = number(11);
    date.tm_min = number(14);
    date.tm_sec = number(17);
    const std::chrono::sys_seconds time{std::chrono::seconds{::timegm(&date)}};
    if (text.compare(time_text(time)) != 0) return std::nullopt; // no such day or hour: timegm() made another of it
    return time;
}

/// Most connections that a certificate can allow its key on one socket.
inline constexpr std::int64_t connections_limit = 65'536;

/// What `patterns` may hold.
inline constexpr std::string_view pattern_names[] = {"push", "pull", "pub",    "sub",    "xpub", "xsub",
                                                     "req",  "rep",  "dealer", "router", "pair"};

[[nodiscard]] constexpr const char* pattern_complaint(std::string_view pattern) noexcept {
    for (const std::string_view each : pattern_names)
        if (each == pattern) return nullptr;
    return "is none of push pull pub sub xpub xsub req rep dealer router pair";
}

/// A domain that a list can hold: its entries are separated by commas.
[[nodiscard]] constexpr const char* listed_domain_complaint(std::string_view domain) noexcept {
    if (judge_domain(domain) != domain_fault::none) return "is not what a domain can be called";
    return domain.find(',') == std::string_view::npos ? nullptr : "holds a comma, which separates domains";
}

[[nodiscard]] constexpr const char* topic_complaint(std::string_view topic) noexcept {
    if (topic.empty() || topic.size() > 128) return "is not 1 to 128 characters long";
    if (topic.front() == ' ' || topic.back() == ' ') return "begins or ends with a space";
    for (const char c : topic) {
        if (c < ' ' || c > '~') return "holds a character that is not printable ASCII";
        if (c == ',' || c == '"' || c == '\'') return "holds a comma, which separates topics, or a quote";
    }
    return nullptr;
}

/// As one text, with commas between them.
[[nodiscard]] inline std::string listed(const std::vector<std::string>& list) {
    std::string all;
    for (const std::string& each : list) (all += all.empty() ? "" : ",") += each;
    return all;
}

// They share one line of a file, with commas between them.
[[nodiscard]] inline std::string list_complaint(const char* one, const char* all, const std::vector<std::string>& list,
                                                const char* (*complaint_of)(std::string_view)) {
    if (list.size() > 32) return joined({"there are more than 32 ", all});
    std::size_t length = 0;
    for (std::size_t at = 0; at < list.size(); ++at) {
        const char* complaint = complaint_of(list[at]);
        for (std::size_t before = 0; before < at; ++before) {
            if (list[at].compare(list[before]) == 0) complaint = "repeats an earlier one";
        }
        if (complaint != nullptr) return joined({one, " ", std::to_string(at + 1), " ", complaint});
        length += list[at].size() + 1;
    }
    if (length > zpl_value_limit + 1) return joined({"the ", all, " are longer than 512 bytes together"});
    return {};
}

[[nodiscard]] inline std::string ranges_complaint(const std::vector<address_range>& from) {
    if (from.size() > 16)
        return joined({"from names ", std::to_string(from.size()), " address ranges; at most 16 are held"});
    std::size_t length = 0;
    for (std::size_t at = 0; at < from.size(); ++at) {
        for (std::size_t before = 0; before < at; ++before) {
            if (from[at] == from[before])
                return joined({"address range ", std::to_string(at + 1), " repeats an earlier one"});
        }
        length += from[at].text().size() + 1;
    }
    if (length > zpl_value_limit + 1) return "the address ranges are longer than 512 bytes together";
    return {};
}

/// Checks everything that is checked alike whether it comes from a file or from a program; "" when all is well.
[[nodiscard]] inline std::string terms_complaint(const certificate_terms& terms) {
    if (terms.not_before && terms.not_after &&
        terms.not_before->time_since_epoch() >= terms.not_after->time_since_epoch()) {
        return "not-before is not earlier than not-after: it would never be valid";
    }
    std::string complaint = list_complaint("role", "roles", terms.roles, &role_complaint);
    if (complaint.empty()) complaint = list_complaint("domain", "domains", terms.domains, &listed_domain_complaint);
    if (complaint.empty()) complaint = list_complaint("pattern", "patterns", terms.patterns, &pattern_complaint);
    if (complaint.empty()) complaint = list_complaint("topic", "topics", terms.topics, &topic_complaint);
    if (complaint.empty()) complaint = ranges_complaint(terms.from);
    if (complaint.empty() && terms.connections && terms.connections->count() > connections_limit) {
        return joined(
            {"connections is ", std::to_string(terms.connections->count()), "; 1 to 65536 are allowed for one key"});
    }
    return complaint;
}

[[nodiscard]] constexpr bool is_reserved(std::string_view metadata_name) noexcept {
    for (const std::string_view each : {"name", "not-before", "not-after", "expires", "roles", "from", "connections",
                                        "domains", "patterns", "routing-id", "topics"})
        if (metadata_name == each) return true;
    return zpl_looks_like_a_key(metadata_name);
}

/// What a program may put into a file others read: stricter than what is read, since we answer for it.
[[nodiscard]] inline std::string written_complaint(const certificate_terms& terms) {
    for (const auto* const time : {&terms.not_before, &terms.not_after}) {
        if (*time && !parse_time(time_text(**time))) return "a time is outside the years 1000 to 9999";
    }
    // Terms and the name take ten of the lines.
    if (terms.metadata.size() > zpl_metadata_limit - 10) return "there are more than 54 lines of metadata";
    for (std::size_t at = 0; at < terms.metadata.size(); ++at) {
        const auto& [name, value] = terms.metadata[at];
        const char* complaint = nullptr;
        if (!zpl_is_name(name)) complaint = "name with characters that names do not have";
        if (is_reserved(name)) complaint = "reserved name";
        for (std::size_t before = 0; before < at; ++before) {
            if (name.compare(terms.metadata[before].first) == 0) complaint = "name that an earlier one has";
        }
        const char* const of_value = zpl_value_complaint(value);
        if (complaint != nullptr || of_value != nullptr) {
            return joined({"metadata line ", std::to_string(at + 1), " has a ",
                           complaint != nullptr ? complaint : "value that ", complaint != nullptr ? "" : of_value});
        }
    }
    return {};
}

struct certificate_access;

} // namespace detail

/// What everybody may know about a peer: a name, a key and terms; copyable, for keyrings and enrolment.
///
/// \threads  A value.
/// \secrets  None.
class public_certificate {
public:
    /// Makes one from a key that arrived by another way, to save() it into a keyring's directory.
    ///
    /// \param name   1 to 64 bytes of printable ASCII without '#' and quotes.
    /// \param key    Whose it is.
    /// \param terms  See certificate_terms.
    /// \throws       `error::misuse` naming the rule that was broken.
    [[nodiscard]] static public_certificate of(std::string name, const public_key& key, certificate_terms terms = {}) {
        static constexpr char during[] = "make a certificate";
        const char* const complaint = detail::name_complaint(name, key);
        if (complaint != nullptr) detail::refuse(error::misuse, during, {"the name ", complaint});
        std::string text = detail::terms_complaint(terms);
        if (text.empty()) text = detail::written_complaint(terms);
        if (!text.empty()) detail::refuse(error::misuse, during, {text});
        return public_certificate{parts{std::move(name), key, std::move(terms)}};
    }

    /// What it calls itself; empty when its file gave no name.
    [[nodiscard]] const std::string& name() const noexcept { return parts_.name; }
    /// The key.
    [[nodiscard]] const public_key& key() const noexcept { return parts_.key; }
    /// The key, as people compare it.
    [[nodiscard]] std::string fingerprint() const { return parts_.key.fingerprint(); }
    /// Not accepted earlier than this.
    [[nodiscard]] std::optional<std::chrono::sys_seconds> not_before() const noexcept {
        return parts_.terms.not_before;
    }
    /// Not accepted later than this.
    [[nodiscard]] std::optional<std::chrono::sys_seconds> not_after() const noexcept { return parts_.terms.not_after; }
    /// What it may do, in words of the application.
    [[nodiscard]] const std::vector<std::string>& roles() const noexcept { return parts_.terms.roles; }
    /// All terms together.
    [[nodiscard]] const certificate_terms& terms() const noexcept { return parts_.terms; }

    /// Writes a new public certificate file, readable by everybody (0644 whatever the umask).
    ///
    /// \param path  Must not exist; a name ending in ".key" is found by keyring::from_directory.
    /// \throws      `error::rejected` when it exists or a value cannot be written safely, `error::exhausted` when the disk is
    ///              full. Nothing is left behind then, and nothing was overwritten.
    /// \threads     Any.
    /// \secrets     None in the file.
    void save(const std::string& path) const;

    friend bool operator==(const public_certificate&, const public_certificate&) = default;

private:
    struct parts {
        std::string name;
        public_key key;
        certificate_terms terms;
        friend bool operator==(const parts&, const parts&) = default;
    };
    explicit public_certificate(parts&& checked) noexcept : parts_{std::move(checked)} {}
    friend struct detail::certificate_access;

    parts parts_;
};

/// A passphrase, looked at and not copied: the memory is the caller's, to hold as long as this and to wipe.
///
/// \secrets  Read it through key_source (`passphrase{text.expose_line()}`) rather than from a program's arguments.
class passphrase {
public:
    /// \param text  1 to 1024 bytes. A newline counts: see secret_text::expose_line().
    /// \throws      `error::misuse` for other lengths.
    explicit passphrase(std::string_view text) : text_{text} {
        if (text.empty() || text.size() > 1024) {
            detail::refuse(error::misuse, "take a passphrase",
                           {std::to_string(text.size()), " bytes given; 1 to 1024 are taken"});
        }
    }

    /// The text; every use is a place to review.
    [[nodiscard]] std::string_view expose() const noexcept { return text_; }

    /// Not a way to print.
    template <class Stream>
        requires detail::secrets_can_be_printed<Stream>
    friend Stream& operator<<(Stream& out, const passphrase& text);

private:
    std::string_view text_;
};

/// What guessing one passphrase costs, to us as to a thief (Argon2id).
enum class sealing : std::uint8_t {
    interactive, ///< 64 MiB, 2 passes.
    moderate,    ///< 256 MiB, 3 passes: the default.
    sensitive,   ///< 1 GiB, 4 passes; the most that is accepted when reading.
};

/// Says who we are: a key pair with a name, loaded and saved without letting the secret out of guarded memory.
///
/// Files: the format of CZMQ and pyzmq, or sealed under a passphrase in a format of our own, in which they find no key.
///
/// \threads  Reading is safe from many threads; moving is the owner's.
/// \secrets  Moved, never copied; see secret_key.
class certificate : detail::a_secret_is_never_copied {
public:
    /// Makes a new identity.
    ///
    /// \param name   1 to 64 bytes of printable ASCII without '#' and quotes.
    /// \param terms  See certificate_terms.
    /// \throws       `error::misuse` for a name or terms that cannot be written; as keypair::generate().
    [[nodiscard]] static certificate generate(std::string name, certificate_terms terms = {}) {
        return of(std::move(name), keypair::generate(), std::move(terms));
    }

    /// Names a key pair that exists.
    ///
    /// \param name   1 to 64 bytes of printable ASCII without '#' and quotes.
    /// \param pair   Taken over.
    /// \param terms  See certificate_terms.
    /// \throws  `error::misuse` for a name or terms that cannot be written.
    [[nodiscard]] static certificate of(std::string name, keypair pair, certificate_terms terms = {}) {
        auto named = public_certificate::of(std::move(name), pair.public_key(), std::move(terms));
        return certificate{std::move(named), std::move(pair)};
    }

    /// Loads an identity from a file only its owner can read: load(key_source::file(path)).
    /// \param path  A secret certificate file, mode 0600 or stricter, ours.
    [[nodiscard]] static certificate load(const std::string& path) { return load(key_source::file(path)); }
    /// Loads a sealed identity from a file only its owner can read.
    /// \param path    A file that save() sealed.
    /// \param secret  What it was sealed under.
    [[nodiscard]] static certificate load(const std::string& path, const passphrase& secret) {
        return load(key_source::file(path), secret);
    }

    /// Loads an identity from wherever it is kept.
    ///
    /// \param source  Holds a secret certificate file as CZMQ, pyzmq and save() write it.
    /// \throws        `error::rejected` naming source and reason: the source's rule is broken, the text is malformed or
    ///                ambiguous, there is no secret, it is all zeros, or the public key does not belong to it.
    /// \threads       Any.
    /// \secrets       Text is held in guarded memory and wiped, on error paths too; no error quotes the file.
    [[nodiscard]] static certificate load(const key_source& source);

    /// Loads an identity that was sealed.
    ///
    /// \param source  Holds a certificate that save() sealed.
    /// \param secret  What it was sealed under.
    /// \throws  As above; also when the passphrase is wrong or the file was changed (which of them cannot be told), when the
    ///          file is not sealed at all, and `error::exhausted` when Argon2id gets no memory.
    [[nodiscard]] static certificate load(const key_source& source, const passphrase& secret);

    /// Loads what everybody may know about a peer.
    ///
    /// \param path  A public certificate file; a link is followed. Files that every user may write are refused.
    /// \throws      `error::rejected` naming file and reason; also when the file holds a secret, which has no business where
    ///              public certificates are kept.
    [[nodiscard]] static public_certificate load_public(const std::string& path);

    /// Writes a new secret certificate file that CZMQ and pyzmq read; only its owner can read it (0600 whatever the umask).
    ///
    /// \param path  Must not exist. The customary ending is ".key_secret".
    /// \throws      `error::rejected` when it exists or a value cannot be written safely, `error::exhausted` when the disk is
    ///              full. Nothing is left behind then, and nothing was overwritten.
    /// \threads     Any.
    /// \secrets     In clear text in the file, which is what its mode is for. Seal it where that is not enough.
    void save(const std::string& path) const;

    /// Writes a new file sealed under a passphrase; name, key and terms are inside the seal too.
    ///
    /// \param path      Must not exist. The customary ending is ".key_sealed".
    /// \param secret    At least 8 bytes.
    /// \param strength  What guessing costs.
    /// \throws          As above; `error::misuse` for a shorter passphrase; `error::exhausted` without memory for Argon2id.
    void save(const std::string& path, const passphrase& secret, sealing strength = sealing::moderate) const;

    /// Writes the public half: public_part().save(path).
    /// \param path  Must not exist; a name ending in ".key" is found by keyring::from_directory.
    void save_public(const std::string& path) const { public_.save(path); }

    /// What it calls itself; empty when its file gave no name.
    [[nodiscard]] const std::string& name() const noexcept { return public_.name(); }
    /// The key to give away.
    [[nodiscard]] const ironhouse::public_key& public_key() const& noexcept { return public_.key(); }
    /// \overload
    [[nodiscard]] ironhouse::public_key public_key() && noexcept { return public_.key(); }
    /// The key to keep.
    [[nodiscard]] const secret_key& secret() const& noexcept { return secret_; }
    const secret_key& secret() && = delete;
    /// Both keys, without name and terms; the certificate is used up.
    [[nodiscard]] keypair take_keys() && noexcept { return keypair{std::move(secret_), public_.key()}; }
    /// The key, as people compare it.
    [[nodiscard]] std::string fingerprint() const { return public_.fingerprint(); }
    /// Not accepted earlier than this.
    [[nodiscard]] std::optional<std::chrono::sys_seconds> not_before() const noexcept { return public_.not_before(); }
    /// Not accepted later than this.
    [[nodiscard]] std::optional<std::chrono::sys_seconds> not_after() const noexcept { return public_.not_after(); }
    /// What it may do, in words of the application.
    [[nodiscard]] const std::vector<std::string>& roles() const noexcept { return public_.roles(); }
    /// Everything but the secret.
    [[nodiscard]] const public_certificate& public_part() const& noexcept { return public_; }
    /// \overload
    [[nodiscard]] public_certificate public_part() && { return std::move(public_); }

private:
    certificate(public_certificate&& named, keypair&& pair) noexcept
        : public_{std::move(named)}, secret_{std::move(pair).take_secret()} {}
    friend struct detail::certificate_access;

    public_certificate public_;
    secret_key secret_;
};

namespace detail {

struct certificate_access {
    [[nodiscard]] static public_certificate make_public(std::string&& name, const ironhouse::public_key& key,
                                                        certificate_terms&& terms) {
        return public_certificate{public_certificate::parts{std::move(name), key, std::move(terms)}};
    }
    [[nodiscard]] static certificate make(public_certificate&& named, keypair&& pair) {
        return certificate{std::move(named), std::move(pair)};
    }
};

/// Decimal without sign or leading zero, at most 10 digits; 0 for anything else.
[[nodiscard]] constexpr std::uint64_t parse_number(std::string_view text) noexcept {
    if (text.empty() || text.size() > 10 || text.front() == '0') return 0;
    std::uint64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return 0;
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return value;
}

/// Takes a list apart: after a comma there may be one space.
template <class Take> void each_listed(std::string_view list, Take take) {
    for (;;) {
        const std::size_t comma = list.find(',');
        take(list.substr(0, comma));
        if (comma == std::string_view::npos) return;
        list.remove_prefix(comma + 1);
        if (list.starts_with(' ')) list.remove_prefix(1);
    }
}

/// Gives meaning to what parse_zpl() found.
[[nodiscard]] inline public_certificate interpret(const zpl_certificate& found, const std::string& during) {
    init_sodium();
    unsigned char bytes[32];
    const char* complaint = parse_key(found.public_key, bytes);
    if (complaint != nullptr) refuse(error::rejected, during, {"the public key ", complaint});
    const auto key = key_access::checked(bytes);

    std::string name;
    certificate_terms terms;
    for (std::size_t at = 0; at < found.metadata_size; ++at) {
        const auto& item = found.metadata[at];
        const auto named = [&](std::string_view wanted) { return item.name.compare(wanted) == 0; };
        if (named("name")) {
            complaint = name_complaint(item.value, key);
            if (complaint != nullptr) refuse(error::rejected, during, {"the name ", complaint});
            name = item.value;
        } else if (named("not-before") || named("not-after") || named("expires")) {
            auto& field = named("not-before") ? terms.not_before : terms.not_after;
            // One name twice was refused before.
            if (field) refuse(error::rejected, during, {"not-after and expires are both given"});
            field = parse_time(item.value);
            if (!field) refuse(error::rejected, during, {item.name, " is not a time like 2027-01-01T00:00:00Z"});
        } else if (named("roles")) {
            each_listed(item.value, [&](std::string_view role) { terms.roles.push_back(std::string{role}); });
        } else if (named("domains")) {
            each_listed(item.value, [&](std::string_view domain) { terms.domains.push_back(std::string{domain}); });
        } else if (named("patterns")) {
            each_listed(item.value, [&](std::string_view pattern) { terms.patterns.push_back(std::string{pattern}); });
        } else if (named("from")) {
            each_listed(item.value, [&](std::string_view range) {
                address_range made = address_range_access::blank();
                complaint = address_range_access::read(range, made);
                if (complaint != nullptr) {
                    const std::string number = std::to_string(terms.from.size() + 1);
                    refuse(error::rejected, during, {"address range ", number, " ", complaint});
                }
                terms.from.push_back(made);
            });
        } else if (named("connections")) {
            const std::uint64_t many = parse_number(item.value);
            if (many == 0 || many > std::uint64_t{connections_limit}) {
                refuse(error::rejected, during, {"connections is not a number from 1 to 65536"});
            }
            terms.connections = unit_maker::make<peers>(static_cast<std::int64_t>(many));
        } else if (named("topics")) {
            each_listed(item.value, [&](std::string_view topic) { terms.topics.push_back(std::string{topic}); });
        } else if (named("routing-id")) {
            // A rule that nobody enforces must not look like one (docs/decisions/021).
            refuse(error::rejected, during, {item.name, " is not enforced by this version"});
        } else {
            terms.metadata.push_back({std::string{item.name}, std::string{item.value}});
        }
    }
    const std::string text = terms_complaint(terms);
    if (!text.empty()) refuse(error::rejected, during, {text});
    return certificate_access::make_public(std::move(name), key, std::move(terms));
}

[[nodiscard]] inline certificate interpret_secret(std::string_view text, const std::string& during) {
    const zpl_certificate found = parse_zpl(text, during);
    if (found.secret_key.empty()) {
        refuse(error::rejected, during, {"it holds no secret key; load_public() reads public certificates"});
    }
    public_certificate named = interpret(found, during);
    guarded_memory raw{32};
    const bool decoded = z85_decode(found.secret_key.data(), found.secret_key.size(), raw.data());
    scrub_stack();
    if (!decoded) refuse(error::rejected, during, {"the secret key is not Z85"});
    secret_key secret = secret_access::adopt(std::move(raw), during);
    if (!(public_of(secret, during) == named.key())) {
        refuse(error::rejected, during, {"the public key does not belong to the secret key"});
    }
    return certificate_access::make(std::move(named), keypair::from_secret(std::move(secret)));
}

/// The file as CZMQ and pyzmq read it, up to where a secret key would follow. Checked before it is written.
[[nodiscard]] inline std::string compose(const public_certificate& cert, bool with_secret, const std::string& during) {
    std::string complaint = terms_complaint(cert.terms());
    if (complaint.empty()) complaint = written_complaint(cert.terms()); // it may come from a file of others
    if (!complaint.empty()) refuse(error::rejected, during, {complaint});

    const auto now = std::chrono::sys_seconds{std::chrono::seconds{std::time(nullptr)}};
    std::string text = joined({"#   ****  Generated on ", time_text(now), " by Ironhouse  ****\n"});
    if (with_secret) {
        text += "#   CURVE secret certificate: whoever reads this file can pose as its owner.\n\n";
    } else {
        text +=
            joined({"#   CURVE public certificate: compare its fingerprint with its owner before trusting it.\n#   ",
                    cert.fingerprint(), "\n\n"});
    }
    const auto put = [&text](std::string_view name, std::string_view value) {
        text += joined({"    ", name, " = \"", value, "\"\n"});
    };
    text += "metadata\n";
    if (!cert.name().empty()) put("name", cert.name());
    if (cert.not_before()) put("not-before", time_text(*cert.not_before()));
    if (cert.not_after()) put("not-after", time_text(*cert.not_after()));
    const auto& terms = cert.terms();
    const auto put_list = [&put](std::string_view name, const std::vector<std::string>& list) {
        if (!list.empty()) put(name, listed(list));
    };
    put_list("roles", terms.roles);
    std::string ranges;
    for (const address_range& each : terms.from) ranges += joined({ranges.empty() ? "" : ",", each.text()});
    if (!ranges.empty()) put("from", ranges);
    if (terms.connections) put("connections", std::to_string(terms.connections->count()));
    put_list("domains", terms.domains);
    put_list("patterns", terms.patterns);
    put_list("topics", terms.topics);
    for (const auto& [name, value] : terms.metadata) put(name, value);
    text += "curve\n";
    put("public-key", cert.key().z85());
    return text;
}

[[nodiscard]] inline secret_text compose_secret(const certificate& cert, const std::string& during) {
    const std::string open = compose(cert.public_part(), true, during);
    static constexpr std::string_view before = "    secret-key = \"";
    static constexpr std::string_view after = "\"\n";
    const std::size_t size = open.size() + before.size() + z85_key_length + after.size();
    secret_text text;
    text_access::reserve(text, size + 4); // and what a seal pads it with
    text.append(open);
    text.append(before);
    z85_encode(cert.secret().expose().data(), 32, reinterpret_cast<char*>(text_access::grow(text, z85_key_length)));
    scrub_stack();
    text.append(after);
    return text;
}

// A sealed certificate is five lines of text:
//     ironhouse-sealed-certificate 1
//     argon2id <passes> <bytes of memory>
//     salt <Z85 of 16 bytes>
//     nonce <Z85 of 24 bytes>
//     box <Z85 of the secretbox around a whole certificate file, padded with newlines to a multiple of 4>
// CZMQ stops at the first line and pyzmq finds no key in it. Everything a reader believes is inside the box; the parameters
// outside decide which key opens it, so a change to them opens nothing.
inline constexpr std::string_view sealed_first_line = "ironhouse-sealed-certificate 1\n";
inline constexpr std::uint64_t seal_passes_min = 2;
inline constexpr std::uint64_t seal_passes_max = 4;
inline constexpr std::uint64_t seal_memory_min = std::uint64_t{64} << 20;
inline constexpr std::uint64_t seal_memory_max = std::uint64_t{1} << 30;

[[nodiscard]] inline guarded_memory stretch(const passphrase& secret, const unsigned char* salt, std::uint64_t passes,
                                            std::uint64_t memory, const std::string& during) {
    guarded_memory key{crypto_secretbox_KEYBYTES};
    const std::string_view text = secret.expose();
    const int failed = ::crypto_pwhash(key.data(), key.size(), text.data(), text.size(), salt, passes,
                                       static_cast<std::size_t>(memory), crypto_pwhash_ALG_ARGON2ID13);
    const int code = errno;
    scrub_stack();
    if (failed != 0) {
        refuse(error::exhausted, during, {"Argon2id did not get its ", std::to_string(memory >> 20), " MiB"}, code);
    }
    return key;
}

[[nodiscard]] inline std::string seal(secret_text text, const passphrase& secret, sealing strength,
                                      const std::string& during) {
    const std::uint64_t passes = strength == sealing::interactive ? 2 : strength == sealing::moderate ? 3 : 4;
    const std::uint64_t memory = std::uint64_t{strength == sealing::interactive ? 64U
                                               : strength == sealing::moderate  ? 256U
                                                                                : 1024U}
                                 << 20;
    while (text.size() % 4 != 0) text.append("\n");
    unsigned char salt[crypto_pwhash_SALTBYTES];
    unsigned char nonce[crypto_secretbox_NONCEBYTES];
    static_assert(sizeof salt == 16 && sizeof nonce == 24 && crypto_secretbox_MACBYTES == 16);
    ::randombytes_buf(salt, sizeof salt);
    ::randombytes_buf(nonce, sizeof nonce);
    const guarded_memory key = stretch(secret, salt, passes, memory, during);
    std::string box(crypto_secretbox_MACBYTES + text.size(), '\0');
    auto* const boxed = reinterpret_cast<unsigned char*>(box.data());
    const auto* const plain = reinterpret_cast<const unsigned char*>(text.expose().data());
    if (::crypto_secretbox_easy(boxed, plain, text.size(), nonce, key.data()) != 0) {
        refuse(error::unavailable, during, {"libsodium did not seal it"});
    }
    scrub_stack();

    std::string sealed{sealed_first_line};
    sealed += joined({"argon2id ", std::to_string(passes), " ", std::to_string(memory), "\n"});
    const auto put = [&sealed](const char* name, const unsigned char* bytes, std::size_t size) {
        sealed += joined({name, " "});
        const std::size_t at = sealed.size();
        sealed.resize(at + size / 4 * 5);
        z85_encode(bytes, size, sealed.data() + at);
        sealed += '\n';
    };
    put("salt", salt, sizeof salt);
    put("nonce", nonce, sizeof nonce);
    put("box", boxed, box.size());
    return sealed;
}

[[nodiscard]] inline secret_text unseal(std::string_view sealed, const passphrase& secret, const std::string& during) {
    const auto no = [&](std::string_view why) { refuse(error::rejected, during, {why}); };
    const auto line = [&](std::string_view name) {
        const std::size_t end = sealed.find('\n');
        if (end == std::string_view::npos || !sealed.starts_with(name)) no("the sealed certificate is malformed");
        const std::string_view value = sealed.substr(name.size(), end - name.size());
        sealed.remove_prefix(end + 1);
        return value;
    };
    sealed.remove_prefix(sealed_first_line.size());
    const std::string_view cost = line("argon2id ");
    const std::size_t space = cost.find(' ');
    if (space == std::string_view::npos) no("the sealed certificate is malformed");
    const std::uint64_t passes = parse_number(cost.substr(0, space));
    const std::uint64_t memory = parse_number(cost.substr(space + 1));
    if (passes < seal_passes_min || passes > seal_passes_max || memory < seal_memory_min || memory > seal_memory_max) {
        no("the seal asks for a cost outside 2 to 4 passes over 64 MiB to 1 GiB"); // before any of it is spent
    }
    const auto decode = [&](std::string_view text, unsigned char* bytes, std::size_t size) {
        if (text.size() != size / 4 * 5 || !z85_decode(text.data(), text.size(), bytes)) {
            no("the sealed certificate is malformed");
        }
    };
    unsigned char salt[crypto_pwhash_SALTBYTES];
    unsigned char nonce[crypto_secretbox_NONCEBYTES];
    decode(line("salt "), salt, sizeof salt);
    decode(line("nonce "), nonce, sizeof nonce);
    const std::string_view boxed = line("box ");
    if (!sealed.empty() || boxed.size() % 5 != 0 || boxed.size() / 5 * 4 <= crypto_secretbox_MACBYTES) {
        no("the sealed certificate is malformed");
    }
    std::string box(boxed.size() / 5 * 4, '\0');
    auto* const bytes = reinterpret_cast<unsigned char*>(box.data());
    decode(boxed, bytes, box.size());

    const guarded_memory key = stretch(secret, salt, passes, memory, during);
    const std::size_t size = box.size() - crypto_secretbox_MACBYTES;
    secret_text text;
    unsigned char* const plain = text_access::grow(text, size);
    const bool opened = ::crypto_secretbox_open_easy(plain, bytes, box.size(), nonce, key.data()) == 0;
    scrub_stack();
    if (!opened) no("the passphrase is wrong or the file was changed");
    return text;
}

/// Reads a public certificate; `name` is looked up under `directory`, and `found` is what the system says of it.
[[nodiscard]] inline public_certificate read_public(int directory, const char* name, const std::string& during,
                                                    struct ::stat& found) {
    const descriptor file = open_checked(directory, name, file_rule::public_text, during, found);
    const std::size_t room = static_cast<std::size_t>(found.st_size) + 1;
    // Ordinary memory, as a directory may hold a hundred thousand of them; wiped, as any of them may be a misplaced secret.
    struct wiped {
        explicit wiped(std::size_t size) : bytes(size, '\0') {}
        wiped(const wiped&) = delete;
        wiped& operator=(const wiped&) = delete;
        ~wiped() { ::sodium_memzero(bytes.data(), bytes.size()); }
        std::string bytes;
    } buffer{room};
    const std::size_t size =
        read_whole(file.get(), reinterpret_cast<unsigned char*>(buffer.bytes.data()), room, during);
    const std::string_view text{buffer.bytes.data(), size};
    if (text.starts_with(sealed_first_line)) refuse(error::rejected, during, {"it is sealed and holds a secret"});
    const zpl_certificate parsed = parse_zpl(text, during);
    if (!parsed.secret_key.empty()) {
        refuse(error::rejected, during, {"it holds a secret key, which must not lie among public certificates"});
    }
    return interpret(parsed, during);
}

} // namespace detail

inline void public_certificate::save(const std::string& path) const {
    detail::require_path(path, "save a public certificate");
    const std::string during = detail::joined({"save public certificate ", path});
    detail::write_new_file(path, detail::compose(*this, false, during), 0644, during);
}

inline certificate certificate::load(const key_source& source) {
    const std::string during = detail::joined({"load certificate from ", source.describe()});
    const secret_text text = source.read();
    if (text.expose().starts_with(detail::sealed_first_line)) {
        detail::refuse(error::rejected, during, {"it is sealed: a passphrase is needed"});
    }
    return detail::interpret_secret(text.expose(), during);
}

inline certificate certificate::load(const key_source& source, const passphrase& secret) {
    const std::string during = detail::joined({"load sealed certificate from ", source.describe()});
    const secret_text sealed = source.read();
    if (!sealed.expose().starts_with(detail::sealed_first_line)) {
        detail::refuse(error::rejected, during, {"it is not sealed, although a passphrase was given"});
    }
    const secret_text text = detail::unseal(sealed.expose(), secret, during);
    return detail::interpret_secret(text.expose(), during);
}

inline public_certificate certificate::load_public(const std::string& path) {
    detail::require_path(path, "load a public certificate");
    struct ::stat found {};
    return detail::read_public(AT_FDCWD, path.c_str(), detail::joined({"load public certificate ", path}), found);
}

inline void certificate::save(const std::string& path) const {
    detail::require_path(path, "save a certificate");
    const std::string during = detail::joined({"save certificate ", path});
    const secret_text text = detail::compose_secret(*this, during);
    detail::write_new_file(path, text.expose(), 0600, during);
}

inline void certificate::save(const std::string& path, const passphrase& secret, sealing strength) const {
    detail::require_path(path, "save a certificate");
    const std::string during = detail::joined({"save sealed certificate ", path});
    if (secret.expose().size() < 8) {
        detail::refuse(
            error::misuse, during,
            {"the passphrase has ", std::to_string(secret.expose().size()), " bytes; at least 8 are needed"});
    }
    const std::string sealed = detail::seal(detail::compose_secret(*this, during), secret, strength, during);
    detail::write_new_file(path, sealed, 0600, during);
}

} // namespace ironhouse::inline IRONHOUSE_ABI

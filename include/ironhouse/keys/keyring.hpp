// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Who may come in: named public keys, looked up in an unchanging snapshot that can be replaced as a whole. Layer: keys.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/files.hpp>
#include <ironhouse/detail/refuse.hpp>
#include <ironhouse/keys/certificate.hpp>
#include <ironhouse/keys/public_key.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dirent.h>
#include <sodium/utils.h>

namespace ironhouse::inline IRONHOUSE_ABI {

namespace detail {

/// Most keys in one ring; as many as a socket can have peers.
inline constexpr std::size_t keyring_limit = 1'000'000;

// Never satisfied; the sentence the compiler prints.
template <class Owed> concept a_keyring_says_who_may_come_in = false;

struct keyring_access;

} // namespace detail

/// Says who may come in. A handle: copies share one ring, and see it change when its directory is read again.
///
/// There is no default constructor, since a ring nobody thought about is a door nobody guards; an empty directory makes an
/// empty ring, which lets nobody in.
///
/// \threads  Every member from any thread.
/// \secrets  None: public keys.
class keyring {
public:
    /// One key that is let in, and what is known about it.
    struct entry {
        std::string name; ///< Unique in its ring; 1 to 64 bytes of printable ASCII without '#' and quotes.
        public_key key;   ///< Unique in its ring.
        std::optional<std::chrono::sys_seconds> not_before = std::nullopt; ///< Not let in earlier.
        std::optional<std::chrono::sys_seconds> not_after = std::nullopt;  ///< Not let in later.
        std::vector<std::string> roles = {};             ///< What it may do, in the application's words.
        std::vector<address_range> from = {};            ///< Where it may come from; empty: anywhere.
        std::optional<peers> connections = std::nullopt; ///< On one socket at once; else admission_limits::per_key.
        std::vector<std::string> domains = {};           ///< Of the sockets it is let in at; empty: any.
        std::vector<std::string> patterns = {};          ///< Of the sockets it is let in at; empty: any.
        std::string routing_id = {}; ///< Under which a ROUTER knows it; unique in its ring. Empty: as it likes.

        /// The entry of a certificate; a nameless one is called by its fingerprint.
        /// \param cert  Whose key is let in.
        [[nodiscard]] static entry of(const public_certificate& cert) {
            const certificate_terms& terms = cert.terms();
            return {cert.name().empty() ? cert.fingerprint() : cert.name(),
                    cert.key(),
                    terms.not_before,
                    terms.not_after,
                    terms.roles,
                    terms.from,
                    terms.connections,
                    terms.domains,
                    terms.patterns,
                    terms.routing_id};
        }
        /// The entry of a bare key, called by its fingerprint.
        /// \param bare  The key that is let in.
        [[nodiscard]] static entry of(const public_key& bare) { return {bare.fingerprint(), bare}; }

        friend bool operator==(const entry&, const entry&) = default;
    };

    /// What a ring held at one moment; never changes, so many threads may read one.
    class snapshot {
    public:
        /// All entries, in no particular order.
        [[nodiscard]] const std::vector<entry>& entries() const noexcept { return entries_; }
        /// Number of entries.
        [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

        /// The entry of 32 bytes a peer presented, or nullptr; valid as long as this snapshot.
        ///
        /// Any 32 bytes may be asked for. Where an entry lies depends on a random key, so a peer can neither slow the search
        /// down nor learn from its time.
        ///
        /// \param presented  What the peer sent.
        [[nodiscard]] const entry* find(std::span<const unsigned char, 32> presented) const noexcept {
            const std::uint64_t hash = detail::keyed_hash(presented.data());
            std::size_t from = 0;
            for (std::size_t to = size(); from < to;) {
                const std::size_t middle = from + (to - from) / 2;
                if (by_key_[middle].hash < hash) {
                    from = middle + 1;
                } else {
                    to = middle;
                }
            }
            for (; from < size() && by_key_[from].hash == hash; ++from) {
                const entry* const candidate = by_key_[from].at;
                if (::sodium_memcmp(candidate->key.raw().data(), presented.data(), 32) == 0) return candidate;
            }
            return nullptr;
        }
        /// \overload
        /// \param key  A key that was checked.
        [[nodiscard]] const entry* find(const public_key& key) const noexcept { return find(key.raw()); }

        /// The entry of a name, or nullptr; valid as long as this snapshot.
        /// \param name  As in its certificate, or the fingerprint of a nameless key.
        [[nodiscard]] const entry* find_name(std::string_view name) const noexcept {
            for (std::size_t from = 0, to = size(); from < to;) {
                const std::size_t middle = from + (to - from) / 2;
                const int order = by_name_[middle].at->name.compare(name);
                if (order == 0) return by_name_[middle].at;
                if (order < 0) {
                    from = middle + 1;
                } else {
                    to = middle;
                }
            }
            return nullptr;
        }

    private:
        friend struct detail::keyring_access;
        struct place {
            std::uint64_t hash;
            const entry* at;
        };

        // Sorted by the C library: std::sort costs every including file more than all the rest of this header.
        using comparison = int (*)(const void*, const void*);
        static int compare_names(const void* a, const void* b) noexcept {
            return static_cast<const place*>(a)->at->name.compare(static_cast<const place*>(b)->at->name);
        }
        static int compare_routing_ids(const void* a, const void* b) noexcept {
            return static_cast<const place*>(a)->at->routing_id.compare(static_cast<const place*>(b)->at->routing_id);
        }
        static int compare_hashes(const void* a, const void* b) noexcept {
            const std::uint64_t left = static_cast<const place*>(a)->hash;
            const std::uint64_t right = static_cast<const place*>(b)->hash;
            return static_cast<int>(left > right) - static_cast<int>(left < right);
        }
        std::unique_ptr<place[]> sorted(comparison how) const {
            std::unique_ptr<place[]> places{new place[size() + 1]};
            for (std::size_t at = 0; at < size(); ++at) {
                places[at] = {detail::keyed_hash(entries_[at].key.raw().data()), &entries_[at]};
            }
            std::qsort(places.get(), size(), sizeof(place), how);
            return places;
        }

        void require_own_routing_ids(error::kind why, const std::string& during) const {
            const auto places = sorted(&compare_routing_ids);
            for (std::size_t at = 1; at < size(); ++at) {
                const entry& a = *places[at - 1].at;
                const entry& b = *places[at].at;
                if (!b.routing_id.empty() && b.routing_id.compare(a.routing_id) == 0) {
                    detail::refuse(why, during, {"\"", a.name, "\" and \"", b.name, "\" have the same routing-id"});
                }
            }
        }

        snapshot(std::vector<entry>&& given, error::kind why, const std::string& during) : entries_{std::move(given)} {
            if (size() > detail::keyring_limit) {
                detail::refuse(why, during, {std::to_string(size()), " keys; at most 1000000 are held"});
            }
            std::size_t named_by_routers = 0;
            for (const entry& e : entries_) {
                named_by_routers += e.routing_id.empty() ? 0U : 1U;
                const char* const complaint = detail::name_complaint(e.name, e.key);
                if (complaint != nullptr)
                    detail::refuse(why, during, {"the name of ", e.key.fingerprint(), " ", complaint});
                const std::string terms = detail::terms_complaint(
                    {e.not_before, e.not_after, e.roles, e.from, e.connections, e.domains, e.patterns, e.routing_id});
                if (!terms.empty()) detail::refuse(why, during, {"\"", e.name, "\": ", terms});
            }
            if (named_by_routers != 0) require_own_routing_ids(why, during);
            by_name_ = sorted(&compare_names);
            by_key_ = sorted(&compare_hashes);
            for (std::size_t at = 1; at < size(); ++at) {
                const std::string& name = by_name_[at].at->name;
                if (name.compare(by_name_[at - 1].at->name) == 0) {
                    detail::refuse(why, during, {"two keys are called \"", name, "\""});
                }
            }
            for (std::size_t at = 0; at < size(); ++at) {
                for (std::size_t next = at + 1; next < size() && by_key_[next].hash == by_key_[at].hash; ++next) {
                    const entry& a = *by_key_[at].at;
                    const entry& b = *by_key_[next].at;
                    if (a.key == b.key) {
                        detail::refuse(why, during, {"\"", a.name, "\" and \"", b.name, "\" have the same key"});
                    }
                }
            }
        }

        std::vector<entry> entries_;
        std::unique_ptr<place[]> by_name_;
        std::unique_ptr<place[]> by_key_;
    };

    /// Not a way in: use of() or from_directory().
    template <class Owed = void>
        requires detail::a_keyring_says_who_may_come_in<Owed> keyring();

    /// A ring of bare keys, each called by its fingerprint.
    ///
    /// \param keys  Who may come in; nobody, when there are none.
    /// \throws  `error::misuse` when a key is given twice.
    [[nodiscard]] static keyring of(std::initializer_list<public_key> keys) {
        std::vector<entry> entries;
        entries.reserve(keys.size());
        for (const auto& key : keys) entries.push_back(entry::of(key));
        return of(std::move(entries));
    }

    /// A ring of certificates; nameless ones are called by their fingerprint.
    ///
    /// \param certificates  Whose keys may come in.
    /// \throws  `error::misuse` when a name or a key occurs twice.
    [[nodiscard]] static keyring of(std::initializer_list<public_certificate> certificates) {
        std::vector<entry> entries;
        entries.reserve(certificates.size());
        for (const auto& cert : certificates) entries.push_back(entry::of(cert));
        return of(std::move(entries));
    }

    /// A ring of named keys: `of({{"ann", ann_key}, {"bob", bob_key}})`.
    ///
    /// \param entries  Names and keys; see entry.
    /// \throws  `error::misuse` when a name breaks the rule, or a name or a key occurs twice.
    [[nodiscard]] static keyring of(std::initializer_list<entry> entries) { return of(std::vector<entry>{entries}); }

    /// The same, for entries gathered at run time.
    /// \param entries  Names and keys; see entry.
    [[nodiscard]] static keyring of(std::vector<entry> entries);

    /// A ring of all public certificates in a directory: the files whose names end in ".key".
    ///
    /// All or nothing: one file that cannot be trusted refuses the ring. Names come from the certificates, else from the file
    /// names without ".key". Files beginning with a dot and files with other endings are passed over; secret certificates
    /// (".key_secret", ".key_sealed") are refused, since they do not belong there.
    ///
    /// \param path  Followed if it is a link, as are the files in it. Neither it nor they may be writable by every user.
    /// \throws      `error::rejected` naming the file and the reason; `error::exhausted` above 1'000'000 keys.
    [[nodiscard]] static keyring from_directory(const std::string& path);

    /// The entry of a key, or null; it stays valid as long as it is held, whatever becomes of the ring.
    /// \param key  A key that was checked.
    [[nodiscard]] std::shared_ptr<const entry> find(const public_key& key) const {
        auto held = now();
        const entry* const found = held->find(key);
        return found == nullptr ? nullptr : std::shared_ptr<const entry>{std::move(held), found};
    }

    /// How many keys are let in.
    [[nodiscard]] std::size_t size() const { return now()->size(); }

    /// What the ring holds at this moment.
    [[nodiscard]] std::shared_ptr<const snapshot> now() const {
        const std::lock_guard held{state_->mutex};
        return state_->current;
    }

    /// How often the ring was replaced, counted from 1; cheap to ask before now().
    [[nodiscard]] std::uint64_t generation() const noexcept {
        return state_->generation.load(std::memory_order_acquire);
    }

    /// The directory it came from; empty for of().
    [[nodiscard]] const std::string& origin() const noexcept { return state_->origin; }

    /// Whether both are handles of one ring; two rings with equal keys are still two.
    /// \param other  Another handle.
    [[nodiscard]] bool same_as(const keyring& other) const noexcept { return state_ == other.state_; }

private:
    struct state {
        state(std::shared_ptr<const snapshot>&& first, std::string&& directory) noexcept
            : current{std::move(first)}, origin{std::move(directory)} {}
        mutable std::mutex mutex;
        std::shared_ptr<const snapshot> current; // under mutex
        std::atomic<std::uint64_t> generation{1};
        const std::string origin;
    };

    keyring(std::shared_ptr<const snapshot>&& first, std::string&& directory)
        : state_{new state{std::move(first), std::move(directory)}} {}
    friend struct detail::keyring_access;

    std::shared_ptr<state> state_;
};

namespace detail {

/// The inner door, for whoever reads directories again.
struct keyring_access {
    using snapshot_pointer = std::shared_ptr<const keyring::snapshot>;

    [[nodiscard]] static snapshot_pointer make(std::vector<keyring::entry>&& entries, error::kind why,
                                               const std::string& during) {
        return snapshot_pointer{new keyring::snapshot{std::move(entries), why, during}};
    }
    [[nodiscard]] static keyring ring(snapshot_pointer&& first, std::string&& directory) {
        return keyring{std::move(first), std::move(directory)};
    }
    /// Every handle of the ring sees the new snapshot from here on; what is held of the old one stays valid.
    static snapshot_pointer replace(const keyring& ring, snapshot_pointer next) {
        const std::lock_guard held{ring.state_->mutex};
        ring.state_->current.swap(next);
        ring.state_->generation.fetch_add(1, std::memory_order_release);
        return next; // the old one, for comparing
    }
};

/// Reads a directory into a snapshot; throws without any effect when anything in it is wrong.
[[nodiscard]] inline keyring_access::snapshot_pointer read_keyring_directory(const std::string& path) {
    require_path(path, "load a keyring");
    const std::string during = joined({"load keyring ", path});
    descriptor opened{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (opened.get() < 0) refuse_by_system(during, "cannot open the directory", errno);
    struct ::stat found {};
    if (::fstat(opened.get(), &found) != 0) refuse_by_system(during, "cannot examine the directory", errno);
    if ((found.st_mode & S_IWOTH) != 0) {
        refuse(error::rejected, during,
               {"every user of the machine may write into the directory (mode ", mode_text(found.st_mode), ")"});
    }
    struct listing {
        explicit listing(DIR* handle) noexcept : dir{handle} {}
        listing(const listing&) = delete;
        listing& operator=(const listing&) = delete;
        ~listing() {
            if (dir != nullptr) ::closedir(dir);
        }
        DIR* dir;
    };
    const listing list{::fdopendir(opened.get())};
    if (list.dir == nullptr) refuse_by_system(during, "cannot list the directory", errno);
    const int directory = opened.release(); // closed with the listing

    std::vector<keyring::entry> entries;
    for (;;) {
        errno = 0;
        const auto* const item = ::readdir(list.dir);
        if (item == nullptr) {
            if (errno != 0) refuse_by_system(during, "cannot list the directory", errno);
            break;
        }
        const std::string_view name{item->d_name};
        if (name.starts_with('.')) continue;
        const bool secret = name.ends_with(".key_secret") || name.ends_with(".key_sealed");
        if (!secret && !name.ends_with(".key")) continue;
        for (const char c : name) { // not shown, as it could forge a line in a log
            if (zpl_is_control(c)) refuse(error::rejected, during, {"a file's name holds a control character"});
        }
        const std::string file = joined({during, "/", name});
        if (secret) refuse(error::rejected, file, {"a secret certificate must not lie among public ones"});
        if (entries.size() == keyring_limit) {
            refuse(error::exhausted, during, {"there are more than 1000000 keys in the directory"});
        }
        const public_certificate cert = read_public(directory, item->d_name, file);
        entries.push_back(keyring::entry::of(cert));
        if (cert.name().empty()) {
            const std::string_view stem = name.substr(0, name.size() - 4);
            const char* const unfit = name_complaint(stem, cert.key());
            if (unfit != nullptr) refuse(error::rejected, file, {"it gives no name, and its file name ", unfit});
            entries.back().name = stem;
        }
    }
    return keyring_access::make(std::move(entries), error::rejected, during);
}

} // namespace detail

inline keyring keyring::of(std::vector<entry> entries) {
    return detail::keyring_access::ring(
        detail::keyring_access::make(std::move(entries), error::misuse, "make a keyring"), {});
}

inline keyring keyring::from_directory(const std::string& path) {
    return detail::keyring_access::ring(detail::read_keyring_directory(path), std::string{path});
}

} // namespace ironhouse::inline IRONHOUSE_ABI

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Who may come in: named public keys, looked up in an unchanging snapshot that can be replaced as a whole. Layer: keys.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/files.hpp>
#include <ironhouse/detail/refuse.hpp>
#include <ironhouse/detail/row.hpp>
#include <ironhouse/detail/wake.hpp>
#include <ironhouse/keys/certificate.hpp>
#include <ironhouse/keys/public_key.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
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
#include <sys/stat.h>
#include <unistd.h>

namespace ironhouse::inline IRONHOUSE_ABI {

/// How a ring follows the directory or file it came from, as long as a socket uses it.
struct reload_options {
    /// Whether it is read again when it changes. When not, the ring stays as it was first read.
    bool watch = true;
    /// How many of the present names, in percent, a new set may lack; one that lacks more waits until it is confirmed. Up to
    /// three names may always go, but not all of several. 100: nothing is ever held back.
    unsigned shrink_percent = 25;
};

namespace detail {

/// Most keys in one ring; as many as a socket can have peers.
inline constexpr std::size_t keyring_limit = 1'000'000;

// Never satisfied; the sentence the compiler prints.
template <class Owed> concept a_keyring_says_who_may_come_in = false;

struct keyring_access;

/// Which state of a directory a set was read from. Zero is like no other.
struct keyring_marks {
    std::uint64_t survey = 0;  // of all files that count
    std::uint64_t confirm = 0; // of the file ".confirm"; 0 where there is none
};

/// Where a ring came from.
struct keyring_place {
    std::string origin = {};
    reload_options how = {};
    bool single = false; // a file, not a directory
};

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
        std::vector<std::string> topics = {};            ///< What it may subscribe to begins so; empty: anything.

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
                    terms.topics};
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
        static int compare_hashes(const void* a, const void* b) noexcept {
            const std::uint64_t left = static_cast<const place*>(a)->hash;
            const std::uint64_t right = static_cast<const place*>(b)->hash;
            return static_cast<int>(left > right) - static_cast<int>(left < right);
        }
        void sort(detail::row<place>& places, comparison how) const {
            places.reserve(size());
            for (const entry& each : entries_) places.push_back({detail::keyed_hash(each.key.raw().data()), &each});
            if (size() != 0) std::qsort(places.data(), size(), sizeof(place), how);
        }

        snapshot(std::vector<entry>&& given, error::kind why, const std::string& during) : entries_{std::move(given)} {
            if (size() > detail::keyring_limit) {
                detail::refuse(why, during, {std::to_string(size()), " keys; at most 1000000 are held"});
            }
            for (const entry& e : entries_) {
                const char* const complaint = detail::name_complaint(e.name, e.key);
                if (complaint != nullptr)
                    detail::refuse(why, during, {"the name of ", e.key.fingerprint(), " ", complaint});
                const std::string terms = detail::terms_complaint(
                    {e.not_before, e.not_after, e.roles, e.from, e.connections, e.domains, e.patterns, e.topics});
                if (!terms.empty()) detail::refuse(why, during, {"\"", e.name, "\": ", terms});
            }
            sort(by_name_, &compare_names);
            sort(by_key_, &compare_hashes);
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
        detail::row<place> by_name_;
        detail::row<place> by_key_;
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
    /// It is one state of the directory: when anything changes meanwhile, it is read again.
    ///
    /// As long as a socket uses the ring, its sentry reads the directory again when it changes, all or nothing
    /// (docs/keys.md): a bad set and one that lacks too many names leave the ring as it is. While the directory is gone or
    /// cannot be trusted, nobody new is let in, and nobody is cut.
    ///
    /// \param path  Followed if it is a link, as are the files in it. Neither it nor they may be writable by every user.
    /// \param how   Whether it is followed, and what is held back.
    /// \throws      `error::rejected` naming the file and the reason; `error::exhausted` above 1'000'000 keys;
    ///              `error::misuse` for more than 100 percent.
    [[nodiscard]] static keyring from_directory(const std::string& path, reload_options how = {});

    /// A ring of the one key in a public certificate's file, which is followed like a directory.
    ///
    /// \param path  As certificate::load_public() takes it. A nameless one is called by the file's name without ".key".
    /// \param how   Whether it is followed.
    /// \throws      `error::rejected` naming the file and the reason; `error::misuse` for more than 100 percent.
    [[nodiscard]] static keyring from_file(const std::string& path, reload_options how = {});

    /// Other keys from now on, all at once. Live connections of keys that are no longer in the ring, or that are called
    /// otherwise, end within a second; everybody else's stay.
    ///
    /// \param entries  Names and keys; see entry.
    /// \throws  `error::misuse` as of() does; the ring is then unchanged.
    void replace(std::vector<entry> entries) const;

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

    /// The directory or file it came from, with a path from the root; empty for of().
    [[nodiscard]] const std::string& origin() const noexcept { return state_->from.origin; }

    /// False while where it came from is gone, unreadable or writable by every user: nobody new is let in until it is back.
    [[nodiscard]] bool is_open() const noexcept { return state_->open.load(std::memory_order_acquire); }

    /// Accepts the next set, however many names it lacks; spent when a set takes effect, be it small or not.
    ///
    /// For a program that took keys away, or that was told of keyring_shrank; it takes effect within some two seconds. People
    /// write the new number of keys into the file ".confirm" in the directory instead.
    void confirm() noexcept { state_->confirmed.store(true, std::memory_order_release); }

    /// Whether both are handles of one ring; two rings with equal keys are still two.
    /// \param other  Another handle.
    [[nodiscard]] bool same_as(const keyring& other) const noexcept { return state_ == other.state_; }

private:
    struct state {
        state(std::shared_ptr<const snapshot>&& first, detail::keyring_place&& place,
              detail::keyring_marks seen) noexcept
            : current{std::move(first)}, marks{seen}, from{std::move(place)} {}
        mutable std::mutex mutex;
        std::shared_ptr<const snapshot> current; // these three: under mutex
        detail::keyring_marks marks;
        detail::row<detail::wake*> told; // of each replacement
        std::atomic<std::uint64_t> generation{1};
        std::atomic<bool> open{true};
        std::atomic<bool> confirmed{false};
        const detail::keyring_place from;
    };

    keyring(std::shared_ptr<const snapshot>&& first, detail::keyring_place&& place, detail::keyring_marks seen)
        : state_{new state{std::move(first), std::move(place), seen}} {}
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
    [[nodiscard]] static keyring ring(snapshot_pointer&& first, keyring_place&& from = {}, keyring_marks seen = {}) {
        return keyring{std::move(first), std::move(from), seen};
    }
    /// That bell is raised at each replacement from now on, or no longer. As often as it was asked for.
    static void hear(const keyring& ring, wake& bell, bool from_now_on) {
        const std::lock_guard held{ring.state_->mutex};
        auto& told = ring.state_->told;
        if (from_now_on)
            told.push_back(&bell);
        else if (wake** const one = told.find([&](const wake* each) { return each == &bell; }))
            told.erase(one);
    }
    /// Every handle of the ring sees the new snapshot from here on; what is held of the old one stays valid.
    static snapshot_pointer replace(const keyring& ring, snapshot_pointer next) {
        const std::lock_guard held{ring.state_->mutex};
        ring.state_->current.swap(next);
        ring.state_->generation.fetch_add(1, std::memory_order_release);
        for (wake* const each : ring.state_->told) each->raise();
        return next; // the old one, for comparing
    }
    /// The same, unless the ring was replaced since `expected` was taken from it.
    [[nodiscard]] static bool replace(const keyring& ring, const snapshot_pointer& expected, snapshot_pointer next,
                                      keyring_marks seen) {
        const std::lock_guard held{ring.state_->mutex}; // outlived by the old one, which takes time to go
        if (ring.state_->current != expected) return false;
        ring.state_->current.swap(next);
        ring.state_->marks = seen;
        ring.state_->confirmed.store(false, std::memory_order_relaxed);
        ring.state_->generation.fetch_add(1, std::memory_order_release);
        for (wake* const each : ring.state_->told) each->raise();
        return true;
    }
    [[nodiscard]] static keyring_marks marks(const keyring& ring) {
        const std::lock_guard held{ring.state_->mutex};
        return ring.state_->marks;
    }
    static void mark(const keyring& ring, std::uint64_t survey) {
        const std::lock_guard held{ring.state_->mutex};
        ring.state_->marks.survey = survey;
    }
    [[nodiscard]] static const keyring_place& place(const keyring& ring) noexcept { return ring.state_->from; }
    [[nodiscard]] static bool confirmed(const keyring& ring) noexcept {
        return ring.state_->confirmed.load(std::memory_order_acquire);
    }
    /// Returns what it was.
    static bool open(const keyring& ring, bool now) noexcept {
        return ring.state_->open.exchange(now, std::memory_order_acq_rel);
    }

    struct difference {
        std::size_t added = 0, removed = 0, changed = 0; // by name
    };
    /// In one walk: both are sorted.
    [[nodiscard]] static difference compare(const keyring::snapshot& old, const keyring::snapshot& next) noexcept {
        difference found;
        std::size_t a = 0, b = 0;
        while (a != old.size() || b != next.size()) {
            const int order = a == old.size()    ? 1
                              : b == next.size() ? -1
                                                 : old.by_name_[a].at->name.compare(next.by_name_[b].at->name);
            if (order == 0 && !(*old.by_name_[a].at == *next.by_name_[b].at)) ++found.changed;
            found.removed += order < 0 ? 1 : 0;
            found.added += order > 0 ? 1 : 0;
            a += order <= 0 ? 1 : 0;
            b += order >= 0 ? 1 : 0;
        }
        return found;
    }
};

/// Tells one state of some files from another, by what the system says of them.
struct keyring_survey {
    std::uint64_t sum = 1;
    std::int64_t newest = 0; // in nanoseconds

    void add(std::string_view name, const struct ::stat& found) noexcept {
#if defined(__APPLE__)
        const ::timespec modified = found.st_mtimespec, changed = found.st_ctimespec;
#else
        const ::timespec modified = found.st_mtim, changed = found.st_ctim;
#endif
        const std::uint64_t facts[] = {std::hash<std::string_view>{}(name), static_cast<std::uint64_t>(found.st_dev),
                                       static_cast<std::uint64_t>(found.st_ino),
                                       static_cast<std::uint64_t>(found.st_size)};
        const std::int64_t times[] = {static_cast<std::int64_t>(hash(facts)), nanoseconds(modified),
                                      nanoseconds(changed), 0};
        sum += hash(times); // a sum: directories are listed in any order
        if (times[2] > newest) newest = times[2];
    }
    /// Zero when something changed within the last two seconds: file times are coarse, so it could change again unseen.
    [[nodiscard]] std::uint64_t mark(std::int64_t now) const noexcept {
        return newest >= now - 2'000'000'000 ? 0 : sum;
    }
    [[nodiscard]] static std::int64_t now() noexcept {
        ::timespec time{};
        ::clock_gettime(CLOCK_REALTIME, &time);
        return nanoseconds(time);
    }

private:
    static std::int64_t nanoseconds(const ::timespec& time) noexcept {
        return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
    }
    template <class Number> static std::uint64_t hash(const Number (&block)[4]) noexcept {
        static_assert(sizeof block == 32);
        return keyed_hash(reinterpret_cast<const unsigned char*>(block));
    }
};

/// A set of keys, and what it was read from.
struct keyring_reading {
    keyring_access::snapshot_pointer keys = {}; // null: abandoned
    keyring_marks marks = {};
    std::optional<std::size_t> confirmed = std::nullopt; // the number in ".confirm"
    bool settled = false;                                // nothing changed meanwhile
};

/// Opens a directory or file of keys; throws when it is not there, or not to be trusted.
[[nodiscard]] inline descriptor open_keyring(const keyring_place& from, const std::string& during) {
    struct ::stat found {};
    if (from.single) return open_checked(AT_FDCWD, from.origin.c_str(), file_rule::public_text, during, found);
    descriptor opened{::open(from.origin.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (opened.get() < 0) refuse_by_system(during, "cannot open the directory", errno);
    if (::fstat(opened.get(), &found) != 0) refuse_by_system(during, "cannot examine the directory", errno);
    if ((found.st_mode & S_IWOTH) != 0) {
        refuse(error::rejected, during,
               {"every user of the machine may write into the directory (mode ", mode_text(found.st_mode), ")"});
    }
    return opened;
}

/// Calls `visit(directory, name)` for every file that counts; false when it gave up because `stop` was true.
template <class Visit>
bool walk_keyring(const keyring_place& from, int opened, const std::string& during, const std::atomic<bool>* stop,
                  Visit visit) {
    if (from.single) {
        visit(AT_FDCWD, from.origin.c_str());
        return true;
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
    descriptor again{::openat(opened, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)}; // with a position of its own
    const listing list{again.get() < 0 ? nullptr : ::fdopendir(again.get())};
    if (list.dir == nullptr) refuse_by_system(during, "cannot list the directory", errno);
    (void)again.release(); // closed with the listing
    for (;;) {
        if (stop != nullptr && stop->load(std::memory_order_relaxed)) return false;
        errno = 0;
        const auto* const item = ::readdir(list.dir);
        if (item == nullptr) {
            if (errno != 0) refuse_by_system(during, "cannot list the directory", errno);
            return true;
        }
        const std::string_view name{item->d_name};
        if (name.starts_with('.')) continue;
        if (!name.ends_with(".key") && !name.ends_with(".key_secret") && !name.ends_with(".key_sealed")) continue;
        visit(opened, item->d_name);
    }
}

/// A whole number, which may have one end of line behind it.
[[nodiscard]] inline std::optional<std::size_t> parse_count(std::string_view text) noexcept {
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (text.empty() || text.size() > 7) return std::nullopt;
    std::size_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<std::size_t>(c - '0');
    }
    return value;
}

/// A path that stays good when the program changes its working directory.
[[nodiscard]] inline std::string rooted(const std::string& path) {
    std::string_view ended = path;
    while (ended.size() > 1 && ended.ends_with('/')) ended.remove_suffix(1);
    char here[4096];
    if (path.front() == '/' || ::getcwd(here, sizeof here) == nullptr) return std::string{ended};
    return joined({here, "/", ended});
}

/// The file in which people confirm a set that lacks many names.
inline constexpr const char* confirm_file = ".confirm";

/// Looks at every file, and reads none.
[[nodiscard]] inline keyring_survey survey_keyring(const keyring_place& from, int opened, const std::string& during,
                                                   const std::atomic<bool>* stop = nullptr) {
    keyring_survey seen;
    const auto look = [&](int directory, const char* name) {
        struct ::stat found {};
        (void)::fstatat(directory, name, &found, 0); // nothing is a state as well
        seen.add(name, found);
    };
    walk_keyring(from, opened, during, stop, look);
    if (!from.single) look(opened, confirm_file);
    return seen;
}

/// Reads all keys, or throws. Gives up soon after `stop` has become true.
[[nodiscard]] inline keyring_reading read_keyring(const keyring_place& from, int opened, const std::string& during,
                                                  const std::atomic<bool>* stop = nullptr) {
    const std::int64_t began = keyring_survey::now();
    keyring_reading result;
    keyring_survey seen;
    std::vector<keyring::entry> entries;
    const auto take = [&](int directory, const char* path) {
        std::string_view name{path};
        for (const char c : name) { // not shown, as it could forge a line in a log
            if (zpl_is_control(c)) refuse(error::rejected, during, {"a file's name holds a control character"});
        }
        const std::string file = from.single ? during : joined({during, "/", name});
        if (!from.single && !name.ends_with(".key")) {
            refuse(error::rejected, file, {"a secret certificate must not lie among public ones"});
        }
        if (entries.size() == keyring_limit) {
            refuse(error::exhausted, during, {"there are more than 1000000 keys in the directory"});
        }
        struct ::stat found {};
        const public_certificate cert = read_public(directory, path, file, found);
        seen.add(name, found);
        entries.push_back(keyring::entry::of(cert));
        if (cert.name().empty()) {
            name.remove_prefix(name.rfind('/') + 1);
            if (name.ends_with(".key")) name.remove_suffix(4);
            const char* const unfit = name_complaint(name, cert.key());
            if (unfit != nullptr) refuse(error::rejected, file, {"it gives no name, and its file name ", unfit});
            entries.back().name = name;
        }
    };
    if (!walk_keyring(from, opened, during, stop, take)) return result;
    if (struct ::stat found{}; !from.single) {
        keyring_survey alone;
        if (::fstatat(opened, confirm_file, &found, 0) == 0) {
            const std::string file = joined({during, "/", confirm_file});
            const descriptor written = open_checked(opened, confirm_file, file_rule::public_text, file, found);
            unsigned char text[64];
            const std::size_t size = read_whole(written.get(), text, sizeof text, file);
            alone.add(confirm_file, found);
            result.marks.confirm = alone.sum;
            result.confirmed = parse_count({reinterpret_cast<const char*>(text), size});
        }
        seen.add(confirm_file, found);
    }
    result.keys = keyring_access::make(std::move(entries), error::rejected, during);
    result.marks.survey = seen.mark(began);
    result.settled = survey_keyring(from, opened, during, stop).sum == seen.sum;
    return result;
}

/// Makes a ring of one state of a directory or file.
[[nodiscard]] inline keyring load_keyring(const std::string& path, reload_options how, bool single) {
    require_path(path, "load a keyring");
    const std::string during = joined({"load keyring ", path});
    if (how.shrink_percent > 100) {
        refuse(error::misuse, during,
               {"shrink_percent is ", std::to_string(how.shrink_percent), "; 0 to 100 is a share"});
    }
    keyring_place from{path, how, single};
    for (int tries = 1;; ++tries) {
        try {
            const descriptor opened = open_keyring(from, during);
            keyring_reading read = read_keyring(from, opened.get(), during);
            if (read.settled) {
                from.origin = rooted(path);
                return keyring_access::ring(std::move(read.keys), std::move(from), read.marks);
            }
        } catch (const error&) {
            if (tries != 1) throw; // the first may have met files that were just being exchanged
        }
        if (tries == 8) refuse(error::rejected, during, {"it did not stop changing while it was read"});
    }
}

} // namespace detail

inline keyring keyring::of(std::vector<entry> entries) {
    return detail::keyring_access::ring(
        detail::keyring_access::make(std::move(entries), error::misuse, "make a keyring"));
}

inline void keyring::replace(std::vector<entry> entries) const {
    detail::keyring_access::replace(
        *this, detail::keyring_access::make(std::move(entries), error::misuse, "replace the keys of a ring"));
}

inline keyring keyring::from_directory(const std::string& path, reload_options how) {
    return detail::load_keyring(path, how, false);
}

inline keyring keyring::from_file(const std::string& path, reload_options how) {
    return detail::load_keyring(path, how, true);
}

} // namespace ironhouse::inline IRONHOUSE_ABI

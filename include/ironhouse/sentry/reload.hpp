// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Reads keyrings again when the directories or files they came from change. No sockets here. Layer: sentry.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/background_thread.hpp>
#include <ironhouse/detail/files.hpp>
#include <ironhouse/detail/refuse.hpp>
#include <ironhouse/detail/row.hpp>
#include <ironhouse/detail/wake.hpp>
#include <ironhouse/keys/keyring.hpp>
#include <ironhouse/sentry/events.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/inotify.h>
#endif

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// What happened to a ring; the sentry makes an event of it.
struct ring_finding {
    reason why;
    std::string origin;
    std::string detail;
};

/// How patient the watch is.
struct ring_pace {
    std::chrono::milliseconds quiet{250};     // nothing changed for so long: whoever copies files is done
    std::chrono::milliseconds latest{5'000};  // after the first change, however many more come
    std::chrono::milliseconds poll{2'000};    // a look at the directory itself, where nobody tells of changes
    std::chrono::milliseconds survey{60'000}; // a look at every file in it
    bool told = true;                         // by inotify, where there is such a thing
};

/// Follows rings on a thread of its own, so that a hundred thousand files, or a server of files that does not answer, hold
/// up no handshake. The thread starts with the first ring that came from somewhere.
///
/// \threads  Every member from any thread, except that destruction comes last.
class ring_watch {
public:
    /// Raises `bell` when take() has something.
    explicit ring_watch(wake& bell, ring_pace pace = {}) noexcept : bell_{bell}, pace_{pace} {}
    ring_watch(const ring_watch&) = delete;
    ring_watch& operator=(const ring_watch&) = delete;
    ~ring_watch() {
        stop_.store(true, std::memory_order_relaxed);
        if (own_) own_->raise();
        if (thread_.runs()) thread_.join();
        if (notify_ >= 0) ::close(notify_);
    }

    /// Once for each socket that uses the ring.
    /// \throws  `error::exhausted` when there is no thread or descriptor to be had; then nothing has changed.
    void follow(const keyring& ring) {
        if (ring.origin().empty() || !keyring_access::place(ring).how.watch) return;
        const std::lock_guard held{lock_};
        if (followed* const known = find(ring)) {
            ++known->times;
            return;
        }
        followed_.push_back({ring, 1});
        try {
            if (!thread_.runs()) start();
        } catch (...) {
            followed_.pop_back();
            throw;
        }
        own_->raise();
    }
    void unfollow(const keyring& ring) noexcept {
        const std::lock_guard held{lock_};
        followed* const known = find(ring);
        if (known == nullptr || --known->times != 0) return;
        followed_.erase(known);
        own_->raise();
    }
    /// What happened since the last call, oldest first.
    [[nodiscard]] row<ring_finding> take() noexcept {
        row<ring_finding> taken;
        const std::lock_guard held{lock_};
        taken.swap(findings_);
        return taken;
    }

private:
    using clock = std::chrono::steady_clock;

    struct followed {
        keyring ring;
        std::size_t times;
    };
    // What the thread knows of a ring.
    struct post {
        keyring ring;
        int folder = -1, parent = -1; // inotify's numbers
        bool hinted = false, held_back = false, young = false;
        std::uint64_t quick = 0;  // what the directory itself looked like
        std::uint64_t survey = 0; // what its files looked like when they were last read
        clock::time_point first_hint = {}, last_hint = {}, next_poll = {}, next_survey = {};
        bool doubted = false;
        int restless = 0;
        std::string told = {}; // so that it is not told again
    };

    followed* find(const keyring& ring) noexcept {
        return followed_.find([&](const followed& each) { return each.ring.same_as(ring); });
    }

    void start() {
        own_.emplace();
#if defined(__linux__)
        if (pace_.told && notify_ < 0) notify_ = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK); // else by polling alone
#endif
        thread_.start(
            "ironhouse-keys", "follow a keyring", [](void* self) { static_cast<ring_watch*>(self)->run(); }, this);
    }

    // ---- the thread ------------------------------------------------------------------------------------------------

    void run() noexcept {
        while (!stop_.load(std::memory_order_relaxed)) {
            auto until = clock::now() + pace_.poll;
            try {
                take_posts();
                for (post& each : posts_) {
                    look_at(each);
                    const auto next = each.hinted ? due(each) : each.next_survey;
                    for (const auto soon : {next, each.next_poll})
                        if (soon < until) until = soon;
                }
            } catch (const std::exception&) {
                until = clock::now() + pace_.poll; // out of memory; whatever was to be done is still to be done
            }
            wait(until);
        }
    }

    void take_posts() {
        const std::lock_guard held{lock_};
        for (post& each : posts_)
            if (find(each.ring) == nullptr) drop_watches(each);
        posts_.erase_if([&](const post& each) { return find(each.ring) == nullptr; });
        for (const followed& each : followed_) {
            if (posts_.find([&](const post& known) { return known.ring.same_as(each.ring); }) != nullptr) continue;
            post made{each.ring};
            made.survey = keyring_access::marks(made.ring).survey; // it may have changed since it was loaded
            hint(made, clock::now());
            posts_.push_back(std::move(made));
        }
    }

    void wait(clock::time_point until) noexcept {
        pollfd on[2] = {{own_->fd(), POLLIN, 0}, {notify_, POLLIN, 0}};
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now()).count();
        if (::poll(on, notify_ < 0 ? 1 : 2, left < 0 ? 0 : static_cast<int>(left)) <= 0) return;
        if (on[0].revents != 0) own_->lower();
        if (on[1].revents != 0) read_notices();
    }

    [[nodiscard]] clock::time_point due(const post& at) const noexcept {
        const auto quiet = at.last_hint + pace_.quiet, latest = at.first_hint + pace_.latest;
        return quiet < latest ? quiet : latest;
    }
    static void hint(post& at, clock::time_point now) noexcept {
        if (!std::exchange(at.hinted, true)) at.first_hint = now;
        at.last_hint = now;
    }
    // Read again after a moment, though nothing changes.
    static void again(post& at) noexcept {
        at.survey = 0;
        hint(at, clock::now());
    }

    void look_at(post& at) {
        const auto now = clock::now();
        if (now >= at.next_poll) {
            at.next_poll = now + pace_.poll;
            const std::uint64_t seen = quick_look(at.ring);
            if (establish(at) || seen != at.quick) hint(at, now);
            at.quick = seen;
            if (at.held_back && keyring_access::confirmed(at.ring)) again(at);
        }
        if (at.hinted ? now < due(at) : now < at.next_survey) return;
        if (at.hinted && now < at.first_hint + pace_.latest) {
            // What nobody told of: it must have been quiet all the same.
            const std::uint64_t seen = quick_look(at.ring);
            if (std::exchange(at.quick, seen) != seen) return hint(at, now);
        }
        at.hinted = false;
        examine(at);
        // File times are coarse: what was young when it was read is read once more. Once, as the clock may be wrong.
        const bool young = at.survey == 0 && !at.hinted && !at.young;
        const std::chrono::milliseconds soon{2'500};
        at.next_survey = clock::now() + (young && soon < pace_.survey ? soon : pace_.survey);
        if (!at.hinted) at.young = young;
    }

    // Says whether the directory is another, or was changed, at the price of three system calls.
    static std::uint64_t quick_look(const keyring& ring) {
        keyring_survey seen;
        bool any = false;
        const auto look = [&](const std::string& path) {
            struct ::stat found {};
            if (::stat(path.c_str(), &found) != 0) return;
            seen.add({}, found);
            any = true;
        };
        look(ring.origin());
        if (!keyring_access::place(ring).single) {
            look(joined({ring.origin(), "/..data"})); // exchanged by Kubernetes
            look(joined({ring.origin(), "/", confirm_file}));
        }
        return any ? seen.sum : 0;
    }

    void examine(post& at) {
        establish(at); // before reading: whatever changes from here on is told
        const keyring_place& from = keyring_access::place(at.ring);
        const std::string during = joined({"load keyring ", from.origin});
        bool there = false;
        try {
            const descriptor opened = open_keyring(from, during);
            there = true;
            const keyring_survey seen = survey_keyring(from, opened.get(), during, &stop_);
            if (at.survey != 0 && seen.sum == at.survey && at.ring.is_open()) return;
            at.survey = seen.mark(keyring_survey::now());
            keyring_reading read = read_keyring(from, opened.get(), during, &stop_);
            if (!read.keys) return; // abandoned
            if (!read.settled) {
                if (++at.restless == 20) tell(at, reason::keyring_refused, "it does not stop changing");
                return again(at);
            }
            at.survey = read.marks.survey;
            judge(at, read);
        } catch (const error& refused) {
            if (!there && refused.why() != error::exhausted) return close(at, refused.what());
            refuse_set(at, refused.what());
            if (refused.why() == error::exhausted) at.survey = 0; // which says nothing about the directory
        } catch (const std::exception& failed) {
            refuse_set(at, joined({during, ": ", failed.what()}));
            at.survey = 0;
        }
    }

    void close(post& at, const std::string& text) {
        at.survey = at.quick = 0; // so that the next look is not far
        at.doubted = at.held_back = false;
        keyring_access::open(at.ring, false);
        tell(at, reason::keyring_missing, text);
    }

    void refuse_set(post& at, const std::string& text) {
        // The first time it may have met a file that was just being written.
        at.doubted = !at.doubted;
        if (at.doubted) return again(at);
        tell(at, reason::keyring_refused, text);
    }

    void judge(post& at, keyring_reading& read) {
        at.restless = 0;
        at.doubted = at.held_back = false;
        const auto old = at.ring.now();
        const auto found = keyring_access::compare(*old, *read.keys);
        const std::size_t before = old->size(), after = read.keys->size();
        const keyring_marks marks = keyring_access::marks(at.ring);
        const std::size_t percent = keyring_access::place(at.ring).how.shrink_percent;
        const bool many = found.removed > 3 && found.removed * 100 > before * percent;
        const bool all = after == 0 && before > 1 && percent < 100; // what a volume that is not mounted looks like
        // A number that lay there already when the present set was read was meant for that one.
        const bool confirmed =
            keyring_access::confirmed(at.ring) || (read.confirmed == after && read.marks.confirm != marks.confirm);
        if ((many || all) && !confirmed) {
            at.held_back = true;
            return tell(at, reason::keyring_shrank,
                        joined({"it holds ", std::to_string(after), " keys and lacks ", std::to_string(found.removed),
                                " of ", std::to_string(before), "; to accept that, write ", std::to_string(after),
                                " into ", at.ring.origin(), "/", confirm_file, " now, or call keyring::confirm()"}));
        }
        const bool other = found.added + found.removed + found.changed != 0;
        if (!other)
            keyring_access::mark(at.ring, read.marks.survey);
        else if (!keyring_access::replace(at.ring, old, std::move(read.keys), read.marks))
            return again(at); // another context was first
        at.told.clear();
        if (!keyring_access::open(at.ring, true) || other)
            say(at, reason::keyring_replaced,
                joined({std::to_string(after), " keys, ", std::to_string(found.added), " added, ",
                        std::to_string(found.removed), " removed, ", std::to_string(found.changed), " changed"}));
    }

    // Once, until something else happens.
    void tell(post& at, reason why, const std::string& text) {
        if (at.told == text) return;
        say(at, why, text);
        at.told = text;
    }
    void say(const post& at, reason why, const std::string& text) {
        {
            const std::lock_guard held{lock_};
            findings_.push_back({why, at.ring.origin(), text});
        }
        bell_.raise();
    }

    // ---- inotify ---------------------------------------------------------------------------------------------------

#if defined(__linux__)
    // True when it watches something else than before.
    bool establish(post& at) {
        if (notify_ < 0) return false;
        const std::string& path = at.ring.origin();
        constexpr std::uint32_t names = IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE | IN_ATTRIB;
        constexpr std::uint32_t how = names | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD;
        const auto watch = [&](const std::string& folder) { return ::inotify_add_watch(notify_, folder.c_str(), how); };
        struct ::stat found {};
        const bool itself = ::lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
        const int folder = keyring_access::place(at.ring).single ? -1 : watch(path);
        // A link can be exchanged, a file replaced, and what is gone can come back.
        const int parent = itself ? -1 : watch(path.substr(0, path.rfind('/') + 1));
        if (folder == at.folder && parent == at.parent) return false;
        const int former[] = {std::exchange(at.folder, folder), std::exchange(at.parent, parent)};
        for (const int number : former) drop_watch(number);
        return true;
    }
    // Two rings may watch one directory, which has one number.
    void drop_watch(int number) noexcept {
        const auto uses = [&](const post& each) { return each.folder == number || each.parent == number; };
        if (number >= 0 && posts_.find(uses) == nullptr) ::inotify_rm_watch(notify_, number);
    }
    void drop_watches(post& at) noexcept {
        const int former[] = {std::exchange(at.folder, -1), std::exchange(at.parent, -1)};
        for (const int number : former) drop_watch(number);
    }
    void read_notices() noexcept {
        alignas(inotify_event) char buffer[4096];
        const auto now = clock::now();
        for (int times = 0; times != 64; ++times) {
            const auto got = ::read(notify_, buffer, sizeof buffer);
            if (got <= 0) return;
            for (const char* from = buffer; from < buffer + got;) {
                const auto& said = *reinterpret_cast<const inotify_event*>(from);
                from += sizeof said + said.len;
                const std::string_view name{said.len == 0 ? "" : said.name};
                for (post& each : posts_)
                    if (concerns(each, said, name)) hint(each, now);
            }
        }
    }
    static bool concerns(const post& at, const inotify_event& said, std::string_view name) noexcept {
        if ((said.mask & IN_Q_OVERFLOW) != 0) return true; // some were lost
        const std::string_view path{at.ring.origin()};
        if (said.wd == at.parent && name == path.substr(path.rfind('/') + 1)) return true;
        if (said.wd != at.folder) return false;
        return name.empty() || name == "..data" || name == confirm_file || name.ends_with(".key") ||
               name.ends_with(".key_secret") || name.ends_with(".key_sealed");
    }
#else
    bool establish(post&) noexcept { return false; }
    void drop_watches(post&) noexcept {}
    void read_notices() noexcept {}
#endif

    wake& bell_;
    const ring_pace pace_;
    std::atomic<bool> stop_{false};
    std::optional<wake> own_;
    int notify_ = -1;

    std::mutex lock_; // guards what follows, up to the blank line
    row<followed> followed_;
    row<ring_finding> findings_;

    row<post> posts_; // the thread's only
    background_thread thread_;
};

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Which descriptors system/runtime.hpp acts on, and what it counts of them. Layer: detail.
///
/// The sentry writes here which listeners and connections are libzmq's; the executable's recv() and accept4() read it.
/// Every other descriptor passes through untouched, also one that has the number of a connection that was: what is done to
/// a descriptor beyond counting is done only after the kernel has confirmed (SO_COOKIE) that it is the one registered.
///
/// Nothing here takes effect by itself: without system/runtime.hpp nobody asks. Linux only; elsewhere nothing registers.

#include <ironhouse/detail/abi.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#if defined(__linux__)
#include <cstring>
#include <new>

#include <ironhouse/detail/kernel_socket.hpp>

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

struct sockaddr;

namespace ironhouse::inline IRONHOUSE_ABI::detail {

inline constexpr std::uint64_t runtime_unlimited = ~std::uint64_t{0};

/// A connection that stands at a watched listener. libzmq has not seen it yet.
struct runtime_newcomer {
    int listener = -1;
    int fd = -1;
    std::uint64_t generation = 0; ///< 0: it could not be registered, and will be neither counted nor limited
    const ::sockaddr* from = nullptr;
    std::size_t from_size = 0;
};

/// Who is asked. Both are called on one of libzmq's threads and must not block; neither may register or forget the descriptor
/// that it is called for.
struct runtime_watcher {
    void* who = nullptr;
    /// False: the newcomer is closed, and libzmq never sees it. None: everybody is let in.
    bool (*admit)(void* who, const runtime_newcomer& newcomer) noexcept = nullptr;
    /// The allowance is used up, and libzmq asks for more. How many bytes it may have; 0 ends the connection. None: it ends.
    std::uint64_t (*used_up)(void* who, int fd, std::uint64_t generation) noexcept = nullptr;
    /// What a connection may bring before anybody is asked.
    std::uint64_t first_allowance = runtime_unlimited;
};

/// What is known of a registered connection.
struct runtime_counts {
    std::uint64_t received = 0; ///< bytes that recv() has handed to libzmq
    std::uint64_t allowed = 0;  ///< as many as it may be by now
    std::uint64_t frames = 0;   ///< headers of frames among them, the handshake's included
    bool cut = false;
};

/// Counts frames from a connection's first byte on. Their headers are in the clear under CURVE too.
///
/// After ZMTP 3 and 2 exactly. Of ZMTP 1, which no socket with an authenticator speaks, it says the most there can be.
class frame_counter {
public:
    /// Takes what was received next; returns how many frames began in it.
    std::uint64_t take(const unsigned char* at, std::size_t size) noexcept {
        const unsigned char* const end = at + size;
        std::uint64_t began = 0;
        while (at != end) {
            switch (now_) {
            case part::greeting:
                if (greet(*at))
                    ++at;
                else
                    odd_ = filled_; // what was taken for a greeting was frames
                break;
            case part::flags:
                long_ = (*at++ & 2U) != 0;
                left_ = 0;
                filled_ = 0;
                now_ = part::length;
                break;
            case part::length:
                left_ = left_ << 8 | *at++;
                if (++filled_ != (long_ ? 8 : 1)) break;
                ++began;
                now_ = left_ != 0 ? part::body : part::flags;
                break;
            case part::body: {
                const auto here = std::min<std::uint64_t>(left_, static_cast<std::uint64_t>(end - at));
                at += here;
                left_ -= here;
                if (left_ == 0) now_ = part::flags;
                break;
            }
            case part::unframed: // at least two bytes each
                odd_ += static_cast<std::uint64_t>(end - at);
                began += odd_ / 2;
                odd_ %= 2;
                at = end;
                break;
            }
        }
        return began;
    }

private:
    enum class part : std::uint8_t { greeting, flags, length, body, unframed };

    // False when this is no greeting of ZMTP 2 or 3.
    bool greet(unsigned char next) noexcept {
        constexpr std::uint8_t flags_at = 9, revision_at = 10, zmtp2_ends = 12, zmtp3_ends = 64;
        const bool old = (filled_ == 0 && next != 0xFF) || (filled_ == flags_at && (next & 1U) == 0) ||
                         (filled_ == revision_at && next == 0);
        if (old) {
            now_ = part::unframed;
            return false;
        }
        if (filled_ == revision_at) revision_1_ = next == 1;
        ++filled_;
        if (filled_ == (filled_ > revision_at && revision_1_ ? zmtp2_ends : zmtp3_ends)) now_ = part::flags;
        return true;
    }

    std::uint64_t left_ = 0; // of the length while it is read, and of the body
    std::uint64_t odd_ = 0;
    std::uint8_t filled_ = 0;
    part now_ = part::greeting;
    bool long_ = false, revision_1_ = false;
};

#if defined(__linux__)

/// One descriptor's entry. Two cache lines, the first of which is all that recv() needs.
struct alignas(64) runtime_slot {
    enum kind : std::uint64_t { nobody = 0, listener = 1, connection = 2, cut = 3 };

    std::atomic<std::uint64_t> state{0}; // generation << 2 | kind
    std::atomic<std::uint64_t> received{0};
    std::atomic<std::uint64_t> allowed{0};
    std::atomic<std::uint64_t> frames{0};
    frame_counter parser; // the receiving thread's
    alignas(64) std::uint64_t cookie = 0;
    runtime_watcher watcher;
    std::atomic<std::uint32_t> inside{0}; // callbacks and countings that go on for this slot
    std::atomic<bool> changing{false};

    [[nodiscard]] static constexpr std::uint64_t generation_in(std::uint64_t state) noexcept { return state >> 2; }
    [[nodiscard]] static constexpr kind kind_in(std::uint64_t state) noexcept { return static_cast<kind>(state & 3); }
};
static_assert(sizeof(runtime_slot) == 128);

/// All of them. No allocation and no lock where messages are received; slots come in pages, when a descriptor is registered.
class runtime_registry {
public:
    static constexpr std::size_t per_chunk = 256,
                                 chunks = 4'096; // a million descriptors, as many as Linux gives by default

    /// The slot of a descriptor, if its chunk was ever needed.
    [[nodiscard]] runtime_slot* find(int fd) noexcept {
        const auto at = static_cast<unsigned>(fd);
        if (at >= per_chunk * chunks) return nullptr;
        runtime_slot* const chunk = chunks_[at / per_chunk].load(std::memory_order_acquire);
        return chunk == nullptr ? nullptr : chunk + at % per_chunk;
    }
    /// The slot of a descriptor; null when there is no memory for it, or the number is beyond all bounds.
    [[nodiscard]] runtime_slot* make(int fd) noexcept {
        const auto at = static_cast<unsigned>(fd);
        if (at >= per_chunk * chunks) return nullptr;
        if (runtime_slot* const there = find(fd)) return there;
        static const bool watching = ::pthread_atfork(nullptr, nullptr, [] { forget_all(); }) == 0;
        if (!watching) return nullptr;
        constexpr std::size_t size = per_chunk * sizeof(runtime_slot);
        void* const pages = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED) return nullptr;
        auto* const fresh = static_cast<runtime_slot*>(pages);
        for (std::size_t i = 0; i != per_chunk; ++i) ::new (static_cast<void*>(fresh + i)) runtime_slot;
        runtime_slot* before = nullptr;
        if (!chunks_[at / per_chunk].compare_exchange_strong(before, fresh, std::memory_order_acq_rel)) {
            ::munmap(pages, size); // somebody else was first
            return before + at % per_chunk;
        }
        return fresh + at % per_chunk;
    }

    /// Registers a descriptor, whatever its number stood for before. 0 when that is impossible.
    std::uint64_t begin(int fd, runtime_slot::kind what, const runtime_watcher& asked) noexcept {
        const int kept = errno;
        const std::uint64_t cookie = cookie_of(fd);
        runtime_slot* const slot = cookie == 0 ? nullptr : make(fd);
        errno = kept;
        if (slot == nullptr) return 0;
        const std::uint64_t generation = next_.fetch_add(1, std::memory_order_relaxed) + 1;
        const writer only{*slot};
        slot->state.store(runtime_slot::nobody);
        wait_for_callbacks(*slot);
        slot->cookie = cookie;
        slot->watcher = asked;
        slot->parser = {};
        slot->received.store(0, std::memory_order_relaxed);
        slot->allowed.store(asked.first_allowance, std::memory_order_relaxed);
        slot->frames.store(0, std::memory_order_relaxed);
        slot->state.store(generation << 2 | what);
        return generation;
    }
    /// Forgets a descriptor, unless its number stands for another by now. No callback for it runs when this returns.
    void forget(int fd, std::uint64_t generation) noexcept {
        runtime_slot* const slot = find(fd);
        if (slot == nullptr) return;
        const writer only{*slot};
        drop(*slot, generation);
        wait_for_callbacks(*slot);
    }
    /// The same from inside a callback's guard, and when the number was found to stand for another.
    static void drop(runtime_slot& slot, std::uint64_t generation) noexcept {
        std::uint64_t held = slot.state.load();
        while (held != 0 && runtime_slot::generation_in(held) == generation &&
               !slot.state.compare_exchange_weak(held, runtime_slot::nobody)) {}
    }
    /// The slot, if it still stands for that connection.
    [[nodiscard]] runtime_slot* connection(int fd, std::uint64_t generation) noexcept {
        runtime_slot* const slot = find(fd);
        if (slot == nullptr || generation == 0) return nullptr;
        const std::uint64_t state = slot->state.load(std::memory_order_acquire);
        return runtime_slot::generation_in(state) == generation && (state & 2) != 0 ? slot : nullptr;
    }

private:
    // Those who register and forget; those who receive do not wait for them.
    class writer {
    public:
        explicit writer(runtime_slot& of) noexcept : of_{of} {
            while (of_.changing.exchange(true, std::memory_order_acquire)) ::sched_yield();
        }
        ~writer() { of_.changing.store(false, std::memory_order_release); }
        writer(const writer&) = delete;
        writer& operator=(const writer&) = delete;

    private:
        runtime_slot& of_;
    };
    static void wait_for_callbacks(const runtime_slot& slot) noexcept {
        while (slot.inside.load() != 0) ::sched_yield();
    }
    // A forked child has none of its parent's sockets, and none of its threads. It may open its own.
    static void forget_all() noexcept;

    std::atomic<runtime_slot*> chunks_[chunks]{};
    std::atomic<std::uint64_t> next_{0};
};

constinit inline runtime_registry runtime_registered;

inline void runtime_registry::forget_all() noexcept {
    for (auto& chunk : runtime_registered.chunks_)
        if (void* const pages = chunk.exchange(nullptr, std::memory_order_relaxed))
            ::munmap(pages, per_chunk * sizeof(runtime_slot));
}

/// Keeps a slot from being given to another descriptor while its watcher is asked, and while it counts.
class runtime_visit {
public:
    runtime_visit(runtime_slot& slot, std::uint64_t state) noexcept : slot_{slot} {
        slot_.inside.fetch_add(1);
        valid_ = slot_.state.load() == state;
    }
    ~runtime_visit() { slot_.inside.fetch_sub(1); }
    runtime_visit(const runtime_visit&) = delete;
    runtime_visit& operator=(const runtime_visit&) = delete;
    [[nodiscard]] bool valid() const noexcept { return valid_; }

private:
    runtime_slot& slot_;
    bool valid_ = false;
};

/// The way past the allowance: how many of `size` bytes may be received now, 0 for the end of the stream. `state` becomes 0
/// when the descriptor turns out to be somebody else's.
[[gnu::noinline, gnu::cold]] inline std::size_t runtime_room(runtime_slot& slot, std::uint64_t& state, int fd,
                                                             std::size_t size) noexcept {
    const int kept = errno;
    const std::uint64_t generation = runtime_slot::generation_in(state);
    const runtime_visit visit{slot, state};
    const bool ours = visit.valid() && cookie_of(fd) == slot.cookie;
    errno = kept;
    if (!ours) {
        if (visit.valid()) runtime_registry::drop(slot, generation);
        state = 0;
        return size;
    }
    if (runtime_slot::kind_in(state) == runtime_slot::cut) return 0;
    const std::uint64_t received = slot.received.load(std::memory_order_relaxed);
    std::uint64_t allowed = slot.allowed.load(std::memory_order_acquire);
    if (allowed <= received) {
        const auto more = slot.watcher.used_up == nullptr ? 0 : slot.watcher.used_up(slot.watcher.who, fd, generation);
        errno = kept;
        allowed = slot.allowed.load(std::memory_order_acquire); // it may have called runtime_grant()
        if (more == 0 && allowed <= received) {
            slot.state.compare_exchange_strong(state, generation << 2 | runtime_slot::cut);
            return 0;
        }
        while (!slot.allowed.compare_exchange_weak(allowed, more > runtime_unlimited - allowed ? runtime_unlimited
                                                                                               : allowed + more)) {}
        allowed = slot.allowed.load(std::memory_order_acquire);
    }
    // A limit set meanwhile may be below what has come by now: a byte then, and the question once more.
    return static_cast<std::size_t>(std::min<std::uint64_t>(size, allowed > received ? allowed - received : 1));
}

/// recv() of the executable: `real` is the C library's.
template <class Real>::ssize_t runtime_receive(int fd, void* buffer, std::size_t size, int flags, Real real) {
    runtime_slot* const slot = runtime_registered.find(fd);
    if (slot == nullptr) [[likely]]
        return real(size);
    std::uint64_t state = slot->state.load(std::memory_order_acquire);
    if ((state & 2) == 0 || (flags & MSG_PEEK) != 0 || size == 0) return real(size);
    const std::uint64_t before = slot->received.load(std::memory_order_relaxed);
    const std::uint64_t allowed = slot->allowed.load(std::memory_order_acquire);
    if (runtime_slot::kind_in(state) != runtime_slot::connection || allowed < before || allowed - before < size)
        [[unlikely]] {
        size = runtime_room(*slot, state, fd, size);
        if (size == 0) return 0;
        if (state == 0) return real(size);
    }
    const ::ssize_t got = real(size);
    if (got <= 0) return got;
    // It may have been forgotten while this call waited, and the number registered anew.
    const runtime_visit visit{*slot, state};
    if (!visit.valid()) return got;
    slot->received.store(before + static_cast<std::uint64_t>(got), std::memory_order_release);
    if ((flags & MSG_TRUNC) != 0) return got; // nothing was written into the buffer
    const auto began = slot->parser.take(static_cast<const unsigned char*>(buffer), static_cast<std::size_t>(got));
    if (began != 0) slot->frames.store(slot->frames.load(std::memory_order_relaxed) + began, std::memory_order_relaxed);
    return got;
}

/// accept() and accept4() of the executable.
template <class Real> int runtime_accept(int fd, ::sockaddr* address, ::socklen_t* address_size, Real real) {
    runtime_slot* const slot = runtime_registered.find(fd);
    const std::uint64_t state = slot == nullptr ? 0 : slot->state.load(std::memory_order_acquire);
    if (runtime_slot::kind_in(state) != runtime_slot::listener) [[likely]]
        return real(address, address_size);
    const int kept = errno;
    bool ours = false;
    runtime_watcher asked;
    {
        const runtime_visit visit{*slot, state};
        ours = visit.valid() && cookie_of(fd) == slot->cookie;
        if (visit.valid() && !ours) runtime_registry::drop(*slot, runtime_slot::generation_in(state));
    }
    errno = kept;
    if (!ours) return real(address, address_size);
    ::sockaddr_storage from{};
    ::socklen_t from_size = sizeof from;
    const int made = real(reinterpret_cast<::sockaddr*>(&from), &from_size);
    if (made < 0) return made;
    const runtime_visit visit{*slot, state};
    if (visit.valid()) {
        asked = slot->watcher;
        const std::uint64_t generation = runtime_registered.begin(made, runtime_slot::connection, asked);
        if (asked.admit != nullptr &&
            !asked.admit(asked.who, {fd, made, generation, reinterpret_cast<const ::sockaddr*>(&from), from_size})) {
            if (generation != 0) runtime_registered.forget(made, generation);
            ::close(made);
            errno = ECONNABORTED; // libzmq takes it for a peer that has changed its mind
            return -1;
        }
    }
    if (address != nullptr && address_size != nullptr) {
        std::memcpy(address, &from, std::min<std::size_t>(*address_size, from_size));
        *address_size = from_size;
    }
    errno = kept;
    return made;
}

// ---- for the sentry ----------------------------------------------------------------------------------------------------

/// From now on accept4() asks `asked` about everybody who comes to this listener, and registers who is let in.
/// Returns what to forget it by; 0 when that is impossible.
[[nodiscard]] inline std::uint64_t watch_listener(int fd, const runtime_watcher& asked) noexcept {
    return runtime_registered.begin(fd, runtime_slot::listener, asked);
}
/// No callback of that listener runs when this returns. To be called without a lock that a callback takes.
inline void forget_listener(int fd, std::uint64_t generation) noexcept { runtime_registered.forget(fd, generation); }

/// Registers a connection that was not accepted (a connecting socket's). Counts from here on, and frames only if nothing was
/// received yet.
[[nodiscard]] inline std::uint64_t watch_connection(int fd, const runtime_watcher& asked) noexcept {
    return runtime_registered.begin(fd, runtime_slot::connection, asked);
}
inline void forget_connection(int fd, std::uint64_t generation) noexcept { runtime_registered.forget(fd, generation); }

/// The generation of the connection of that number, if it is the one with that cookie; 0 otherwise.
[[nodiscard]] inline std::uint64_t runtime_generation(int fd, std::uint64_t cookie) noexcept {
    runtime_slot* const slot = runtime_registered.find(fd);
    if (slot == nullptr || cookie == 0) return 0;
    const std::uint64_t state = slot->state.load();
    if ((state & 2) == 0) return 0;
    const runtime_visit visit{*slot, state};
    return visit.valid() && slot->cookie == cookie ? runtime_slot::generation_in(state) : 0;
}
/// False when that connection is forgotten, or its number another's by now.
[[nodiscard]] inline bool runtime_look_up(int fd, std::uint64_t generation, runtime_counts& into) noexcept {
    const runtime_slot* const slot = runtime_registered.connection(fd, generation);
    if (slot == nullptr) return false;
    runtime_counts seen;
    seen.received = slot->received.load(std::memory_order_acquire);
    seen.allowed = slot->allowed.load(std::memory_order_relaxed);
    seen.frames = slot->frames.load(std::memory_order_relaxed);
    const std::uint64_t state = slot->state.load(std::memory_order_acquire);
    if (runtime_slot::generation_in(state) != generation) return false;
    seen.cut = runtime_slot::kind_in(state) == runtime_slot::cut;
    into = seen;
    return true;
}
/// So many bytes more; runtime_unlimited lifts the limit. False when there is no such connection.
inline bool runtime_grant(int fd, std::uint64_t generation, std::uint64_t bytes) noexcept {
    runtime_slot* const slot = runtime_registered.connection(fd, generation);
    if (slot == nullptr) return false;
    const runtime_visit visit{*slot, slot->state.load()}; // begin() waits for this
    if (runtime_registered.connection(fd, generation) == nullptr) return false;
    std::uint64_t held = slot->allowed.load();
    while (!slot->allowed.compare_exchange_weak(held,
                                                bytes > runtime_unlimited - held ? runtime_unlimited : held + bytes)) {}
    return true;
}
/// So many bytes more than it has received by now, whatever it was allowed before. False when there is no such connection.
inline bool runtime_limit(int fd, std::uint64_t generation, std::uint64_t bytes) noexcept {
    runtime_slot* const slot = runtime_registered.connection(fd, generation);
    if (slot == nullptr) return false;
    const runtime_visit visit{*slot, slot->state.load()}; // begin() waits for this
    if (runtime_registered.connection(fd, generation) == nullptr) return false;
    const std::uint64_t received = slot->received.load(std::memory_order_acquire);
    slot->allowed.store(bytes > runtime_unlimited - received ? runtime_unlimited : received + bytes);
    return true;
}
/// The next recv() says that the stream has ended. libzmq learns of it when something comes in: hang up as well.
inline bool runtime_cut(int fd, std::uint64_t generation) noexcept {
    runtime_slot* const slot = runtime_registered.find(fd);
    if (slot == nullptr || generation == 0) return false;
    std::uint64_t held = generation << 2 | runtime_slot::connection;
    return slot->state.compare_exchange_strong(held, generation << 2 | runtime_slot::cut);
}

#else // no Linux: nothing registers, and runtime_in_effect() says so

[[nodiscard]] inline std::uint64_t watch_listener(int, const runtime_watcher&) noexcept { return 0; }
inline void forget_listener(int, std::uint64_t) noexcept {}
[[nodiscard]] inline std::uint64_t watch_connection(int, const runtime_watcher&) noexcept { return 0; }
inline void forget_connection(int, std::uint64_t) noexcept {}
[[nodiscard]] inline std::uint64_t runtime_generation(int, std::uint64_t) noexcept { return 0; }
[[nodiscard]] inline bool runtime_look_up(int, std::uint64_t, runtime_counts&) noexcept { return false; }
inline bool runtime_grant(int, std::uint64_t, std::uint64_t) noexcept { return false; }
inline bool runtime_limit(int, std::uint64_t, std::uint64_t) noexcept { return false; }
inline bool runtime_cut(int, std::uint64_t) noexcept { return false; }

#endif

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

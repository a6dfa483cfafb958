// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Makes the executable itself part of the defence: memory is wiped when it is released, and libzmq receives and accepts
/// through the guard. To be included in exactly one source file of an executable. Layer: system.
///
/// It defines, for the whole process:
///   operator new, all forms       the nothrow ones, which are libzmq's, fill what they give with random bytes
///   operator delete, all forms    overwrite what they take
///   recv, accept, accept4         act on the descriptors that a context has registered, and pass everything else through
///
/// Linked twice, the linker says `multiple definition of ironhouse_runtime_is_included_in_more_than_one_source_file`.
/// Under Address-, Memory- and ThreadSanitizer, which define the same functions, and where there is no Linux with glibc, it is
/// off. `context` reports reason::runtime_not_in_effect then, and also where libzmq does not find these functions.
///
/// \threads  Any.
/// \secrets  What operator new gave is zero once released; what malloc gave (message bodies) is not.
/// \maps     none: it stands below libzmq.

#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/runtime_check.hpp>
#include <ironhouse/detail/runtime_registry.hpp>

#if defined(__SANITIZE_ADDRESS__)
#define IRONHOUSE_RUNTIME_OFF "it is off under AddressSanitizer"
#elif defined(__SANITIZE_THREAD__)
#define IRONHOUSE_RUNTIME_OFF "it is off under ThreadSanitizer"
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IRONHOUSE_RUNTIME_OFF "it is off under AddressSanitizer"
#elif __has_feature(thread_sanitizer)
#define IRONHOUSE_RUNTIME_OFF "it is off under ThreadSanitizer"
#elif __has_feature(memory_sanitizer)
#define IRONHOUSE_RUNTIME_OFF "it is off under MemorySanitizer"
#endif
#endif
#if !defined(IRONHOUSE_RUNTIME_OFF) && defined(__linux__) && !defined(__GLIBC__)
#define IRONHOUSE_RUNTIME_OFF "it is written for glibc, and this is another C library"
#endif

#if !defined(IRONHOUSE_RUNTIME_OFF) && defined(__linux__)

#include <atomic>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include <dlfcn.h>
#include <malloc.h>
#include <sodium/core.h>
#include <sodium/randombytes.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

// ---- memory ------------------------------------------------------------------------------------------------------------

/// Fills memory with what nobody outside the process can predict: xoshiro256++, seeded by libsodium per thread, and again
/// after every 64 KiB, so that fillings which leaked say little about later ones. Not for keys.
class memory_filler {
public:
    void fill(void* at, std::size_t size) noexcept {
        if (left_ < size) seed();
        left_ -= size < left_ ? size : left_;
        auto* to = static_cast<unsigned char*>(at);
        for (; size >= sizeof(std::uint64_t); size -= sizeof(std::uint64_t), to += sizeof(std::uint64_t)) {
            const std::uint64_t word = next();
            std::memcpy(to, &word, sizeof word);
        }
        const std::uint64_t word = next();
        std::memcpy(to, &word, size);
    }

private:
    [[gnu::noinline, gnu::cold]] void seed() noexcept {
        const int kept = errno;
        // It takes no memory from here. Before main() nobody may have started it.
        if (::sodium_init() < 0) std::abort();
        ::randombytes_buf(state_, sizeof state_);
        errno = kept;
        left_ = 64 * 1024;
    }
    std::uint64_t next() noexcept {
        const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
        const std::uint64_t shifted = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = std::rotl(state_[3], 45);
        return result;
    }

    std::uint64_t state_[4] = {};
    std::size_t left_ = 0; // bytes until the next seed
};

inline constinit thread_local memory_filler filler;

inline void* take_memory(std::size_t size, std::size_t alignment) noexcept {
    if (size == 0) size = 1;
    if (alignment <= alignof(std::max_align_t)) return std::malloc(size);
    void* got = nullptr;
    return ::posix_memalign(&got, alignment, size) == 0 ? got : nullptr;
}
inline void* take_memory_or_throw(std::size_t size, std::size_t alignment) {
    for (;;) {
        if (void* const got = take_memory(size, alignment)) [[likely]]
            return got;
        const std::new_handler handler = std::get_new_handler();
        if (handler == nullptr) throw std::bad_alloc{};
        handler();
    }
}
inline void* take_filled_memory(std::size_t size, std::size_t alignment) noexcept {
    void* got = nullptr;
    try {
        got = take_memory_or_throw(size, alignment);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
    filler.fill(got, size);
    return got;
}

/// Overwrites all of a block, also what was never asked for. The pages of a large one go back to the system instead: those it
/// never touched stay untouched.
inline void give_memory(void* block) noexcept {
    if (block == nullptr) return;
    constexpr std::size_t large = 1024 * 1024;
    std::size_t size = ::malloc_usable_size(block);
    auto* from = static_cast<unsigned char*>(block);
    if (size >= large) [[unlikely]] {
        const int kept = errno;
        const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        const std::size_t head = (page - reinterpret_cast<std::uintptr_t>(from) % page) % page;
        const std::size_t whole = (size - head) / page * page;
        if (::madvise(from + head, whole, MADV_DONTNEED) == 0) { // refused for locked memory, and huge pages
            std::memset(from, 0, head);
            from += head + whole;
            size -= head + whole;
        }
        errno = kept;
    }
    std::memset(from, 0, size);
    __asm__ __volatile__("" : : "r"(from), "r"(block) : "memory"); // it is read by nobody, and still to be done
    std::free(block);
}

// ---- sockets -----------------------------------------------------------------------------------------------------------

/// The function that this executable's own hides. Found before main(), or on first use if that is earlier.
template <class Function> class next_function {
public:
    constexpr explicit next_function(const char* name) noexcept : name_{name} {}
    [[nodiscard]] Function* get() noexcept {
        if (Function* const known = found_.load(std::memory_order_relaxed)) [[likely]]
            return known;
        const int kept = errno;
        auto* const found = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name_));
        errno = kept;
        found_.store(found, std::memory_order_relaxed);
        return found; // null in a program without dynamic libraries
    }

private:
    const char* name_;
    std::atomic<Function*> found_{nullptr};
};

using recv_function = ::ssize_t(int, void*, std::size_t, int);
using accept4_function = int(int, ::sockaddr*, ::socklen_t*, int);

inline constinit next_function<recv_function> next_recv{"recv"};
inline constinit next_function<accept4_function> next_accept4{"accept4"};
inline const bool next_functions_found = next_recv.get() != nullptr && next_accept4.get() != nullptr;

inline ::ssize_t runtime_recv(int fd, void* buffer, std::size_t size, int flags) {
    return runtime_receive(fd, buffer, size, flags, [=](std::size_t room) -> ::ssize_t {
        if (recv_function* const real = next_recv.get()) return real(fd, buffer, room, flags);
        return ::recvfrom(fd, buffer, room, flags, nullptr, nullptr);
    });
}
inline int runtime_accept4(int fd, ::sockaddr* address, ::socklen_t* size, int flags) {
    return runtime_accept(fd, address, size, [=](::sockaddr* from, ::socklen_t* from_size) -> int {
        if (accept4_function* const real = next_accept4.get()) return real(fd, from, from_size, flags);
        return static_cast<int>(::syscall(SYS_accept4, fd, from, from_size, flags));
    });
}

/// Whether libraries that release memory find our operator delete.
inline bool runtime_wipes() noexcept;

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

// NOLINTBEGIN(misc-definitions-in-headers): that there can be only one is the point

// In two source files of a program, the linker says this name. Alone it means nothing.
extern "C" const int ironhouse_runtime_is_included_in_more_than_one_source_file;
extern "C" [[gnu::visibility("default")]] const int ironhouse_runtime_is_included_in_more_than_one_source_file = 1;

extern "C" const ironhouse::detail::runtime_card ironhouse_runtime_card{nullptr, &ironhouse::detail::runtime_wipes};

// ---- what the executable now brings itself -----------------------------------------------------------------------------

// Not inlined: tools such as valgrind replace these functions, and would otherwise see halves of pairs.

[[gnu::noinline]] void* operator new(std::size_t size) { return ironhouse::detail::take_memory_or_throw(size, 0); }
[[gnu::noinline]] void* operator new[](std::size_t size) { return ironhouse::detail::take_memory_or_throw(size, 0); }
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
    return ironhouse::detail::take_memory_or_throw(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void* operator new[](std::size_t size, std::align_val_t alignment) {
    return ironhouse::detail::take_memory_or_throw(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return ironhouse::detail::take_filled_memory(size, 0);
}
[[gnu::noinline]] void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return ironhouse::detail::take_filled_memory(size, 0);
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return ironhouse::detail::take_filled_memory(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return ironhouse::detail::take_filled_memory(size, static_cast<std::size_t>(alignment));
}

[[gnu::noinline]] void operator delete(void* block) noexcept { ironhouse::detail::give_memory(block); }
[[gnu::noinline]] void operator delete[](void* block) noexcept { ironhouse::detail::give_memory(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept { ironhouse::detail::give_memory(block); }
[[gnu::noinline]] void operator delete[](void* block, std::size_t) noexcept { ironhouse::detail::give_memory(block); }
[[gnu::noinline]] void operator delete(void* block, const std::nothrow_t&) noexcept {
    ironhouse::detail::give_memory(block);
}
[[gnu::noinline]] void operator delete[](void* block, const std::nothrow_t&) noexcept {
    ironhouse::detail::give_memory(block);
}
[[gnu::noinline]] void operator delete(void* block, std::align_val_t) noexcept {
    ironhouse::detail::give_memory(block);
}
[[gnu::noinline]] void operator delete[](void* block, std::align_val_t) noexcept {
    ironhouse::detail::give_memory(block);
}
[[gnu::noinline]] void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
    ironhouse::detail::give_memory(block);
}
[[gnu::noinline]] void operator delete[](void* block, std::size_t, std::align_val_t) noexcept {
    ironhouse::detail::give_memory(block);
}
[[gnu::noinline]] void operator delete(void* block, std::align_val_t, const std::nothrow_t&) noexcept {
    ironhouse::detail::give_memory(block);
}
[[gnu::noinline]] void operator delete[](void* block, std::align_val_t, const std::nothrow_t&) noexcept {
    ironhouse::detail::give_memory(block);
}

namespace ironhouse::inline IRONHOUSE_ABI::detail {

inline bool runtime_wipes() noexcept {
    void (*const ours)(void*) noexcept = &::operator delete;
    void* const found = ::dlsym(RTLD_DEFAULT, "_ZdlPv");
    return found == nullptr || found == reinterpret_cast<void*>(ours);
}

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

// By their names for the linker: <sys/socket.h> has definitions of its own under _FORTIFY_SOURCE.
extern "C" {
[[gnu::visibility("default")]] ::ssize_t ironhouse_recv(int, void*, std::size_t, int) __asm__("recv");
[[gnu::visibility("default")]] ::ssize_t ironhouse_recv_chk(int, void*, std::size_t, std::size_t,
                                                            int) __asm__("__recv_chk");
[[gnu::visibility("default")]] int ironhouse_accept(int, ::sockaddr*, ::socklen_t*) __asm__("accept");
[[gnu::visibility("default")]] int ironhouse_accept4(int, ::sockaddr*, ::socklen_t*, int) __asm__("accept4");

::ssize_t ironhouse_recv(int fd, void* buffer, std::size_t size, int flags) {
    return ironhouse::detail::runtime_recv(fd, buffer, size, flags);
}
// What libraries call that were compiled with _FORTIFY_SOURCE and know the size of the buffer.
::ssize_t ironhouse_recv_chk(int fd, void* buffer, std::size_t size, std::size_t room, int flags) {
    if (size > room) std::abort();
    return ironhouse::detail::runtime_recv(fd, buffer, size, flags);
}
int ironhouse_accept(int fd, ::sockaddr* address, ::socklen_t* size) {
    return ironhouse::detail::runtime_accept4(fd, address, size, 0);
}
int ironhouse_accept4(int fd, ::sockaddr* address, ::socklen_t* size, int flags) {
    return ironhouse::detail::runtime_accept4(fd, address, size, flags);
}
}

// NOLINTEND(misc-definitions-in-headers)

#elif defined(IRONHOUSE_RUNTIME_OFF) && defined(__linux__)

extern "C" const int ironhouse_runtime_is_included_in_more_than_one_source_file;
extern "C" [[gnu::visibility("default")]] const int ironhouse_runtime_is_included_in_more_than_one_source_file = 1;

extern "C" const ironhouse::detail::runtime_card ironhouse_runtime_card{IRONHOUSE_RUNTIME_OFF, nullptr};

#endif

#undef IRONHOUSE_RUNTIME_OFF

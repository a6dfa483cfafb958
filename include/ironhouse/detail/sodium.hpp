// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// libsodium, started once, and its guarded memory as an owner. Layer: detail.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/refuse.hpp>

#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>

#include <sodium/core.h>
#include <sodium/utils.h>
#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#endif

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// Starts libsodium on first use, from any thread; throws error::unavailable when it has no randomness to offer.
inline void init_sodium() {
    static const int started = ::sodium_init(); // 1 means that somebody else was first
    if (started < 0) refuse(error::unavailable, "start libsodium", {"it found no source of randomness"});
}

/// Overwrites the stack below the caller, where functions that have returned left what they computed.
inline void scrub_stack() noexcept { ::sodium_stackzero(16 * 1024); }

/// A base that names the rule in the compiler's message.
struct a_secret_is_never_copied {
    a_secret_is_never_copied() = default;
    a_secret_is_never_copied(a_secret_is_never_copied&&) = default;
    a_secret_is_never_copied& operator=(a_secret_is_never_copied&&) = default;
    a_secret_is_never_copied(const a_secret_is_never_copied&) = delete;
    a_secret_is_never_copied& operator=(const a_secret_is_never_copied&) = delete;

protected:
    ~a_secret_is_never_copied() = default;
};

/// Pages of their own with guard pages around them, out of core dumps, zeroed when released.
///
/// They are also locked into memory where RLIMIT_MEMLOCK permits. Where it does not the memory serves all the same, since
/// a service that cannot start protects nobody; locked() tells, and swap is the administrator's to encrypt.
class guarded_memory : a_secret_is_never_copied {
public:
    /// None at all; what a moved-from one is too.
    guarded_memory() noexcept = default;

    explicit guarded_memory(std::size_t size) : size_{size} {
        init_sodium();
        const int kept = errno;
        data_ = static_cast<unsigned char*>(::sodium_malloc(size));
        if (data_ == nullptr) {
            refuse(error::exhausted, "reserve guarded memory", {std::to_string(size), " bytes were refused"}, errno);
        }
        ::sodium_memzero(data_, size);
#if defined(__unix__) || defined(__APPLE__)
        locked_ = size > 0 && ::mlock(data_, size) == 0; // libsodium asked already and does not say what it was told
#endif
        errno = kept;
    }
    guarded_memory(guarded_memory&& other) noexcept
        : data_{std::exchange(other.data_, nullptr)}, size_{std::exchange(other.size_, 0)}, locked_{other.locked_} {}
    guarded_memory& operator=(guarded_memory&& other) noexcept {
        guarded_memory taken{std::move(other)};
        std::swap(data_, taken.data_);
        std::swap(size_, taken.size_);
        std::swap(locked_, taken.locked_);
        return *this;
    }
    guarded_memory(const guarded_memory&) = delete;
    guarded_memory& operator=(const guarded_memory&) = delete;
    ~guarded_memory() {
        const int kept = errno;
        ::sodium_free(data_); // zeroes, unlocks, unmaps; accepts nullptr and read-only memory
        errno = kept;
    }

    [[nodiscard]] unsigned char* data() noexcept { return data_; }
    [[nodiscard]] const unsigned char* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool locked() const noexcept { return locked_; }

    /// Read-only from here on; where the system refuses, the memory stays writable.
    void protect() noexcept {
        const int kept = errno;
        static_cast<void>(::sodium_mprotect_readonly(data_));
        errno = kept;
    }

private:
    unsigned char* data_ = nullptr;
    std::size_t size_ = 0;
    bool locked_ = false;
};

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A descriptor one thread waits on and another makes readable. Layer: detail.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/eventfd.h>
#endif

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// Level-triggered: readable from raise() until lower().
class wake {
public:
    wake() {
#if defined(__linux__)
        read_ = write_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (read_ < 0) throw error{error::exhausted, "open a wake descriptor", "the system refused it", errno};
#else
        int ends[2];
        if (::pipe(ends) != 0) throw error{error::exhausted, "open a wake pipe", "the system refused it", errno};
        read_ = ends[0];
        write_ = ends[1];
        for (const int end : ends) {
            ::fcntl(end, F_SETFL, O_NONBLOCK);
            ::fcntl(end, F_SETFD, FD_CLOEXEC);
        }
#endif
    }
    ~wake() {
        ::close(read_);
        if (write_ != read_) ::close(write_);
    }
    wake(const wake&) = delete;
    wake& operator=(const wake&) = delete;

    [[nodiscard]] int fd() const noexcept { return read_; }

    void raise() noexcept {
        const int kept = errno;
        const std::uint64_t one = 1;
        // A full pipe or counter is already readable, which is all that is asked.
        [[maybe_unused]] const auto written = ::write(write_, &one, sizeof one);
        errno = kept;
    }
    void lower() noexcept {
        const int kept = errno;
        std::uint64_t sink[8];
        while (::read(read_, sink, sizeof sink) == static_cast<ssize_t>(sizeof sink)) {}
        errno = kept;
    }

private:
    int read_ = -1;
    int write_ = -1;
};

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

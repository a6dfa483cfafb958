// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// One owner for one file descriptor. Test support.

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <unistd.h>

namespace wire {

/// The test itself could not be set up (no socket, no process): never the outcome of an attack.
class broken_setup : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
    broken_setup(const std::string& during, int code)
        : std::runtime_error{during + ": " + std::generic_category().message(code)} {}
};

class descriptor {
public:
    descriptor() noexcept = default;
    explicit descriptor(int fd) noexcept : fd_{fd} {}
    descriptor(descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    descriptor& operator=(descriptor&& other) noexcept {
        if (this != &other) {
            close();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    ~descriptor() { close(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] bool open() const noexcept { return fd_ >= 0; }

    void close() noexcept {
        if (fd_ < 0) return;
        const int kept = errno;
        ::close(std::exchange(fd_, -1));
        errno = kept;
    }

private:
    int fd_ = -1;
};

} // namespace wire

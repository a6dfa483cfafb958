// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What an ipc path must be before libzmq may bind it: libzmq deletes whatever lies there. Layer: detail.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

inline constexpr std::string_view ipc_prefix = "ipc://";

/// Whether the name lies in the file system at all: wildcards and Linux's abstract names do not.
[[nodiscard]] inline bool is_ipc_file(std::string_view text) noexcept {
    return text.starts_with(ipc_prefix) && text.size() > ipc_prefix.size() && text[ipc_prefix.size()] != '*' &&
           text[ipc_prefix.size()] != '@';
}

// A socket somebody listens on takes connections; one left over by a dead process refuses them.
[[nodiscard]] inline bool somebody_listens(const std::string& path) noexcept {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return true;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) return true;
    const bool refused = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
                         (errno == ECONNREFUSED || errno == ENOENT);
    ::close(probe);
    return !refused;
}

/// Refuses a path whose folder others may write to, and one where anything lies but a stale socket of ours.
/// \throws error::rejected
inline void require_safe_ipc_path(const char* endpoint) {
    if (!is_ipc_file(endpoint)) return;
    const std::string path{std::string_view{endpoint}.substr(ipc_prefix.size())};
    const std::string during = std::string{"bind "} + endpoint;
    const auto slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    struct stat seen {};
    if (::stat(folder.c_str(), &seen) != 0)
        throw error{error::rejected, during, "its folder cannot be examined", errno};
    if ((seen.st_mode & (S_IWGRP | S_IWOTH)) != 0 || (seen.st_uid != ::geteuid() && seen.st_uid != 0))
        throw error{
            error::rejected, during,
            "others may write to its folder; use one that only this user may write to, such as $XDG_RUNTIME_DIR"};
    if (::lstat(path.c_str(), &seen) != 0) {
        if (errno == ENOENT) return;
        throw error{error::rejected, during, "the path cannot be examined", errno};
    }
    if (!S_ISSOCK(seen.st_mode)) throw error{error::rejected, during, "something that is not a socket lies there"};
    if (seen.st_uid != ::geteuid()) throw error{error::rejected, during, "a socket of another user lies there"};
    if (somebody_listens(path)) throw error{error::rejected, during, "a socket that somebody listens on lies there"};
}

/// Takes the socket file away from everybody but its user, whatever the umask made of it.
inline void restrict_ipc_path(const std::string& endpoint) {
    if (!is_ipc_file(endpoint)) return;
    const std::string path = endpoint.substr(ipc_prefix.size());
    if (::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0)
        throw error{error::unavailable, "bind " + endpoint, "its mode cannot be set to 0600", errno};
}

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Key files: opened with the rule they must keep, written whole or not at all. Layer: detail.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/refuse.hpp>
#include <ironhouse/detail/sodium.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sodium/randombytes.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// Largest key, certificate or credential file.
inline constexpr std::size_t file_limit = 64 * 1024;

class descriptor {
public:
    explicit descriptor(int fd) noexcept : fd_{fd} {}
    descriptor(descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    descriptor& operator=(descriptor&&) = delete;
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() {
        const int kept = errno;
        if (fd_ >= 0) ::close(fd_);
        errno = kept;
    }
    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

private:
    int fd_;
};

// strerror_r has two signatures, told apart by what it returns.
inline std::string error_text(int failed, const char* buffer) {
    return failed == 0 ? std::string{buffer} : std::string{"unknown error"};
}
inline std::string error_text(const char* text, const char*) { return text; }
inline std::string system_text(int code) {
    char buffer[256] = "";
    return error_text(::strerror_r(code, buffer, sizeof buffer), buffer);
}

[[noreturn, gnu::cold]] inline void refuse_by_system(const std::string& during, const char* what, int code) {
    const bool short_of = code == EMFILE || code == ENFILE || code == ENOMEM || code == ENOSPC || code == EDQUOT;
    refuse(short_of ? error::exhausted : error::rejected, during, {what, ": ", system_text(code)}, code);
}

/// A path the system reads to the end as given; control characters would also forge lines in a log.
inline void require_path(const std::string& path, const std::string& operation) {
    const char* complaint = nullptr;
    if (path.empty()) complaint = "the path is empty";
    if (path.size() > 4095) complaint = "the path is longer than 4095 bytes";
    for (const char c : path) {
        const auto code = static_cast<unsigned char>(c);
        if (code < 0x20 || code == 0x7f) complaint = "the path holds a control character";
    }
    if (complaint != nullptr) refuse(error::misuse, operation, {complaint});
}

/// Whom a file is trusted from. Each looks at the opened file, never at the name again.
enum class file_rule : std::uint8_t {
    owner_only,  ///< A secret on disk: no link, ours or root's, nothing for group and others.
    credential,  ///< systemd's: no link, ours or root's, group may read (an ACL shows there), nothing for others.
    mounted,     ///< Kubernetes': links followed, ours or root's, group may read, nothing for others.
    public_text, ///< Public certificates: links followed, anybody reads, others must not write.
};

[[nodiscard]] inline std::string mode_text(::mode_t mode) {
    std::string text = "0000";
    for (std::size_t at = text.size(); at-- > 0; mode >>= 3) text[at] = static_cast<char>('0' + (mode & 7));
    return text;
}

inline void require_rule(const struct ::stat& found, file_rule rule, const std::string& during) {
    const auto no = [&](std::initializer_list<std::string_view> why) { refuse(error::rejected, during, why); };
    if (!S_ISREG(found.st_mode)) no({"not a regular file"});
    if (static_cast<std::uintmax_t>(found.st_size) > file_limit) {
        no({"the file has ", std::to_string(found.st_size), " bytes; at most 65536 are read"});
    }
    const std::string mode = mode_text(found.st_mode);
    if (rule == file_rule::public_text) {
        if ((found.st_mode & S_IWOTH) != 0) no({"every user of the machine may write the file (mode ", mode, ")"});
        return;
    }
    if (found.st_uid != ::geteuid() && found.st_uid != 0) {
        no({"the file belongs to user ", std::to_string(found.st_uid), ", neither to this process nor to root"});
    }
    if (rule == file_rule::owner_only) {
        if ((found.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
            no({"group or others have access to the file (mode ", mode, "); chmod 600 it"});
        }
        return;
    }
    if ((found.st_mode & S_IRWXO) != 0) {
        no({"every user of the machine has access to the file (mode ", mode, ")",
            rule == file_rule::mounted ? "; set defaultMode: 0440 (with fsGroup) or 0400 on the volume" : ""});
    }
    if ((found.st_mode & (S_IWGRP | S_IXGRP)) != 0) no({"its group may do more than read the file (mode ", mode, ")"});
}

/// Opens `name` under `directory` and checks what was opened. Does not wait for the other end of a FIFO.
[[nodiscard]] inline descriptor open_checked(int directory, const char* name, file_rule rule, const std::string& during,
                                             struct ::stat& found) {
    const bool follow = rule == file_rule::mounted || rule == file_rule::public_text;
    int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    if (!follow) flags |= O_NOFOLLOW;
    descriptor file{::openat(directory, name, flags)};
    const int code = errno;
    if (file.get() < 0) {
        if (!follow && code == ELOOP) refuse(error::rejected, during, {"a symbolic link is not followed here"}, code);
        refuse_by_system(during, "cannot open it", code);
    }
    if (::fstat(file.get(), &found) != 0) refuse_by_system(during, "cannot examine it", errno);
    require_rule(found, rule, during);
    return file;
}

/// Reads to the end, at most `room` bytes; more is refused, so the caller gives one byte more than it accepts.
[[nodiscard]] inline std::size_t read_whole(int file, unsigned char* into, std::size_t room,
                                            const std::string& during) {
    std::size_t filled = 0;
    for (;;) {
        const auto got = ::read(file, into + filled, room - filled);
        if (got < 0) {
            if (errno == EINTR) continue;
            refuse_by_system(during, "cannot read it", errno);
        }
        if (got == 0) return filled;
        filled += static_cast<std::size_t>(got);
        if (filled == room) refuse(error::rejected, during, {"the file grew while it was read"});
    }
}

/// "." and "..".
[[nodiscard]] constexpr bool is_dots(std::string_view name) noexcept {
    return name.size() <= 2 && name.find_first_not_of('.') == std::string_view::npos;
}

/// A path as the directory to open and the name in it.
struct split_path {
    std::string directory;
    std::string name;

    explicit split_path(const std::string& path, const std::string& during) {
        require_path(path, during);
        const auto slash = path.rfind('/');
        directory = slash == std::string::npos ? "." : path.substr(0, slash == 0 ? 1 : slash);
        name = slash == std::string::npos ? path : path.substr(slash + 1);
        if (name.empty() || is_dots(name)) {
            refuse(error::misuse, during, {"the path names a directory, not a file"});
        }
    }
};

/// A file being written beside its final name; gone again unless it was published.
class draft {
public:
    draft(int directory, const std::string& during) : directory_{directory} {
        unsigned char random[8];
        ::randombytes_buf(random, sizeof random);
        char hex[2 * sizeof random + 1];
        ::sodium_bin2hex(hex, sizeof hex, random, sizeof random);
        name_ = joined({".ironhouse-", hex, ".tmp"}); // a dot: no reader of a key directory takes it for a key
        fd_ = ::openat(directory_, name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd_ < 0) refuse_by_system(during, "cannot create a file beside it", errno);
    }
    draft(const draft&) = delete;
    draft& operator=(const draft&) = delete;
    ~draft() {
        const int kept = errno;
        if (fd_ >= 0) ::close(fd_);
        if (!name_.empty()) ::unlinkat(directory_, name_.c_str(), 0);
        errno = kept;
    }

    void fill(std::string_view text, ::mode_t mode, const std::string& during) {
        for (std::size_t at = 0; at < text.size();) {
            const auto put = ::write(fd_, text.data() + at, text.size() - at);
            if (put < 0 && errno != EINTR) refuse_by_system(during, "cannot write it", errno);
            if (put > 0) at += static_cast<std::size_t>(put);
        }
        if (::fchmod(fd_, mode) != 0) refuse_by_system(during, "cannot set its mode", errno); // whatever the umask is
        if (::fsync(fd_) != 0) refuse_by_system(during, "cannot bring it to the disk", errno);
    }

    /// Gives it its name, unless the name is taken.
    void publish(const char* final_name, const std::string& during) {
        if (!rename_to(final_name)) {
            const int code = errno;
            if (code == EEXIST) {
                refuse(error::rejected, during, {"the file exists already and is never overwritten"}, code);
            }
            refuse_by_system(during, "cannot give it its name", code);
        }
        name_.clear();
        if (::fsync(directory_) != 0 && errno != EINVAL) { // EINVAL: this file system has nothing to flush
            const int code = errno;
            ::unlinkat(directory_, final_name, 0);
            refuse_by_system(during, "cannot bring its directory to the disk", code);
        }
    }

private:
    [[nodiscard]] bool rename_to(const char* final_name) const noexcept {
#if defined(RENAME_NOREPLACE)
        if (::renameat2(directory_, name_.c_str(), directory_, final_name, RENAME_NOREPLACE) == 0) return true;
        if (errno != ENOSYS && errno != EINVAL) return false;
#endif
        // A link does not replace either; the second name goes.
        if (::linkat(directory_, name_.c_str(), directory_, final_name, 0) != 0) return false;
        ::unlinkat(directory_, name_.c_str(), 0);
        return true;
    }

    int directory_;
    int fd_ = -1;
    std::string name_;
};

/// Writes a new file: all of it, or nothing; never over another. On failure nothing is left behind.
inline void write_new_file(const std::string& path, std::string_view text, ::mode_t mode, const std::string& during) {
    init_sodium();
    const split_path at{path, during};
    const descriptor directory{::open(at.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (directory.get() < 0) refuse_by_system(during, "cannot open its directory", errno);
    draft file{directory.get(), during};
    file.fill(text, mode, during);
    file.publish(at.name.c_str(), during);
}

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Where secrets come from, each place with its own rule about owner and mode. Never the environment. Layer: keys.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/files.hpp>
#include <ironhouse/detail/refuse.hpp>
#include <ironhouse/detail/sodium.hpp>
#include <ironhouse/detail/z85.hpp>
#include <ironhouse/keys/secret_key.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace ironhouse::inline IRONHOUSE_ABI {

/// Holds secret text in guarded memory, at most 64 KiB; zeroed at the end, also on the way out of an exception.
///
/// \threads  Reading is safe from many threads; appending and moving are the owner's.
/// \secrets  Moved, never copied or printed.
class secret_text {
public:
    static constexpr std::size_t limit = detail::file_limit; ///< Most bytes: 64 KiB.

    secret_text() = default;
    /// Takes the memory over.
    /// \param other  Empty afterwards.
    secret_text(secret_text&& other) noexcept
        : memory_{std::move(other.memory_)}, size_{std::exchange(other.size_, 0)} {}
    /// Zeroes what it holds, and takes the memory over.
    /// \param other  Empty afterwards.
    /// \return       This text.
    secret_text& operator=(secret_text&& other) noexcept {
        memory_ = std::move(other.memory_);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }
    secret_text(const secret_text&) = delete;
    secret_text& operator=(const secret_text&) = delete;
    ~secret_text() = default;

    /// Adds to the end; what it had to leave behind while growing is zeroed.
    ///
    /// \param more  May be part of this very text.
    /// \throws      `error::rejected` above 64 KiB, `error::exhausted` without memory; the text so far is unchanged.
    void append(std::string_view more) {
        const detail::guarded_memory former = make_room(more.size());
        if (!more.empty()) std::memcpy(memory_.data() + size_, more.data(), more.size());
        size_ += more.size();
    }

    /// Length in bytes.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// The text; valid until the next change. Every use is a place to review.
    [[nodiscard]] std::string_view expose() const& noexcept {
        return {reinterpret_cast<const char*>(memory_.data()), size_};
    }
    std::string_view expose() && = delete;

    /// The text without the one newline at its end that editors and `echo` leave.
    [[nodiscard]] std::string_view expose_line() const& noexcept {
        std::string_view text = expose();
        if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
        return text;
    }
    std::string_view expose_line() && = delete;

    /// Not a way to print.
    template <class Stream>
        requires detail::secrets_can_be_printed<Stream>
    friend Stream& operator<<(Stream& out, const secret_text& text);

private:
    friend struct detail::text_access;

    // Gives back the memory it moved out of, still intact.
    [[nodiscard]] detail::guarded_memory make_room(std::size_t more) {
        if (more > limit - size_) {
            detail::refuse(error::rejected, "hold a secret", {"it is longer than 65536 bytes"});
        }
        if (more <= memory_.size() - size_) return {};
        std::size_t room = memory_.size() < 128 ? 256 : 2 * memory_.size();
        if (room < size_ + more) room = size_ + more;
        detail::guarded_memory larger{room};
        if (size_ != 0) std::memcpy(larger.data(), memory_.data(), size_);
        return std::exchange(memory_, std::move(larger));
    }

    detail::guarded_memory memory_;
    std::size_t size_ = 0;
};

namespace detail {

/// The inner door: text written in place instead of copied in.
struct text_access {
    [[nodiscard]] static secret_text adopt(guarded_memory&& memory, std::size_t size) noexcept {
        secret_text text;
        text.memory_ = std::move(memory);
        text.size_ = size;
        return text;
    }
    static void reserve(secret_text& text, std::size_t room) { static_cast<void>(text.make_room(room)); }
    /// Adds `by` bytes for the caller to write.
    [[nodiscard]] static unsigned char* grow(secret_text& text, std::size_t by) {
        static_cast<void>(text.make_room(by));
        return text.memory_.data() + std::exchange(text.size_, text.size_ + by);
    }
};

[[nodiscard]] inline secret_text read_secret_file(int directory, const char* name, file_rule rule,
                                                  const std::string& during) {
    struct ::stat found {};
    const descriptor file = open_checked(directory, name, rule, during, found);
    const auto size = static_cast<std::size_t>(found.st_size); // at most file_limit
    guarded_memory spare{size + 1};
    const std::size_t filled = read_whole(file.get(), spare.data(), spare.size(), during);
    secret_text text = text_access::adopt(std::move(spare), filled);
    if (filled == 0) refuse(error::rejected, during, {"the file is empty"});
    return text;
}

class secret_filler {
public:
    secret_filler() = default;
    secret_filler(const secret_filler&) = delete;
    secret_filler& operator=(const secret_filler&) = delete;
    virtual ~secret_filler() = default;
    virtual void fill(secret_text& into) const = 0;
};

} // namespace detail

/// Says where a secret is and whom the place must keep out; nothing is read before read().
///
/// The content may be a certificate (certificate::load), one secret key in Z85 (read_secret_key) or a passphrase.
///
/// \threads  A value; read() from any thread. A callback is called on the thread that reads.
/// \secrets  Only ever in guarded memory. There is deliberately no source for environment variables: they are inherited
///           by every child and shown by /proc.
class key_source {
public:
    /// A file only its owner can read: the everyday case.
    ///
    /// Rule: a regular file, not a symbolic link; owned by this process's effective user or by root; no access for group or
    /// others (0600 or stricter).
    /// \param path  Where it is.
    /// \throws  `error::misuse` for an empty path or one with control characters.
    [[nodiscard]] static key_source file(std::string path) {
        detail::require_path(path, "name a key file");
        return key_source{from::file, std::move(path)};
    }

    /// A credential systemd passes to a service (LoadCredential=, SetCredentialEncrypted=).
    ///
    /// Rule: a regular file named `name` in $CREDENTIALS_DIRECTORY (an absolute path, looked up by read()), not a symbolic
    /// link; owned by this process's effective user or by root; its group may read, others have no access.
    /// \param name  As the unit calls it.
    /// \throws  `error::misuse` when the name is empty, longer than 255 bytes, "." or "..", or holds '/' or control characters.
    [[nodiscard]] static key_source systemd_credential(std::string name) {
        detail::require_path(name, "name a credential");
        if (name.size() > 255 || detail::is_dots(name) || name.find('/') != std::string::npos) {
            detail::refuse(error::misuse, "name a credential", {"\"", name, "\" is not a plain file name"});
        }
        return key_source{from::credential, std::move(name)};
    }

    /// A secret mounted into a container (Kubernetes, Docker).
    ///
    /// Rule: a regular file, reached through symbolic links if need be; owned by this process's effective user or by root; its
    /// group may read, others have no access. Kubernetes' own default, 0644, is refused: set defaultMode: 0440 and fsGroup,
    /// or 0400.
    /// \param path  Where it is mounted.
    /// \throws  `error::misuse` for an empty path or one with control characters.
    [[nodiscard]] static key_source mounted(std::string path) {
        detail::require_path(path, "name a mounted secret");
        return key_source{from::mounted, std::move(path)};
    }

    /// Anything else: a vault, a hardware token, a prompt.
    ///
    /// \param fill  Called as `fill(secret_text&)` each time the source is read; appends the secret. What it throws passes
    ///              through read(). Rule: its own.
    /// \param name  How errors call it.
    template <class Fill>
        requires requires(const Fill& fill, secret_text& into) { fill(into); }
    [[nodiscard]] static key_source callback(Fill fill, std::string name = "callback") {
        class filler final : public detail::secret_filler {
        public:
            explicit filler(Fill&& taken) : fill_{std::move(taken)} {}
            void fill(secret_text& into) const override { fill_(into); }

        private:
            Fill fill_;
        };
        detail::require_path(name, "name a key source");
        key_source made{from::callback, std::move(name)};
        made.filler_ = std::shared_ptr<const detail::secret_filler>{new filler{std::move(fill)}};
        return made;
    }

    /// Fetches the text, checking the place's rule on what was really opened.
    ///
    /// \return  At most 64 KiB, not empty.
    /// \throws  `error::rejected` naming the place and the rule it broke; `error::exhausted`; whatever a callback throws.
    [[nodiscard]] secret_text read() const {
        const std::string during = detail::joined({"read ", describe()});
        switch (from_) {
        case from::file:
            return detail::read_secret_file(AT_FDCWD, where_.c_str(), detail::file_rule::owner_only, during);
        case from::mounted:
            return detail::read_secret_file(AT_FDCWD, where_.c_str(), detail::file_rule::mounted, during);
        case from::credential: return read_credential(during);
        case from::callback: break;
        }
        secret_text text;
        filler_->fill(text);
        if (text.size() == 0) detail::refuse(error::rejected, during, {"it gave nothing"});
        return text;
    }

    /// Fetches a bare secret key: 40 characters of Z85, and at most one newline.
    ///
    /// \throws  As read(); `error::rejected` when the text is anything else.
    [[nodiscard]] secret_key read_secret_key() const {
        const std::string during = detail::joined({"read a secret key from ", describe()});
        const secret_text text = read();
        const std::string_view line = text.expose_line();
        detail::guarded_memory raw{32};
        const bool good =
            line.size() == detail::z85_key_length && detail::z85_decode(line.data(), line.size(), raw.data());
        detail::scrub_stack();
        if (!good) detail::refuse(error::rejected, during, {"the text is not 40 characters of Z85"});
        return detail::secret_access::adopt(std::move(raw), during);
    }

    /// The place in words, for errors and logs: "file server.key_secret".
    [[nodiscard]] std::string describe() const {
        switch (from_) {
        case from::file: return detail::joined({"file ", where_});
        case from::credential: return detail::joined({"systemd credential ", where_});
        case from::mounted: return detail::joined({"mounted secret ", where_});
        case from::callback: break;
        }
        return where_;
    }

private:
    enum class from : std::uint8_t { file, credential, mounted, callback };

    key_source(from kind, std::string&& where) noexcept : where_{std::move(where)}, from_{kind} {}

    [[nodiscard]] secret_text read_credential(const std::string& during) const {
#if defined(__GLIBC__)
        const char* const directory = ::secure_getenv("CREDENTIALS_DIRECTORY"); // unset for set-user-id programs
#else
        const char* const directory = std::getenv("CREDENTIALS_DIRECTORY");
#endif
        if (directory == nullptr) {
            detail::refuse(error::unavailable, during,
                           {"CREDENTIALS_DIRECTORY is not set: systemd passed no credentials"});
        }
        if (directory[0] != '/')
            detail::refuse(error::rejected, during, {"CREDENTIALS_DIRECTORY is not an absolute path"});
        const detail::descriptor opened{::open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        if (opened.get() < 0) detail::refuse_by_system(during, "cannot open CREDENTIALS_DIRECTORY", errno);
        return detail::read_secret_file(opened.get(), where_.c_str(), detail::file_rule::credential, during);
    }

    std::string where_;
    std::shared_ptr<const detail::secret_filler> filler_;
    from from_;
};

} // namespace ironhouse::inline IRONHOUSE_ABI

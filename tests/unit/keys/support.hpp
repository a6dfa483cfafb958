// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Scratch folders, golden files, children with other rights, and a search through our own memory. Tests of keys.

#include <ironhouse/core/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/scratch.hpp"

namespace key_tests {

namespace fs = std::filesystem;

using support::scratch;

inline std::string golden(std::string_view name) { return std::string{IRONHOUSE_TEST_DATA "/golden/"}.append(name); }

inline std::string slurp(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    if (!in) throw std::runtime_error{"cannot read " + path};
    return {std::istreambuf_iterator<char>{in}, {}};
}

inline std::string write(const std::string& path, std::string_view text, ::mode_t mode = 0600) {
    std::ofstream out{path, std::ios::binary | std::ios::trunc};
    out << text;
    out.close();
    if (!out || ::chmod(path.c_str(), mode) != 0) throw std::runtime_error{"cannot write " + path};
    return path;
}

inline ::mode_t mode_of(const std::string& path) {
    struct ::stat found {};
    if (::lstat(path.c_str(), &found) != 0) throw std::runtime_error{"cannot examine " + path};
    return found.st_mode & 07777;
}

/// What a call throws; nothing when it throws nothing.
template <class Call> std::optional<ironhouse::error> refusal(Call&& call) {
    try {
        static_cast<void>(call());
    } catch (const ironhouse::error& refused) {
        return refused;
    }
    return std::nullopt;
}

/// Whether the refusal is of this kind and says all of these words.
inline bool says(const std::optional<ironhouse::error>& refused, ironhouse::error::kind why,
                 std::initializer_list<std::string_view> words) {
    if (!refused || refused->why() != why) return false;
    const std::string_view text{refused->what()};
    for (const auto word : words) {
        if (text.find(word) == std::string_view::npos) return false;
    }
    return true;
}

inline constexpr int died_by_exception = 111;

/// Runs a call in a child; its result, or minus the signal that ended it.
template <class Call> int in_child(Call&& call) {
    const ::pid_t child = ::fork();
    if (child < 0) throw std::runtime_error{"no child"};
    if (child == 0) {
        int result = died_by_exception;
        try {
            result = call();
        } catch (const std::exception& thrown) {
            std::fprintf(stderr, "in the child: %s\n", thrown.what());
        }
        ::_exit(result);
    }
    int status = 0;
    if (::waitpid(child, &status, 0) != child) throw std::runtime_error{"lost a child"};
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/// Gives up root's rights, where there are any, for good.
inline bool become_nobody() {
    if (::geteuid() != 0) return true;
    return ::setresgid(65534, 65534, 65534) == 0 && ::setresuid(65534, 65534, 65534) == 0;
}

/// A secret one can look for without holding it: every byte is flipped.
class needle {
public:
    explicit needle(std::span<const unsigned char> secret) {
        for (const unsigned char byte : secret) flipped_.push_back(flip(byte));
        while (rare_ + 1 < flipped_.size() && flip(flipped_[rare_]) == 0) ++rare_;
    }

    /// How often it occurs in the memory this process can write to, kernel buffers aside.
    [[nodiscard]] int copies() const {
        static constexpr std::size_t window = std::size_t{1} << 20;
        void* const mapped = ::mmap(nullptr, window, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped == MAP_FAILED) throw std::runtime_error{"no memory to search with"};
        ::madvise(mapped, window, MADV_DONTDUMP); // a mapping of its own, which is passed over below
        auto* const buffer = static_cast<unsigned char*>(mapped);
        const auto self = reinterpret_cast<std::uintptr_t>(buffer);
        const int memory = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
        std::ifstream maps{"/proc/self/maps"};
        int found = 0;
        std::string line;
        while (std::getline(maps, line)) {
            unsigned long long begin = 0;
            unsigned long long end = 0;
            std::array<char, 5> rights{};
            if (std::sscanf(line.c_str(), "%llx-%llx %4s", &begin, &end, rights.data()) != 3) continue;
            if (rights[0] != 'r' || line.find("[v") != std::string::npos) continue;
            if (end - begin > (1ULL << 32)) continue; // a sanitizer's shadow
            if (begin <= self && self < end) continue;
            for (unsigned long long at = begin; at < end; at += window - flipped_.size() + 1) {
                const auto size = static_cast<std::size_t>(std::min<unsigned long long>(window, end - at));
                const auto got = ::pread(memory, buffer, size, static_cast<::off_t>(at));
                if (got <= 0) break;
                found += count(buffer, static_cast<std::size_t>(got));
            }
        }
        ::close(memory);
        ::munmap(mapped, window);
        return found;
    }

private:
    static unsigned char flip(unsigned char byte) noexcept { return static_cast<unsigned char>(byte ^ 0xa5); }

    [[nodiscard]] int count(const unsigned char* bytes, std::size_t size) const {
        if (size < flipped_.size()) return 0;
        int found = 0;
        const unsigned char* const last = bytes + size - flipped_.size();
        for (; bytes <= last; ++bytes) {
            const auto* const at = static_cast<const unsigned char*>(
                std::memchr(bytes + rare_, flip(flipped_[rare_]), static_cast<std::size_t>(last - bytes) + 1));
            if (at == nullptr) break;
            bytes = at - rare_;
            std::size_t same = 0;
            while (same < flipped_.size() && flip(bytes[same]) == flipped_[same]) ++same;
            found += same == flipped_.size() ? 1 : 0;
        }
        return found;
    }

    std::vector<unsigned char> flipped_;
    std::size_t rare_ = 0; // where it is not zero, as most of memory is: at each of these the search has to stop
};

/// The flags the kernel keeps for the mapping that holds an address ("dd": left out of core dumps, "lo": locked).
inline std::string flags_of(const void* address) {
    std::ifstream maps{"/proc/self/smaps"};
    const auto wanted = reinterpret_cast<std::uintptr_t>(address);
    bool inside = false;
    std::string line;
    while (std::getline(maps, line)) {
        unsigned long long begin = 0;
        unsigned long long end = 0;
        if (std::sscanf(line.c_str(), "%llx-%llx ", &begin, &end) == 2) inside = begin <= wanted && wanted < end;
        if (inside && line.starts_with("VmFlags:")) return line.substr(8) + " ";
    }
    return {};
}

/// How much address space this process has in use.
inline std::uint64_t mapped_bytes() {
    std::ifstream in{"/proc/self/statm"};
    std::uint64_t pages = 0;
    if (!(in >> pages)) throw std::runtime_error{"no statm"};
    return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

/// Sanitizers answer mlock() themselves: they say yes and lock nothing.
inline bool mlock_is_pretended() {
    void* const page = ::mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) throw std::runtime_error{"no page"};
    const bool pretended = ::mlock(page, 1) == 0 && flags_of(page).find(" lo ") == std::string::npos;
    ::munmap(page, 1);
    return pretended;
}

} // namespace key_tests

// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// How many copies of a server's secret key its process holds: a server in a child process that looks through its own memory,
/// with ten clients in this one. Test support. Linux.

#include "house.hpp"
#include "process.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sodium/randombytes.h>
#include <sodium/utils.h>
#include <sys/mman.h>
#include <unistd.h>

namespace wire {

/// A secret that exists as two halves only, neither of which says anything: a search with it is no copy of it.
class split_secret {
public:
    static constexpr std::size_t size = 32, text_size = 40;

    split_secret() {
        for (std::size_t i = 0; i != size; ++i) {
            one_[i] = byte();
            do other_[i] = byte();
            while (other_[i] ==
                   one_[i]); // no byte is zero, as most of memory is: the search would stop at each of these
        }
        for (std::size_t i = 0; i != text_size; ++i) {
            text_one_[i] = byte();
            text_other_[i] = static_cast<std::uint8_t>(text_one_[i] ^ digit(i));
        }
    }
    /// Character `i` of the key in Z85.
    [[nodiscard]] std::uint8_t digit(std::size_t i) const {
        static constexpr char digits[] =
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
        std::uint32_t word = 0;
        for (std::size_t b = 0; b != 4; ++b)
            word = word << 8 | static_cast<std::uint8_t>(one_[i / 5 * 4 + b] ^ other_[i / 5 * 4 + b]);
        for (std::size_t left = 4 - i % 5; left != 0; --left) word /= 85;
        return static_cast<std::uint8_t>(digits[word % 85]);
    }
    /// How often the middle of the key begins, as bytes or as text, at one of the first `many` of these. Its ends are left
    /// out: curve arithmetic changes some bits of them, and malloc writes over the beginning of what it was given back.
    [[nodiscard]] int count_in(const std::uint8_t* at, std::size_t length, std::size_t many) const {
        return count(at, length, many, one_ + 4, other_ + 4, middle) +
               count(at, length, many, text_one_ + 5, text_other_ + 5, text_middle);
    }
    static constexpr std::size_t middle = 24, text_middle = 30;

private:
    static std::uint8_t byte() { return static_cast<std::uint8_t>(randombytes_random()); }
    // The first byte is no copy, and memchr() is quick also where nothing is optimised.
    static int count(const std::uint8_t* at, std::size_t length, std::size_t many, const volatile std::uint8_t* one,
                     const volatile std::uint8_t* other, std::size_t width) {
        if (length < width) return 0;
        const std::uint8_t* const end = at + std::min(many, length - width + 1);
        const int first = one[0] ^ other[0];
        int found = 0;
        while ((at = static_cast<const std::uint8_t*>(std::memchr(at, first, static_cast<std::size_t>(end - at)))) !=
               nullptr)
            found += matches(at++, one, other, width) ? 1 : 0;
        return found;
    }
    // volatile: no compiler puts the two together anywhere but in a register.
    static bool matches(const std::uint8_t* at, const volatile std::uint8_t* one, const volatile std::uint8_t* other,
                        std::size_t width) {
        for (std::size_t i = 0; i != width; ++i)
            if ((at[i] ^ one[i]) != other[i]) return false;
        return true;
    }
    volatile std::uint8_t one_[size], other_[size], text_one_[text_size], text_other_[text_size];
};

/// Where copies were found.
struct found_copies {
    int heap = 0, stacks = 0, elsewhere = 0;
    [[nodiscard]] int all() const { return heap + stacks + elsewhere; }
};

/// Looks through all memory of this process, whatever its protection.
[[nodiscard]] inline found_copies count_copies(const split_secret& secret) {
    constexpr std::size_t piece = 1U << 16U, overlap = split_secret::text_middle - 1;
    // Pages of its own, left out of the search.
    static auto* const window = static_cast<std::uint8_t*>(
        ::mmap(nullptr, piece + 4'096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    static char table[1U << 18U];
    if (window == MAP_FAILED) std::abort();
    const descriptor maps{::open("/proc/self/maps", O_RDONLY | O_CLOEXEC)};
    const descriptor memory{::open("/proc/self/mem", O_RDONLY | O_CLOEXEC)};
    std::size_t filled = 0;
    for (;;) {
        const ::ssize_t n = ::read(maps.get(), table + filled, sizeof table - 1 - filled);
        if (n <= 0) break;
        filled += static_cast<std::size_t>(n);
    }
    table[filled] = '\0';
    if (filled == 0 || !memory.open()) std::abort();

    found_copies found;
    for (char* line = table; *line != '\0';) {
        char* const end = std::strchr(line, '\n');
        if (end == nullptr) std::abort(); // the table was too small
        *end = '\0';
        std::uintptr_t from = 0, to = 0;
        char rights[5] = {};
        if (std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &from, &to, rights) != 3) std::abort();
        const bool heap = std::strstr(line, "[heap]") != nullptr;
        const bool stack = std::strstr(line, "[stack") != nullptr;
        const bool kernel = std::strstr(line, "[v") != nullptr;
        line = end + 1;
        if (kernel) continue;
        for (std::uintptr_t at = from; at < to;) {
            const auto own = reinterpret_cast<std::uintptr_t>(window);
            // The window may be one mapping with its neighbours: those are looked at, it is not.
            if (at >= own && at < own + piece + 4'096) {
                at = own + piece + 4'096;
                continue;
            }
            std::size_t want = std::min<std::size_t>(piece, to - at);
            if (at < own && at + want > own) want = own - at;
            // A little more than is stepped over, so that nothing is cut in two.
            const std::size_t more = at + want < to && !(at < own && at + want == own) ? overlap : 0;
            const ::ssize_t n = ::pread(memory.get(), window, want + more, static_cast<::off_t>(at));
            if (n > 0) {
                const auto got = static_cast<std::size_t>(n);
                (heap ? found.heap : stack ? found.stacks : found.elsewhere) += secret.count_in(window, got, want);
                ::sodium_memzero(window, got);
            }
            at += n > 0 ? std::min<std::size_t>(want, static_cast<std::size_t>(n)) : std::min<std::size_t>(want, 4'096);
        }
    }
    return found;
}

/// The copies at each station of a server's life, and what went wrong if something did.
struct key_census {
    int before = -1;       ///< there is no key yet
    int read = -1;         ///< the certificate was read: its own guarded memory
    int bound = -1;        ///< a socket is bound with it
    int connected = -1;    ///< ten clients are connected and have sent a message each
    int disconnected = -1; ///< they have left
    int closed = -1;       ///< the socket is gone
    int ended = -1;        ///< the context is gone
    std::string text{};    ///< all that the server said

    [[nodiscard]] std::string line() const {
        return "copies of the secret key: certificate " + std::to_string(read) + ", bound " + std::to_string(bound) +
               ", ten clients " + std::to_string(connected) + ", clients gone " + std::to_string(disconnected) +
               ", socket closed " + std::to_string(closed) + ", context ended " + std::to_string(ended);
    }
};

namespace census {

inline constexpr int clients = 10;

inline void tell(const char* what, const found_copies& found) {
    std::printf("%s %d (heap %d, stacks %d, elsewhere %d)\n", what, found.all(), found.heap, found.stacks,
                found.elsewhere);
    std::fflush(stdout);
}

/// What is left when libzmq's threads have had time to tidy up.
inline found_copies settled(const split_secret& secret) {
    found_copies found = count_copies(secret);
    for (int unchanged = 0; unchanged != 8 && found.all() != 0;) {
        std::this_thread::sleep_for(std::chrono::milliseconds{50});
        const found_copies again = count_copies(secret);
        unchanged = again.all() == found.all() ? unchanged + 1 : 0;
        found = again;
    }
    return found;
}

inline int serve(const house::ih::keyring& ring) {
    using namespace house;
    const split_secret secret;
    tell("before", count_copies(secret));
    auto context = std::make_unique<ih::context>();
    std::string public_text;
    {
        auto identity = [&] {
            const auto source = ih::key_source::callback(
                [&](auto& into) {
                    for (std::size_t i = 0; i != split_secret::text_size; ++i) {
                        const char digit = static_cast<char>(secret.digit(i));
                        into.append(std::string_view{&digit, 1});
                    }
                },
                "two halves");
            return ih::certificate::of("server", ih::keypair::from_secret(source.read_secret_key()));
        }();
        public_text = identity.public_key().z85();
        tell("read", count_copies(secret));
        auto sink = std::make_unique<server_of<ih::pull>>(
            *context, ih::curve_server{.domain = "orders", .clients = ring, .identity = std::move(identity)});
        sink->bind("tcp://127.0.0.1:*");
        tell("bound", count_copies(secret));
        std::printf("at %u %s\n", static_cast<unsigned>(house::port_of(*sink)), public_text.c_str());
        std::fflush(stdout);
        for (int i = 0; i != clients; ++i)
            if (house::hear(*sink).empty()) return 2;
        tell("connected", count_copies(secret));
        std::puts("heard");
        std::fflush(stdout);
        if (!wire::eventually([&] { return context->count(ih::reason::disconnected) >= clients; }, soon)) return 3;
        (void)house::hear(*sink, std::chrono::milliseconds{50}); // libzmq lets go of them when the owner calls it
        tell("disconnected", settled(secret));
    }
    tell("closed", settled(secret));
    context.reset();
    tell("ended", settled(secret));
    return 0;
}

} // namespace census

/// Plays it all. The child is forked: what this program is linked with is what is measured.
[[nodiscard]] inline key_census take_key_census() {
    using namespace house;
    std::vector<person> visitors;
    std::vector<ih::keyring::entry> known;
    for (int i = 0; i != census::clients; ++i) {
        visitors.push_back(person{"visitor" + std::to_string(i)});
        known.push_back({visitors.back().name, visitors.back().key()});
    }
    const auto ring = ih::keyring::of(std::move(known));
    auto server = child::running([&] { return census::serve(ring); });
    key_census got;
    const auto read = [&](const char* word, int& into) {
        const auto line = server.read_line_with(word, deadline{soon});
        if (!line) return false;
        got.text += *line + "\n";
        into = std::atoi(line->c_str() + line->find(' ') + 1);
        return true;
    };
    if (!read("before ", got.before) || !read("read ", got.read) || !read("bound ", got.bound)) return got;
    const auto at = server.read_line_with("at ", deadline{soon});
    if (!at) return got;
    const auto space = at->find(' ', 3);
    const auto port = static_cast<std::uint16_t>(std::atoi(at->c_str() + 3));
    const auto key = ih::public_key::from_z85(at->substr(space + 1));
    {
        ih::context context;
        std::vector<std::unique_ptr<client_of<ih::push>>> clients;
        for (const person& visitor : visitors) {
            clients.push_back(std::make_unique<client_of<ih::push>>(
                context, ih::curve_client{.identity = visitor.papers(), .server = key}));
            clients.back()->connect(endpoint_at(port));
            if (!house::say(*clients.back(), "here")) return got;
        }
        if (!read("connected ", got.connected) || !server.read_line_with("heard", deadline{soon})) return got;
    }
    if (!read("disconnected ", got.disconnected) || !read("closed ", got.closed) || !read("ended ", got.ended))
        return got;
    if (const auto end = server.wait(deadline{soon}); !end || !end->clean()) got.text += "it did not end well\n";
    return got;
}

} // namespace wire

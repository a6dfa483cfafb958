// SPDX-License-Identifier: MIT
//
// What <ironhouse/system/runtime.hpp> costs the whole process. Built with it and without it; cost.sh runs both, prints the
// table and holds the bars. Usage: PROGRAM WHAT ROUNDS, prints nanoseconds per round.

#if defined(WITH_RUNTIME)
#include <ironhouse/system/runtime.hpp>
#else
#include <ironhouse/detail/runtime_registry.hpp>
#endif

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include <sys/socket.h>

namespace {
using namespace ironhouse::detail;

void keep(void* block) { __asm__ __volatile__("" : : "r"(block) : "memory"); }

int ends[2];
std::vector<unsigned char> wire_bytes;
frame_counter counter;

void plain(std::size_t size) {
    void* const block = ::operator new(size);
    keep(block);
    ::operator delete(block);
}
void nothrow(std::size_t size) {
    void* const block = ::operator new(size, std::nothrow);
    keep(block);
    ::operator delete(block);
}
void receive_nothing(std::size_t) {
    char buffer[64];
    if (::recv(ends[0], buffer, sizeof buffer, MSG_DONTWAIT) >= 0) std::abort();
}
void count_frames(std::size_t) {
    // What cannot be seen to be the same each time.
    keep(wire_bytes.data());
    if (counter.take(wire_bytes.data(), wire_bytes.size()) == 0) std::abort();
}

struct kind {
    const char* name;
    void (*once)(std::size_t);
    std::size_t size;
};
constexpr kind kinds[] = {
    {"new-64", plain, 64},           {"new-1024", plain, 1024},
    {"new-65536", plain, 65536},     {"nothrow-64", nothrow, 64},
    {"nothrow-1024", nothrow, 1024}, {"nothrow-65536", nothrow, 65536},
    {"recv", receive_nothing, 0},    {"recv-registered", receive_nothing, 1},
    {"frames-1B", count_frames, 1},  {"frames-1000B", count_frames, 1000},
};
} // namespace

// What valgrind counts.
extern "C" [[gnu::noinline]] void measured(void (*once)(std::size_t), std::size_t size, long rounds) {
    for (long i = 0; i != rounds; ++i) once(size);
}

int main(int count, char** words) {
    if (count != 3) return 2;
    const long rounds = std::atol(words[2]);
    const auto* const found = std::find_if(std::begin(kinds), std::end(kinds),
                                           [&](const kind& k) { return std::strcmp(k.name, words[1]) == 0; });
    if (found == std::end(kinds) || rounds < 1 || ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 2;
    if (found->once == receive_nothing && found->size == 1 && watch_connection(ends[0], {}) == 0) return 2;
    if (found->once == count_frames) {
        // 8 KiB as libzmq asks for them: CURVE frames, 33 bytes and the header longer than their payload.
        unsigned char greeting[64] = {0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 1};
        (void)counter.take(greeting, sizeof greeting);
        const std::size_t body = found->size + 33;
        while (wire_bytes.size() < 8192) {
            if (body > 255)
                wire_bytes.insert(wire_bytes.end(), {2, 0, 0, 0, 0, 0, 0, static_cast<unsigned char>(body >> 8)});
            else
                wire_bytes.push_back(0);
            wire_bytes.push_back(static_cast<unsigned char>(body));
            wire_bytes.resize(wire_bytes.size() + body);
        }
    }
    measured(found->once, found->size, 1); // what is found and made on first use
    double best = 1e18;
    for (int i = 0; i != (rounds > 1'000 ? 7 : 1); ++i) {
        const auto begin = std::chrono::steady_clock::now();
        measured(found->once, found->size, rounds);
        best =
            std::min(best, std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count());
    }
    std::printf("%.1f\n", best / static_cast<double>(rounds));
}

// SPDX-License-Identifier: MIT

/// \file
/// Guarded memory keeps its promises, and keeps them where memory may not be locked.

#include "catch.hpp"
#include "unit/keys/support.hpp"

#include <ironhouse/detail/sodium.hpp>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <type_traits>
#include <utility>

#include <sys/resource.h>

namespace {

using ironhouse::detail::guarded_memory;
using namespace key_tests;

static_assert(std::is_nothrow_move_constructible_v<guarded_memory> && !std::is_copy_constructible_v<guarded_memory>);
static_assert(std::is_nothrow_move_assignable_v<guarded_memory> && !std::is_copy_assignable_v<guarded_memory>);

// Without core files: these children are meant to die.
template <class Call> int fatally(Call&& call) {
    return in_child([&] {
        const rlimit none{0, 0};
        ::setrlimit(RLIMIT_CORE, &none);
        for (const int signal : {SIGSEGV, SIGBUS, SIGABRT}) ::signal(signal, SIG_DFL);
        call();
        return 0;
    });
}

} // namespace

TEST_CASE("guarded memory stays out of core dumps", "[keys][B8]") {
    const guarded_memory memory{32};
    CAPTURE(flags_of(memory.data()));
    CHECK(flags_of(memory.data()).find(" dd ") != std::string::npos);
    const int on_stack = 0; // witness: other memory does not have the flag
    CHECK(flags_of(&on_stack).find(" dd ") == std::string::npos);
}

TEST_CASE("guarded memory serves, unlocked, where RLIMIT_MEMLOCK is zero", "[keys][B8]") {
    const bool pretended = mlock_is_pretended();
    const int result = in_child([pretended] {
        const rlimit none{0, 0};
        if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0 || !become_nobody()) return 2;
        guarded_memory memory{32};
        if (memory.locked() && !pretended) return 3;
        std::memset(memory.data(), 7, memory.size());
        memory.protect();
        if (memory.data()[31] != 7) return 4;
        if (flags_of(memory.data()).find(" dd ") == std::string::npos) return 5;
        return 0;
    });
    CHECK(result == 0);
}

TEST_CASE("locked memory says so and is", "[keys][B8]") {
    const guarded_memory memory{32};
    if (mlock_is_pretended()) return;
    CHECK(memory.locked() == (flags_of(memory.data()).find(" lo ") != std::string::npos));
}

TEST_CASE("reading past guarded memory, or writing it once protected, ends the process", "[keys][B8]") {
    CHECK(fatally([] {}) == 0); // witness
    CHECK(fatally([] {
              guarded_memory memory{32};
              const volatile unsigned char* const past = memory.data() + memory.size();
              static_cast<void>(*past);
          }) != 0);
    CHECK(fatally([] {
              guarded_memory memory{32};
              memory.protect();
              *static_cast<volatile unsigned char*>(memory.data()) = 1;
          }) != 0);
}

TEST_CASE("guarded memory begins as zeros and moves without a copy", "[keys]") {
    guarded_memory memory{64};
    CHECK(sodium_is_zero(memory.data(), memory.size()) == 1);
    memory.data()[0] = 9;
    const unsigned char* const where = memory.data();
    guarded_memory moved{std::move(memory)};
    CHECK(moved.data() == where);
    CHECK(memory.data() == nullptr); // NOLINT(bugprone-use-after-move): what it is afterwards is the question
    CHECK(memory.size() == 0);
    memory = std::move(moved);
    CHECK(memory.data() == where);
    CHECK(memory.data()[0] == 9);
}

TEST_CASE("guarded memory keeps errno for whoever is reporting an error", "[keys]") {
    errno = ENOTDIR;
    {
        guarded_memory memory{32};
        memory.protect();
        CHECK(errno == ENOTDIR);
    }
    CHECK(errno == ENOTDIR);
}

TEST_CASE("more guarded memory than there is room for is an error, not a crash", "[keys]") {
    const auto refused = refusal([] { return guarded_memory{std::size_t{1} << 60}; });
    CHECK(says(refused, ironhouse::error::exhausted, {"guarded memory", "bytes"}));
}

// SPDX-License-Identifier: MIT

/// \file
/// A secret key lives in one place, moves, and is refused when everybody has it.

#include "catch.hpp"
#include "unit/keys/support.hpp"

#include <ironhouse/keys/keypair.hpp>
#include <ironhouse/keys/secret_key.hpp>

#include <concepts>
#include <csignal>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>

#include <sys/resource.h>

namespace {

namespace ih = ironhouse;
using ih::error;
using ih::secret_key;
using namespace key_tests;

template <class Secret> concept compares = requires(const Secret& a) { a == a; };
template <class Secret> concept prints = requires(std::ostream& out, const Secret& a) { out << a; };
template <class Secret> concept lends_to_a_temporary = requires(Secret&& a) { std::move(a).expose(); };
template <class Secret> concept lends = requires(const Secret& a) { a.expose(); };

static_assert(compares<ih::public_key> && !compares<secret_key> && !compares<ih::keypair>);
static_assert(prints<std::string> && !prints<secret_key>);
static_assert(lends<secret_key> && !lends_to_a_temporary<secret_key>);
static_assert(!std::is_default_constructible_v<secret_key> && !std::is_copy_constructible_v<secret_key>);
static_assert(!std::is_copy_assignable_v<secret_key>);
static_assert(std::is_nothrow_move_constructible_v<secret_key> && std::is_nothrow_move_assignable_v<secret_key>);

secret_key adopt(unsigned char first) {
    ih::detail::guarded_memory raw{32};
    raw.data()[0] = first;
    return ih::detail::secret_access::adopt(std::move(raw), "test");
}

} // namespace

TEST_CASE("a secret key stays where it was put and is read-only there", "[keys][B8]") {
    ih::detail::guarded_memory raw{32};
    raw.data()[5] = 42;
    const unsigned char* const where = raw.data();
    secret_key key = ih::detail::secret_access::adopt(std::move(raw), "test");
    CHECK(key.expose().data() == where);
    const secret_key moved{std::move(key)};
    CHECK(moved.expose().data() == where);
    CHECK(moved.expose()[5] == 42);
    CHECK(flags_of(where).find(" dd ") != std::string::npos);
    CHECK(flags_of(where).find(" wr ") == std::string::npos);
}

TEST_CASE("the all-zero secret is refused: CZMQ writes it for \"no secret\"", "[keys][B2]") {
    CHECK_FALSE(refusal([] { return adopt(8); }));
    CHECK(says(refusal([] { return adopt(0); }), error::rejected, {"zeros", "no secret"}));
    const auto wrong_size =
        refusal([] { return ih::detail::secret_access::adopt(ih::detail::guarded_memory{31}, "test"); });
    CHECK(says(wrong_size, error::rejected, {"32 bytes"}));
}

TEST_CASE("using a secret that was moved elsewhere ends the process", "[keys]") {
    const int result = in_child([] {
        const rlimit none{0, 0};
        ::setrlimit(RLIMIT_CORE, &none);
        ::signal(SIGABRT, SIG_DFL);
        if (::freopen("/dev/null", "w", stderr) == nullptr) return 1;
        secret_key key = adopt(8);
        const secret_key taken{std::move(key)};
        static_cast<void>(key.expose()); // NOLINT(bugprone-use-after-move): that is the mistake
        return 0;
    });
    CHECK(result == -SIGABRT);
}

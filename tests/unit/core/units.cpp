// SPDX-License-Identifier: MIT

#include <ironhouse/core/units.hpp>

#include "catch.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

namespace {

namespace ih = ironhouse;
using namespace ih::literals;

template <auto Value> struct as_argument { static constexpr auto value = Value; };

template <class Unit>
concept holds_only_what_was_checked =
    !std::is_default_constructible_v<Unit> && !std::is_constructible_v<Unit, int> &&
    !std::is_constructible_v<Unit, std::int64_t> && !std::is_constructible_v<Unit, typename Unit::amount> &&
    !std::is_convertible_v<Unit, std::int64_t> && !std::is_aggregate_v<Unit> && std::is_copy_constructible_v<Unit> &&
    std::is_trivially_copyable_v<Unit>;

struct careless {
    enum class amount : std::int64_t {};
    amount amount_;
};

static_assert(!holds_only_what_was_checked<careless>); // witness: the concept can say no
static_assert(holds_only_what_was_checked<ih::bytes>);
static_assert(holds_only_what_was_checked<ih::messages>);
static_assert(holds_only_what_was_checked<ih::frames>);
static_assert(holds_only_what_was_checked<ih::peers>);
static_assert(holds_only_what_was_checked<ih::per_second>);

static_assert(std::is_convertible_v<const ih::bytes&, ih::bytes>);
static_assert(!std::is_convertible_v<ih::bytes, ih::messages>);
static_assert(!std::is_convertible_v<ih::messages, ih::frames>);
static_assert(!std::is_convertible_v<ih::frames, ih::peers>);
static_assert(!std::is_assignable_v<ih::peers&, int>);
static_assert(!std::is_assignable_v<decltype((std::declval<ih::peers&>().amount_)), int>);

static_assert(as_argument<64_KiB>::value == 65'536_B);
static_assert(std::is_same_v<as_argument<1_KiB>, as_argument<1'024_B>>);
static_assert(!std::is_same_v<as_argument<1_KiB>, as_argument<1'025_B>>);

static_assert((1_B).count() == 1);
static_assert(1_GiB == 1024_MiB && 1_MiB == 1024_KiB);
static_assert((1'048'576_GiB).count() == ih::bytes::max);
static_assert(1_message < 2_messages && 64_frames > 1_frame && 1_peer != 2_peers);
static_assert((1'000'000'000_per_s).count() == ih::per_second::max);
static_assert((10'000'000_messages).count() == ih::messages::max);
static_assert((1'000'000_peers).count() == ih::peers::max);
static_assert((64_frames).count() == ih::frames::max);
static_assert(ih::detail::unchecked<ih::messages>(7) == 7_messages);
static_assert(ih::bytes::from_config(4'096) == 4_KiB); // usable by the compiler as well, when it does not throw

template <class Unit> void takes_its_range_and_nothing_else() {
    CAPTURE(std::string{Unit::name});
    CHECK(Unit::from_config(Unit::min).count() == Unit::min);
    CHECK(Unit::from_config(Unit::max).count() == Unit::max);
    for (const std::int64_t wrong :
         {std::int64_t{0}, std::int64_t{-1}, Unit::max + 1, std::numeric_limits<std::int64_t>::min(),
          std::numeric_limits<std::int64_t>::max()}) {
        CAPTURE(wrong);
        CHECK_THROWS_AS(Unit::from_config(wrong), ih::error);
    }
}

} // namespace

TEST_CASE("units take their range from configuration and nothing else", "[units][M2.2]") {
    takes_its_range_and_nothing_else<ih::bytes>();
    takes_its_range_and_nothing_else<ih::messages>();
    takes_its_range_and_nothing_else<ih::frames>();
    takes_its_range_and_nothing_else<ih::peers>();
    takes_its_range_and_nothing_else<ih::per_second>();
}

TEST_CASE("a refused number is named together with its range", "[units]") {
    try {
        (void)ih::frames::from_config(65);
        FAIL("65 frames were accepted");
    } catch (const ih::error& e) {
        CHECK(e.why() == ih::error::misuse);
        CHECK(std::string{e.what()} == "frames from configuration: 65 is outside 1..64");
        CHECK(std::string{e.during()} == "frames from configuration");
        CHECK(e.zmq_code() == 0);
    }
}

TEST_CASE("units compare by number", "[units]") {
    const ih::bytes small = ih::bytes::from_config(10);
    const ih::bytes large = ih::bytes::from_config(11);
    CHECK(small < large);
    CHECK(small <= large);
    CHECK(large > small);
    CHECK(small != large);
    CHECK(small == ih::bytes::from_config(10));
    CHECK((small <=> large) == std::strong_ordering::less);
}

namespace {
template <class Unit> struct holds { Unit limit = Unit::from_config(1); };
// Clang 14 forgets consteval calls inside templates, and the link fails.
template <class Unit> [[nodiscard]] std::int64_t in_a_template() {
    const holds<Unit> one{.limit = 64_peers};
    const auto two = 3_messages;
    return one.limit.count() + two.count();
}
} // namespace

TEST_CASE("a literal may stand in a template", "[core]") { CHECK(in_a_template<ih::peers>() == 67); }

// SPDX-License-Identifier: MIT

#include <ironhouse/core/limits.hpp>

#include "catch.hpp"

#include <cstdint>
#include <string>
#include <type_traits>

namespace {

namespace ih = ironhouse;
using namespace ih::literals;

constexpr ih::inbound orders{.peers = 100_peers, .queue = 100_messages, .frames = 4_frames, .frame = 4_KiB};
constexpr ih::outbound replies{.peers = 1_peer, .queue = 100_messages, .frames = 4_frames, .frame = 4_KiB};
constexpr ih::duplex both{.in = orders, .out = replies};

template <auto Limits> struct as_argument { static constexpr auto value = Limits; };

static_assert(as_argument<orders>::value == orders);
static_assert(as_argument<both>::value.out == replies);
static_assert(
    std::is_same_v<
        as_argument<orders>,
        as_argument<ih::inbound{.peers = 100_peers, .queue = 100_messages, .frames = 4_frames, .frame = 4'096_B}>>);
static_assert(!std::is_convertible_v<ih::inbound, ih::outbound>);
static_assert(!std::is_convertible_v<ih::outbound, ih::inbound>);
static_assert(std::is_convertible_v<ih::planned, ih::inbound> && std::is_convertible_v<ih::planned, ih::outbound>);

static_assert(ih::detail::check_limits<orders>() && ih::detail::check_limits<replies>());
static_assert(ih::detail::check_limits<both>());
static_assert(ih::memory_ceiling(orders) <= 256_MiB); // the first page of the design says so

constexpr ih::inbound inbound_of(std::int64_t peers, std::int64_t queue, std::int64_t frames, std::int64_t frame) {
    return {.peers = ih::peers::from_config(peers),
            .queue = ih::messages::from_config(queue),
            .frames = ih::frames::from_config(frames),
            .frame = ih::bytes::from_config(frame)};
}
constexpr ih::outbound outbound_of(std::int64_t peers, std::int64_t queue, std::int64_t frames, std::int64_t frame) {
    const ih::inbound same = inbound_of(peers, queue, frames, frame);
    return {.peers = same.peers, .queue = same.queue, .frames = same.frames, .frame = same.frame};
}

/// The bytes that messages at their limits carry, without any overhead.
std::int64_t payload(const ih::inbound& l) {
    return l.peers.count() * l.queue.count() * l.frames.count() * l.frame.count();
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

template <class Action> std::string refusal_of(Action action) {
    try {
        action();
    } catch (const ih::error& e) {
        CHECK(e.why() == ih::error::misuse);
        return e.what();
    }
    return "nothing was refused";
}

} // namespace

TEST_CASE("the memory ceiling is above the payload and grows with every limit", "[limits][M2.4]") {
    for (const ih::inbound& l : {inbound_of(1, 2, 1, 1), inbound_of(100, 1'000, 1, 64), inbound_of(20, 250, 4, 4'096),
                                 inbound_of(4, 8, 4, 1 << 20), inbound_of(2, 2, 64, 1 << 30)}) {
        const ih::bytes ceiling = ih::memory_ceiling(l);
        CAPTURE(ceiling.count(), payload(l));
        CHECK(ceiling.count() > payload(l));
        const std::int64_t peers = l.peers.count();
        const std::int64_t queue = l.queue.count();
        const std::int64_t frames = l.frames.count();
        const std::int64_t frame = l.frame.count();
        CHECK(ih::memory_ceiling(inbound_of(peers + 1, queue, frames, frame)) > ceiling);
        CHECK(ih::memory_ceiling(inbound_of(peers, queue + 1, frames, frame)) > ceiling);
        if (frames < 64) CHECK(ih::memory_ceiling(inbound_of(peers, queue, frames + 1, frame)) > ceiling);
        CHECK(ih::memory_ceiling(inbound_of(peers, queue, frames, frame + 4'096)) > ceiling);
        CHECK(ih::memory_ceiling(outbound_of(peers, queue, frames, frame)).count() > payload(l));
    }
}

TEST_CASE("the memory ceiling counts a slot and a header for every frame", "[limits][M2.4]") {
    // 64 bytes of slot, 40 of header, 33 of CURVE, 8 of the allocator's: 1-byte frames cost 160 times what they carry.
    const ih::outbound tiny = outbound_of(1, 1'000'000, 1, 1);
    CHECK(ih::memory_ceiling(tiny).count() >= 1'000'000LL * (64 + 96));
    CHECK(ih::memory_ceiling(tiny).count() <= 1'000'000LL * (64 + 96) * 11 / 10);
    // What libzmq lets in whatever the limit: 514 bytes.
    const ih::inbound received = inbound_of(1, 1'000'000, 1, 1);
    CHECK(ih::memory_ceiling(received) == ih::memory_ceiling(inbound_of(1, 1'000'000, 1, 514)));
    CHECK(ih::memory_ceiling(received).count() >= 1'000'000LL * (64 + 40 + 514 + 33));
}

TEST_CASE("the memory ceiling stays within a tenth of large payloads", "[limits][M2.4]") {
    const ih::inbound large = inbound_of(16, 100, 4, 1 << 20);
    CHECK(ih::memory_ceiling(large).count() <= payload(large) / 10 * 11);
}

TEST_CASE("sums that no machine could hold stop at the largest number of bytes", "[limits]") {
    const ih::inbound monstrous = inbound_of(1'000'000, 10'000'000, 64, 1 << 30);
    CHECK(ih::memory_ceiling(monstrous).count() == ih::bytes::max);
    CHECK(ih::memory_ceiling(inbound_of(1'000'000, 10'000'000, 64, ih::bytes::max)).count() == ih::bytes::max);
    CHECK(ih::memory_ceiling(ih::duplex{.in = monstrous, .out = replies}).count() == ih::bytes::max);
    CHECK(ih::kernel_ceiling(monstrous).count() > 0);
}

TEST_CASE("a duplex ceiling covers both directions and counts connections once", "[limits][M2.4]") {
    const std::int64_t in = ih::memory_ceiling(orders).count();
    const std::int64_t out = ih::memory_ceiling(replies).count();
    const std::int64_t sum = ih::memory_ceiling(both).count();
    CHECK(sum > in);
    CHECK(sum > out);
    CHECK(sum < in + out);
}

TEST_CASE("socket buffers follow the frame between 64 and 208 KiB", "[limits]") {
    CHECK(ih::buffer_size(inbound_of(1, 2, 1, 1)) == 64_KiB);
    CHECK(ih::buffer_size(inbound_of(1, 2, 1, 16 << 10)) == 64_KiB);
    CHECK(ih::buffer_size(inbound_of(1, 2, 1, 20 << 10)) == 80_KiB);
    CHECK(ih::buffer_size(inbound_of(1, 2, 1, 52 << 10)) == 208_KiB);
    CHECK(ih::buffer_size(outbound_of(1, 2, 1, 1 << 30)) == 208_KiB);
    CHECK(ih::buffer_size(ih::duplex{.in = inbound_of(1, 2, 1, 1), .out = outbound_of(1, 2, 1, 1 << 20)}) == 208_KiB);
}

TEST_CASE("the kernel's ceiling is two doubled buffers for each peer", "[limits]") {
    CHECK(ih::kernel_ceiling(orders).count() == 100 * 4 * (64LL << 10));
    CHECK(ih::kernel_ceiling(replies).count() == 4 * (64LL << 10));
    CHECK(ih::kernel_ceiling(both) == ih::kernel_ceiling(orders));
}

TEST_CASE("the guard's slack is 24 MiB and a bounded share for half-open connections", "[limits]") {
    CHECK(ih::guard_slack(inbound_of(1, 2, 1, 1)).count() == (24LL << 20) + 64 * 20'480);
    CHECK(ih::guard_slack(inbound_of(1, 2, 1, 1)) == ih::guard_slack(outbound_of(64, 1'000, 4, 1 << 20)));
    CHECK(ih::guard_slack(inbound_of(100, 2, 1, 1)).count() == (24LL << 20) + 100 * 20'480);
    CHECK(ih::guard_slack(inbound_of(1'000'000, 2, 1, 1)).count() == (24LL << 20) + 512 * 20'480);
    CHECK(ih::guard_slack(both) == ih::guard_slack(orders));

    CHECK(ih::topics_ceiling(replies).count() == 1'000LL * 245 * 96);
    CHECK(ih::topics_ceiling(outbound_of(1'000'000, 2, 1, 1)).count() == 1'000'000LL * 1'000 * 245 * 96);
    CHECK(ih::topics_ceiling(both).count() == 100LL * 1'000 * 245 * 96);
}

TEST_CASE("limits with a queue of one or a frame above 1 GiB have a complaint", "[limits][M2.2][T4.1]") {
    CHECK(ih::detail::limits_complaint(orders) == nullptr);
    CHECK(ih::detail::limits_complaint(both) == nullptr);
    CHECK(ih::detail::limits_complaint(inbound_of(1, 2, 1, 1 << 30)) == nullptr);
    CHECK(ih::detail::limits_complaint(inbound_of(1, 1, 1, 1)) != nullptr);
    CHECK(ih::detail::limits_complaint(inbound_of(1, 2, 1, (1LL << 30) + 1)) != nullptr);
    CHECK(ih::detail::limits_complaint(ih::duplex{.in = orders, .out = outbound_of(1, 1, 1, 1)}) != nullptr);
    CHECK(ih::detail::limits_complaint(ih::duplex{.in = inbound_of(1, 1, 1, 1), .out = replies}) != nullptr);
}

TEST_CASE("run-time limits above the ceiling are refused with field, value and ceiling", "[limits][M2.2]") {
    CHECK(ih::detail::within(orders, orders));
    CHECK_NOTHROW(ih::detail::require_within(orders, orders, "open"));
    CHECK(ih::detail::within(inbound_of(1, 2, 1, 1), orders));

    struct field {
        ih::inbound limits;
        const char* told;
    };
    for (const field& f :
         {field{inbound_of(101, 100, 4, 4'096), "peers = 101 is above the ceiling of the socket's type, 100"},
          field{inbound_of(100, 200, 4, 4'096), "queue = 200 is above the ceiling of the socket's type, 100"},
          field{inbound_of(100, 100, 5, 4'096), "frames = 5 is above the ceiling of the socket's type, 4"},
          field{inbound_of(100, 100, 4, 4'097), "frame = 4097 is above the ceiling of the socket's type, 4096"}}) {
        CHECK(!ih::detail::within(f.limits, orders));
        const std::string told = refusal_of([&] { ih::detail::require_within(f.limits, orders, "open pull"); });
        CAPTURE(told);
        CHECK(contains(told, f.told));
        CHECK(contains(told, "open pull: inbound limits: "));
    }
}

TEST_CASE("run-time limits of both directions are each held to their own ceiling", "[limits][M2.2]") {
    ih::duplex wide = both;
    CHECK(ih::detail::within(wide, both));
    wide.out.peers = 2_peers; // fewer than the other direction allows, more than its own
    CHECK(!ih::detail::within(wide, both));
    const std::string told = refusal_of([&] { ih::detail::require_within(wide, both, "open dealer"); });
    CAPTURE(told);
    CHECK(contains(told, "outbound limits: peers = 2 is above"));
}

TEST_CASE("run-time limits that are wrong in themselves are refused whatever the ceiling", "[limits][M2.2]") {
    const std::string told =
        refusal_of([] { ih::detail::require_within(inbound_of(1, 1, 1, 1), orders, "open pull"); });
    CAPTURE(told);
    CHECK(contains(told, "below 2"));
}

TEST_CASE("a plan uses its budget and not a byte more", "[limits][M2.4]") {
    const ih::budget given{
        .memory = 256_MiB, .peers = 100_peers, .frames = 4_frames, .frame = 4_KiB, .burst = 10_messages};
    const ih::planned found = ih::plan(given);
    CHECK(found.peers == given.peers);
    CHECK(found.frames == given.frames);
    CHECK(found.frame == given.frame);
    CHECK(found.queue >= given.burst);

    const ih::inbound received = found;
    const ih::outbound sent = found;
    CHECK(ih::memory_ceiling(received) <= given.memory);
    CHECK(ih::memory_ceiling(sent) <= given.memory);
    CHECK(received.queue == found.queue);

    const auto longer = inbound_of(100, found.queue.count() + 1, 4, 4'096);
    CHECK(ih::memory_ceiling(longer) > given.memory);
}

TEST_CASE("a plan is the same for the compiler and at run time", "[limits][M2.4]") {
    constexpr ih::budget given{
        .memory = 64_MiB, .peers = 10_peers, .frames = 1_frame, .frame = 1_KiB, .burst = 2_messages};
    constexpr ih::planned compiled = ih::plan<given>();
    CHECK(compiled == ih::plan(given));
}

TEST_CASE("a plan for which memory is no question stops at a million messages", "[limits][M2.4]") {
    const ih::planned found =
        ih::plan({.memory = 1'024_GiB, .peers = 1_peer, .frames = 1_frame, .frame = 64_B, .burst = 2_messages});
    CHECK(found.queue == 1'000'000_messages);
}

TEST_CASE("a plan over budget is refused with the number of bytes it lacks", "[limits][M2.4]") {
    ih::budget poor{.memory = 1_MiB, .peers = 100_peers, .frames = 4_frames, .frame = 1_KiB, .burst = 2_messages};
    const std::int64_t lacking = ih::memory_ceiling(inbound_of(100, 2, 4, 1'024)).count() - poor.memory.count();
    REQUIRE(lacking > 0);
    const std::string told = refusal_of([&] { (void)ih::plan(poor); });
    CAPTURE(told);
    CHECK(contains(told, "lacks " + std::to_string(lacking) + " bytes"));

    poor.memory = ih::bytes::from_config(poor.memory.count() + lacking - 1);
    CHECK(contains(refusal_of([&] { (void)ih::plan(poor); }), "lacks 1 bytes"));
    poor.memory = ih::bytes::from_config(poor.memory.count() + 1);
    CHECK(ih::plan(poor).queue == 2_messages);
}

TEST_CASE("a plan never cuts a burst short", "[limits][M2.4]") {
    ih::budget bursty{.memory = 1_GiB, .peers = 10_peers, .frames = 1_frame, .frame = 1_KiB, .burst = 50'000_messages};
    CHECK(ih::plan(bursty).queue >= 50'000_messages);
    bursty.memory = 64_MiB;
    CHECK_THROWS_AS(ih::plan(bursty), ih::error);
}

TEST_CASE("a plan refuses frames above 1 GiB and bursts above a million", "[limits][M2.4]") {
    ih::budget b{.memory = 1'024_GiB, .peers = 1_peer, .frames = 1_frame, .frame = 1_KiB, .burst = 2_messages};
    CHECK_NOTHROW(ih::plan(b));
    b.frame = 2_GiB;
    CHECK(contains(refusal_of([&] { (void)ih::plan(b); }), "1 GiB"));
    b.frame = 1_KiB;
    b.burst = 1'000'001_messages;
    CHECK(contains(refusal_of([&] { (void)ih::plan(b); }), "burst"));
}

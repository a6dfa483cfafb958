// SPDX-License-Identifier: MIT
#include <ironhouse/core/message.hpp>
#include <ironhouse/core/units.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <type_traits>

#include "catch.hpp"

namespace ih = ironhouse;
using namespace ih::literals;

namespace {
using letter = ih::message<3_frames, 8_B>;

struct point {
    std::int32_t x, y;
};
} // namespace

static_assert(!std::is_copy_constructible_v<letter>);
static_assert(std::is_nothrow_move_constructible_v<letter>);
static_assert(ih::message<64_frames, 1_KiB>::capacity_frames == 64);

TEST_CASE("a message refuses the frame that would exceed its capacity, and keeps the rest", "[core][T4.2]") {
    letter m;
    CHECK(m.empty());
    CHECK(m.add("one"));
    CHECK(m.add(std::string_view{}));
    CHECK(m.add("12345678"));
    CHECK_FALSE(m.add("four"));
    REQUIRE(m.size() == 3);
    CHECK(m[0].text() == "one");
    CHECK(m[1].size() == 0);
    CHECK(m[2].bytes().size() == 8);
}

TEST_CASE("a message refuses a frame one byte over its limit", "[core][T4.2]") {
    letter m;
    CHECK_FALSE(m.add("123456789"));
    CHECK(m.empty());
    zmq::message_t large{std::string{"123456789"}};
    CHECK_FALSE(m.add(std::move(large)));
    CHECK(large.size() == 9);
    CHECK(m.empty());
}

TEST_CASE("a frame that is not there reads as empty", "[core]") {
    letter m;
    CHECK(m[0].text().empty());
    CHECK(m[99].bytes().empty());
    CHECK_FALSE(m.object<point>(0).has_value());
    CHECK(m.take(0).size() == 0);
}

TEST_CASE("frames travel to and from existing code without being copied", "[core]") {
    ih::message<1_frame, 1_KiB> m;
    zmq::message_t frame{std::string(500, 'x')};
    const void* const payload = frame.data();
    REQUIRE(m.add(std::move(frame)));
    CHECK(static_cast<const void*>(m[0].bytes().data()) == payload);
    const zmq::message_t back = m.take(0);
    CHECK(back.data() == payload);
    CHECK(m.size() == 1);
    CHECK(m[0].size() == 0);
}

TEST_CASE("an object is read only from a frame of exactly its size", "[core][T4.2]") {
    letter m;
    REQUIRE(m.add_object(point{3, 4}));
    REQUIRE(m.add("1234567"));
    REQUIRE(m.object<point>(0).has_value());
    CHECK(m.object<point>(0)->y == 4);
    CHECK_FALSE(m.object<point>(1).has_value());
    CHECK_FALSE(m.object<std::int32_t>(0).has_value());
}

TEST_CASE("a moved message takes frames and address along and leaves an empty one", "[core]") {
    letter m;
    const std::array id{std::byte{1}, std::byte{2}};
    REQUIRE(m.add("body"));
    REQUIRE(m.to(id));
    letter other{std::move(m)};
    CHECK(other[0].text() == "body");
    CHECK(other.routing_id().size() == 2);
    CHECK(m.empty()); // NOLINT(bugprone-use-after-move): the state after a move is part of the promise
    CHECK(m.routing_id().empty());
    other.clear();
    CHECK(other.empty());
    CHECK(other.routing_id().empty());
}

TEST_CASE("a reply goes to whom the request came from", "[core]") {
    letter request, reply;
    const std::array id{std::byte{7}};
    REQUIRE(request.to(id));
    reply.to(request);
    REQUIRE(reply.routing_id().size() == 1);
    CHECK(reply.routing_id()[0] == std::byte{7});
    reply.to(letter{});
    CHECK(reply.routing_id().empty());
}

TEST_CASE("a routing id is 1 to 255 bytes", "[core][B6]") {
    letter m;
    const std::array<std::byte, 256> id{};
    CHECK_FALSE(m.to(std::span{id}.first(0)));
    CHECK_FALSE(m.to(std::span{id}.first(256)));
    CHECK(m.to(std::span{id}.first(255)));
    CHECK_FALSE(m.to(std::span{id}.first(0)));
    CHECK(m.routing_id().size() == 255);
}

TEST_CASE("a message made here has no sender", "[core]") {
    letter m;
    CHECK(m.sender().empty());
    REQUIRE(m.add("x"));
    CHECK(m.sender().empty());
    CHECK(m.sender_serial() == 0);
}

TEST_CASE("a message is filled, cleared and filled again without leaking", "[core]") {
    ih::message<4_frames, 1_KiB> m;
    for (int round = 0; round != 100; ++round) {
        REQUIRE(m.add(std::string(600, 'a')));
        REQUIRE(m.add(std::string(700, 'b')));
        if (round % 3 == 0) m.clear();
        if (round % 3 == 1) REQUIRE(m.add("c"));
        m.clear();
    }
    CHECK(m.empty());
}

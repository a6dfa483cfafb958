// SPDX-License-Identifier: MIT
#include <ironhouse/keys/certificate.hpp>
#include <ironhouse/keys/keyring.hpp>
#include <ironhouse/sentry/zap.hpp>

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"

namespace ih = ironhouse;
using ih::detail::decide;
using ih::detail::zap_request;

namespace {

std::string raw_text(const ih::public_key& key) {
    return {reinterpret_cast<const char*>(key.raw().data()), key.raw().size()};
}

std::optional<zap_request> read_zap(const std::vector<std::string_view>& frames) {
    return ih::detail::read_zap(frames.data(), frames.size());
}
struct request_frames {
    std::string key;
    std::vector<std::string_view> all;
    explicit request_frames(std::string raw) : key{std::move(raw)} {
        all = {"1.0", "1", "orders#1", "127.0.0.1", "", "CURVE", key};
    }
};

} // namespace

TEST_CASE("a request is read only when it is exactly version 1.0 with a 32-byte CURVE key", "[sentry][B2]") {
    const auto ann = ih::certificate::generate("ann");
    const request_frames good{raw_text(ann.public_key())};
    REQUIRE(read_zap(good.all).has_value());
    CHECK(read_zap(good.all)->domain == "orders#1");
    CHECK(read_zap(good.all)->address == "127.0.0.1");

    const auto changed = [&](std::size_t at, std::string_view to) {
        auto frames = good.all;
        frames[at] = to;
        return read_zap(frames).has_value();
    };
    CHECK_FALSE(changed(0, "1.1"));
    CHECK_FALSE(changed(0, ""));
    CHECK_FALSE(changed(5, "NULL"));
    CHECK_FALSE(changed(5, "PLAIN"));
    CHECK_FALSE(changed(5, "GSSAPI"));
    CHECK_FALSE(changed(6, std::string_view{good.key}.substr(1)));
    CHECK_FALSE(changed(6, ""));
    auto longer = good.all;
    longer.push_back("more");
    CHECK_FALSE(read_zap(longer).has_value());
    auto shorter = good.all;
    shorter.pop_back();
    CHECK_FALSE(read_zap(shorter).has_value());
    CHECK_FALSE(read_zap({}).has_value());
}

TEST_CASE("the decision goes by key and by time", "[sentry][T6.1][M1.4]") {
    using namespace std::chrono_literals;
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const auto ann = ih::certificate::generate("ann");
    const auto early = ih::certificate::generate("early");
    const auto late = ih::certificate::generate("late");
    const auto stranger = ih::certificate::generate("stranger");
    const auto ring = ih::keyring::of({
        ih::keyring::entry{.name = "ann", .key = ann.public_key()},
        ih::keyring::entry{.name = "early", .key = early.public_key(), .not_before = now + 1h},
        ih::keyring::entry{.name = "late", .key = late.public_key(), .not_after = now},
    });
    const auto judge = [&](const ih::certificate& who, const ih::keyring* by) {
        const request_frames frames{raw_text(who.public_key())};
        return decide(*read_zap(frames.all), by, now);
    };
    CHECK(judge(ann, &ring).admitted());
    CHECK(judge(ann, &ring).who == "ann");
    CHECK(judge(early, &ring).why == ih::reason::refused_not_yet_valid);
    CHECK(judge(late, &ring).why == ih::reason::refused_expired);
    CHECK(judge(stranger, &ring).why == ih::reason::refused_unknown_key);
    CHECK(judge(stranger, &ring).who == stranger.fingerprint());
    CHECK(judge(stranger, nullptr).admitted());
    CHECK(judge(stranger, nullptr).who == stranger.fingerprint());
}

TEST_CASE("a null or low-order key is refused even where everybody is let in", "[sentry][B2]") {
    for (const char first : {'\0', '\1'}) {
        std::string weak(32, '\0');
        weak[0] = first;
        const request_frames frames{weak};
        CHECK(decide(*read_zap(frames.all), nullptr, {}).why == ih::reason::refused_unknown_key);
    }
}

TEST_CASE("a ring whose directory is gone lets in nobody, though its keys are known", "[sentry][B10]") {
    const auto ann = ih::certificate::generate("ann");
    const auto eve = ih::certificate::generate("eve");
    const auto ring = ih::keyring::of({ann.public_part()});
    const request_frames known{raw_text(ann.public_key())};
    const request_frames unknown{raw_text(eve.public_key())};
    const std::chrono::sys_seconds now{};
    CHECK(decide(*read_zap(known.all), &ring, now).admitted());
    ih::detail::keyring_access::open(ring, false);
    CHECK(decide(*read_zap(known.all), &ring, now).why == ih::reason::refused_ring_missing);
    CHECK(decide(*read_zap(known.all), &ring, now).who == "ann");
    CHECK(decide(*read_zap(unknown.all), &ring, now).why == ih::reason::refused_unknown_key);
    ih::detail::keyring_access::open(ring, true);
    CHECK(decide(*read_zap(known.all), &ring, now).admitted());
}

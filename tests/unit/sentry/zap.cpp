// SPDX-License-Identifier: MIT
#include <ironhouse/keys/address_range.hpp>
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
using ih::detail::visit;
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
        return decide(*read_zap(frames.all), by, {.now = now});
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

TEST_CASE("an entry is let in where each of its terms allows it, and refused by the one that does not",
          "[sentry][M1.4][T6.1]") {
    using namespace std::chrono_literals;
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const ih::keyring::entry ann{.name = "ann",
                                 .key = ih::keypair::generate().public_key(),
                                 .not_before = now,
                                 .not_after = now + 1h,
                                 .roles = {"clerk", "trader"},
                                 .from = {ih::address_range::parse("10.1.0.0/16"), ih::address_range::parse("::1/128")},
                                 .domains = {"orders", "prices"},
                                 .patterns = {"pull", "router"}};
    const visit good{.domain = "orders", .pattern = "pull", .role = "trader", .address = "10.1.2.3", .now = now};
    const auto judged = [&](auto visit::*field, auto value) {
        visit here = good;
        here.*field = value;
        return ih::detail::judge(ann, here);
    };
    using std::string_view;
    CHECK(ih::detail::judge(ann, good) == ih::reason::client_admitted);
    CHECK(judged(&visit::domain, string_view{"prices"}) == ih::reason::client_admitted);
    CHECK(judged(&visit::pattern, string_view{"router"}) == ih::reason::client_admitted);
    CHECK(judged(&visit::role, string_view{"clerk"}) == ih::reason::client_admitted);
    CHECK(judged(&visit::role, string_view{}) == ih::reason::client_admitted);
    CHECK(judged(&visit::address, string_view{"::1"}) == ih::reason::client_admitted);
    CHECK(judged(&visit::address, string_view{"::ffff:10.1.2.3"}) == ih::reason::client_admitted);

    CHECK(judged(&visit::now, now - 1s) == ih::reason::refused_not_yet_valid);
    CHECK(judged(&visit::now, now + 1h) == ih::reason::refused_expired);
    for (const string_view domain : {"order", "orders2", "Orders", ""})
        CHECK(judged(&visit::domain, domain) == ih::reason::refused_domain);
    for (const string_view pattern : {"push", "pul", ""})
        CHECK(judged(&visit::pattern, pattern) == ih::reason::refused_pattern);
    for (const string_view role : {"trade", "traders", "Trader", "clerk,trader"})
        CHECK(judged(&visit::role, role) == ih::reason::refused_role);
    // The last one is what ZAP says over ipc: a user and a process.
    for (const string_view address : {"10.2.2.3", "::ffff:10.2.2.3", "::2", "", "localhost:1000:1000:4711"})
        CHECK(judged(&visit::address, address) == ih::reason::refused_address);
}

TEST_CASE("a key with topics is let in where they mean something, and where nobody subscribes", "[sentry][T6.3]") {
    const ih::keyring::entry ann{.name = "ann", .key = ih::keypair::generate().public_key(), .topics = {"news"}};
    CHECK(ih::detail::judge(ann, {.pattern = "pub"}) == ih::reason::client_admitted);
    CHECK(ih::detail::judge(ann, {.pattern = "pub", .ignores_topics = true}) == ih::reason::refused_topics);
    const ih::keyring::entry ben = ih::keyring::entry::of(ih::keypair::generate().public_key());
    CHECK(ih::detail::judge(ben, {.pattern = "pub", .ignores_topics = true}) == ih::reason::client_admitted);
}

TEST_CASE("a key without terms is let in anywhere, unless a role is asked for", "[sentry][M1.4]") {
    const ih::keyring::entry bare = ih::keyring::entry::of(ih::keypair::generate().public_key());
    CHECK(ih::detail::judge(bare, {"orders", "pull", "", "203.0.113.9"}) == ih::reason::client_admitted);
    CHECK(ih::detail::judge(bare, {"orders", "pull", "", "localhost:1:1:1"}) == ih::reason::client_admitted);
    CHECK(ih::detail::judge(bare, {"orders", "pull", "trader", "203.0.113.9"}) == ih::reason::refused_role);
    // Nor has a key that nobody wrote down.
    const request_frames frames{raw_text(bare.key)};
    CHECK(decide(*read_zap(frames.all), nullptr, visit{.role = "trader"}).why == ih::reason::refused_role);
}

TEST_CASE("a verdict says how many connections the key may have", "[sentry][M1.4]") {
    const auto ann = ih::keypair::generate().public_key();
    const auto ben = ih::keypair::generate().public_key();
    const auto ring =
        ih::keyring::of({ih::keyring::entry{.name = "ann", .key = ann, .connections = ih::peers::from_config(7)},
                         ih::keyring::entry{.name = "ben", .key = ben}});
    const auto allowed = [&](const ih::public_key& key) {
        const request_frames frames{raw_text(key)};
        return decide(*read_zap(frames.all), &ring, visit{}).connections;
    };
    CHECK(allowed(ann) == 7);
    CHECK(allowed(ben) == 0);
}

TEST_CASE("a null or low-order key is refused even where everybody is let in", "[sentry][B2]") {
    for (const char first : {'\0', '\1'}) {
        std::string weak(32, '\0');
        weak[0] = first;
        const request_frames frames{weak};
        CHECK(decide(*read_zap(frames.all), nullptr, visit{}).why == ih::reason::refused_unknown_key);
    }
}

TEST_CASE("a ring whose directory is gone lets in nobody, though its keys are known", "[sentry][B10]") {
    const auto ann = ih::certificate::generate("ann");
    const auto eve = ih::certificate::generate("eve");
    const auto ring = ih::keyring::of({ann.public_part()});
    const request_frames known{raw_text(ann.public_key())};
    const request_frames unknown{raw_text(eve.public_key())};
    CHECK(decide(*read_zap(known.all), &ring, {}).admitted());
    ih::detail::keyring_access::open(ring, false);
    CHECK(decide(*read_zap(known.all), &ring, {}).why == ih::reason::refused_ring_missing);
    CHECK(decide(*read_zap(known.all), &ring, {}).who == "ann");
    CHECK(decide(*read_zap(unknown.all), &ring, {}).why == ih::reason::refused_unknown_key);
    ih::detail::keyring_access::open(ring, true);
    CHECK(decide(*read_zap(known.all), &ring, {}).admitted());
}

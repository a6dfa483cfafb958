// SPDX-License-Identifier: MIT

/// \file
/// A keyring holds every key it was given under one name, or is refused; and changes as a whole.

#include "catch.hpp"
#include "unit/keys/support.hpp"

#include <ironhouse/keys/keyring.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <poll.h>

namespace {

namespace ih = ironhouse;
using ih::certificate;
using ih::error;
using ih::keyring;
using ih::public_key;
using namespace key_tests;
using access = ih::detail::keyring_access;

static_assert(!std::is_default_constructible_v<keyring> && std::is_copy_constructible_v<keyring>);

public_key fresh() { return ih::keypair::generate().public_key(); }

std::optional<error> load(const scratch& folder) {
    return refusal([&] { return keyring::from_directory(folder.path()); });
}

// Files that differ in their key alone, without the cost of making a certificate each.
std::string file_of(const public_key& key, std::string_view metadata = "") {
    return std::string{"metadata\n"}.append(metadata).append("curve\n    public-key = \"" + key.z85() + "\"\n");
}

} // namespace

TEST_CASE("a ring finds its keys under their names, and no others", "[keys][M1.2]") {
    const auto ann = fresh();
    const auto bob = fresh();
    const auto ring = keyring::of({{"ann", ann}, {"bob", bob}});
    CHECK(ring.size() == 2);
    REQUIRE(ring.find(ann));
    CHECK(ring.find(ann)->name == "ann");
    CHECK(ring.find(bob)->name == "bob");
    CHECK_FALSE(ring.find(fresh()));
    CHECK(ring.origin().empty());
    const auto held = ring.now();
    CHECK(held->find_name("ann")->key == ann);
    CHECK(held->find_name("an") == nullptr);
    CHECK(held->find_name("") == nullptr);
    const std::array<unsigned char, 32> nonsense{};
    CHECK(held->find(std::span{nonsense}) == nullptr); // what a peer presents need not be a key
    CHECK(held->find(ann.raw()) == held->find_name("ann"));
}

TEST_CASE("nameless keys are called by their fingerprint", "[keys]") {
    const auto ann = fresh();
    CHECK(keyring::of({ann}).find(ann)->name == ann.fingerprint());
    CHECK(keyring::of({ann, fresh()}).size() == 2);
    const auto named = certificate::generate("bob", {.roles = {"audit"}});
    const auto ring = keyring::of({named.public_part()});
    CHECK(ring.find(named.public_key())->name == "bob");
    CHECK((ring.find(named.public_key())->roles == std::vector<std::string>{"audit"}));
    // An entry taken from one ring serves another.
    CHECK_FALSE(refusal([&] { return keyring::of(keyring::of({ann}).now()->entries()); }));
}

TEST_CASE("names and keys are unique, and names are safe to show, or there is no ring", "[keys][T6.1]") {
    const auto ann = fresh();
    const auto bob = fresh();
    CHECK(says(refusal([&] {
                   return keyring::of({{"x", ann}, {"x", bob}});
               }),
               error::misuse, {"two keys are called \"x\""}));
    CHECK(says(refusal([&] { return keyring::of({{"x", ann}, {"y", ann}}); }), error::misuse, {"x", "y", "same key"}));
    CHECK(says(refusal([&] { return keyring::of({ann, bob, ann}); }), error::misuse, {"two keys", ann.fingerprint()}));
    for (const char* const name : {"", "a#1", "a\nb", " a", "a ", "\"", "'", "caf\xc3\xa9"}) {
        CAPTURE(name);
        CHECK(says(refusal([&] { return keyring::of({{name, ann}}); }), error::misuse, {ann.fingerprint(), "name"}));
    }
    CHECK(says(refusal([&] { return keyring::of({{std::string(65, 'a'), ann}}); }), error::misuse, {"64"}));
    CHECK(says(refusal([&] { return keyring::of({{bob.fingerprint(), ann}}); }), error::misuse, {"another key"}));
    CHECK_FALSE(refusal([&] { return keyring::of({{ann.fingerprint(), ann}}); }));
    CHECK(says(refusal([&] { return keyring::of({keyring::entry{.name = "a", .key = ann, .roles = {"b c"}}}); }),
               error::misuse, {"role 1"}));
}

TEST_CASE("an entry holds what its certificate says that the key may do", "[keys][M1.4]") {
    const auto ann = certificate::generate("ann", {.roles = {"trader"},
                                                   .from = {ih::address_range::parse("10.0.0.0/8")},
                                                   .connections = ih::peers::from_config(7),
                                                   .domains = {"orders"},
                                                   .patterns = {"pull", "router"},
                                                   .topics = {"news"}});
    const auto ring = keyring::of({ann.public_part()});
    const auto held = ring.find(ann.public_key());
    REQUIRE(held);
    CHECK((held->roles == ann.roles()));
    REQUIRE(held->from.size() == 1);
    CHECK(held->from[0].text() == "10.0.0.0/8");
    CHECK(held->connections->count() == 7);
    CHECK((held->domains == std::vector<std::string>{"orders"}));
    CHECK((held->patterns == std::vector<std::string>{"pull", "router"}));
    CHECK((held->topics == std::vector<std::string>{"news"}));
    // Whoever writes entries by hand is held to the same rules.
    CHECK(
        says(refusal([&] { return keyring::of({keyring::entry{.name = "a", .key = fresh(), .patterns = {"puhs"}}}); }),
             error::misuse, {"\"a\": pattern 1"}));
    CHECK(says(refusal([&] {
                   return keyring::of(
                       {keyring::entry{.name = "a", .key = fresh(), .connections = ih::peers::from_config(100'000)}});
               }),
               error::misuse, {"\"a\": connections is 100000"}));
}

TEST_CASE("a directory becomes a ring of all its public certificates", "[keys][M1.2][M1.6]") {
    const scratch folder;
    const auto ann = certificate::generate("ann", {.roles = {"orders", "audit"}});
    ann.save_public(folder / "first.key");
    write(folder / "czmq.key", slurp(golden("czmq.key")), 0644);
    write(folder / "pyzmq.key", slurp(golden("pyzmq.key")), 0644);
    write(folder / "README", "not a key", 0666);
    write(folder / ".hidden.key", "not a key either", 0666);
    write(folder / "old.key.bak", "nor this");
    const auto ring = keyring::from_directory(folder.path());
    CHECK(ring.size() == 3);
    CHECK(ring.origin() == folder.path());
    CHECK(ring.find(ann.public_key())->name == "ann"); // the certificate's own name before the file's
    CHECK((ring.find(ann.public_key())->roles == std::vector<std::string>{"orders", "audit"}));
    CHECK(ring.now()->find_name("pyzmq") != nullptr); // nameless: the file's
    REQUIRE(ring.now()->find_name("Ann Example") != nullptr);
    CHECK(ring.now()->find_name("Ann Example")->not_after.has_value());
}

TEST_CASE("a directory is followed through links, as Kubernetes mounts it", "[keys][M1.4]") {
    const scratch folder;
    fs::create_directory(folder / "..2026");
    certificate::generate("ann").save_public(folder / "..2026/ann.key");
    fs::create_symlink("..2026", folder / "..data");
    fs::create_symlink("..data/ann.key", folder / "ann.key");
    fs::create_symlink(folder.path(), folder / "link");
    CHECK(keyring::from_directory(folder.path()).size() == 1);
    CHECK(keyring::from_directory(folder / "link").size() == 1);
}

TEST_CASE("one file that cannot be trusted refuses the whole directory by name", "[keys][B10]") {
    const scratch folder;
    const auto ann = certificate::generate("ann");
    ann.save_public(folder / "ann.key");
    REQUIRE_FALSE(load(folder));

    SECTION("a file that was tampered with") {
        write(folder / "zoe.key", slurp(golden("injected.key")), 0644);
        CHECK(says(load(folder), error::rejected, {"zoe.key", "second time"}));
    }
    SECTION("an empty file") {
        write(folder / "zoe.key", "", 0644);
        CHECK(says(load(folder), error::rejected, {"zoe.key", "missing"}));
    }
    SECTION("a secret certificate") {
        ann.save(folder / "ann.key_secret");
        CHECK(says(load(folder), error::rejected, {"ann.key_secret", "secret certificate"}));
    }
    SECTION("a sealed certificate") {
        write(folder / "ann.key_sealed", "");
        CHECK(says(load(folder), error::rejected, {"ann.key_sealed", "secret certificate"}));
    }
    SECTION("a secret certificate under a public name") {
        certificate::generate("zoe").save(folder / "zoe.key");
        CHECK(says(load(folder), error::rejected, {"zoe.key", "secret"}));
    }
    SECTION("a file that every user may write") {
        write(folder / "zoe.key", file_of(fresh()), 0646);
        CHECK(says(load(folder), error::rejected, {"zoe.key", "0646"}));
    }
    SECTION("two files with one key") {
        write(folder / "zoe.key", file_of(ann.public_key()), 0644);
        CHECK(says(load(folder), error::rejected, {"ann", "zoe", "same key"}));
    }
    SECTION("two keys with one name") {
        write(folder / "zoe.key", file_of(fresh(), "    name = ann\n"), 0644);
        CHECK(says(load(folder), error::rejected, {"two keys are called \"ann\""}));
    }
    SECTION("a nameless certificate whose file name is no name") {
        write(folder / "a#b.key", file_of(fresh()), 0644);
        CHECK(says(load(folder), error::rejected, {"a#b.key", "gives no name"}));
    }
    SECTION("a file name that could forge a line in a log") {
        write(folder / "a\nb.key", file_of(fresh()), 0644);
        const auto refused = load(folder);
        CHECK(says(refused, error::rejected, {"control character"}));
        CHECK(std::string_view{refused->what()}.find('\n') == std::string_view::npos);
    }
    SECTION("a directory with a key's name") {
        fs::create_directory(folder / "zoe.key");
        CHECK(says(load(folder), error::rejected, {"zoe.key", "not a regular file"}));
    }
    SECTION("a FIFO, without waiting for its writer") {
        REQUIRE(::mkfifo((folder / "zoe.key").c_str(), 0644) == 0);
        CHECK(says(load(folder), error::rejected, {"zoe.key", "not a regular file"}));
    }
    SECTION("a link to nothing") {
        fs::create_symlink("nothing", folder / "zoe.key");
        CHECK(says(load(folder), error::rejected, {"zoe.key", "No such"}));
    }
    SECTION("a null key") {
        write(folder / "zoe.key", "metadata\ncurve\n    public-key = \"" + std::string(40, '0') + "\"\n", 0644);
        CHECK(says(load(folder), error::rejected, {"zoe.key", "null key"}));
    }
}

TEST_CASE("directories that are missing, open to every user, or none are refused", "[keys][B10]") {
    const scratch folder;
    CHECK(
        says(refusal([&] { return keyring::from_directory(folder / "none"); }), error::rejected, {"none", "No such"}));
    write(folder / "file", "");
    CHECK(says(refusal([&] { return keyring::from_directory(folder / "file"); }), error::rejected, {"file"}));
    CHECK(says(refusal([&] { return keyring::from_directory(""); }), error::misuse, {"empty"}));
    REQUIRE(::chmod(folder.path().c_str(), 01777) == 0);
    CHECK(says(load(folder), error::rejected, {folder.path(), "1777"}));
    REQUIRE(::chmod(folder.path().c_str(), 0775) == 0);
    CHECK_FALSE(load(folder));
}

TEST_CASE("an empty directory lets nobody in", "[keys][B2]") {
    const scratch folder;
    const auto ring = keyring::from_directory(folder.path());
    CHECK(ring.size() == 0);
    CHECK_FALSE(ring.find(fresh()));
}

TEST_CASE("a large directory is read whole and every key is found", "[keys]") {
    const scratch folder;
    std::vector<public_key> keys;
    for (unsigned at = 0; at < 3000; ++at) {
        std::array<unsigned char, 32> raw{9};
        for (std::size_t byte = 0; byte < 4; ++byte) raw[4 + byte] = static_cast<unsigned char>(at >> (8 * byte));
        keys.push_back(public_key::from_bytes(std::as_bytes(std::span{raw})));
        write(folder / (std::to_string(at) + ".key"), file_of(keys.back()), 0644);
    }
    const auto ring = keyring::from_directory(folder.path());
    REQUIRE(ring.size() == keys.size());
    for (std::size_t at = 0; at < keys.size(); ++at) {
        const auto found = ring.find(keys[at]);
        REQUIRE(found);
        REQUIRE(found->name == std::to_string(at));
    }
}

TEST_CASE("a file becomes a ring of its key", "[keys][M1.2]") {
    const scratch folder;
    const auto ann = certificate::generate("ann", {.roles = {"audit"}});
    ann.save_public(folder / "first.key");
    const auto ring = keyring::from_file(folder / "first.key");
    CHECK(ring.size() == 1);
    CHECK(ring.origin() == folder / "first.key");
    REQUIRE(ring.find(ann.public_key()));
    CHECK(ring.find(ann.public_key())->name == "ann");
    CHECK((ring.find(ann.public_key())->roles == std::vector<std::string>{"audit"}));
    const auto bob = fresh();
    write(folder / "bob.key", file_of(bob), 0644);
    CHECK(keyring::from_file(folder / "bob.key").find(bob)->name == "bob"); // nameless: the file's

    const auto refused = [&](const std::string& name) {
        return refusal([&] { return keyring::from_file(folder / name); });
    };
    CHECK(says(refused("none.key"), error::rejected, {"none.key", "No such"}));
    CHECK(says(refused(""), error::rejected, {"not a regular file"}));
    ann.save(folder / "ann.key_secret");
    CHECK(says(refused("ann.key_secret"), error::rejected, {"ann.key_secret", "secret key"}));
    write(folder / "open.key", file_of(bob), 0646);
    CHECK(says(refused("open.key"), error::rejected, {"0646"}));
}

TEST_CASE("a share is at most everything", "[keys]") {
    const scratch folder;
    CHECK(says(refusal([&] { return keyring::from_directory(folder.path(), {.shrink_percent = 101}); }), error::misuse,
               {"101", "0 to 100"}));
    CHECK_FALSE(refusal([&] { return keyring::from_directory(folder.path(), {.shrink_percent = 100}); }));
}

TEST_CASE("a ring is open until it is closed, and every handle sees it", "[keys]") {
    const auto ring = keyring::of({fresh()});
    const keyring copy = ring; // NOLINT(performance-unnecessary-copy-initialization): the copy is the question
    CHECK(copy.is_open());
    CHECK(access::open(ring, false)); // what it was
    CHECK_FALSE(copy.is_open());
    CHECK_FALSE(access::open(ring, true));
    CHECK(copy.is_open());
}

TEST_CASE("what came, went and changed is counted by name", "[keys]") {
    const auto ann = fresh();
    const auto bob = fresh();
    const auto counts = [](std::vector<keyring::entry> old, std::vector<keyring::entry> next) {
        const auto found = access::compare(*keyring::of(std::move(old)).now(), *keyring::of(std::move(next)).now());
        return std::array<std::size_t, 3>{found.added, found.removed, found.changed};
    };
    using three = std::array<std::size_t, 3>;
    CHECK(counts({}, {}) == three{0, 0, 0});
    CHECK(counts({{"ann", ann}, {"bob", bob}}, {{"bob", bob}, {"ann", ann}}) == three{0, 0, 0});
    CHECK(counts({}, {{"ann", ann}, {"bob", bob}}) == three{2, 0, 0});
    CHECK(counts({{"ann", ann}, {"bob", bob}}, {}) == three{0, 2, 0});
    CHECK(counts({{"ann", ann}, {"c", fresh()}}, {{"bob", bob}, {"c", fresh()}}) == three{1, 1, 1});
    CHECK(counts({{"ann", ann}}, {keyring::entry{.name = "ann", .key = ann, .roles = {"audit"}}}) == three{0, 0, 1});
}

TEST_CASE("a set takes effect only in place of the one it was compared with", "[keys]") {
    const auto ring = keyring::of({fresh()});
    const auto old = ring.now();
    const auto make = [] { return access::make({{"bob", fresh()}}, error::rejected, "reload"); };
    REQUIRE(access::replace(ring, old, make(), {7, 9}));
    CHECK(access::marks(ring).survey == 7);
    CHECK(access::marks(ring).confirm == 9);
    const auto held = ring.now();
    CHECK_FALSE(access::replace(ring, old, make(), {8, 8}));
    CHECK(ring.now() == held);
    CHECK(ring.generation() == 2);
    CHECK(access::marks(ring).survey == 7);
}

TEST_CASE("files that changed just now are not taken for known, since their times are coarse", "[keys]") {
    const scratch folder;
    write(folder / "ann.key", file_of(fresh()), 0644);
    CHECK(access::marks(keyring::from_directory(folder.path())).survey == 0);
    struct ::stat found {};
    REQUIRE(::stat((folder / "ann.key").c_str(), &found) == 0);
    const auto changed = std::int64_t{found.st_ctim.tv_sec} * 1'000'000'000 + found.st_ctim.tv_nsec;
    ih::detail::keyring_survey seen;
    seen.add("ann.key", found);
    CHECK(seen.mark(changed) == 0);
    CHECK(seen.mark(changed + 1'999'999'999) == 0);
    CHECK(seen.mark(changed + 2'000'000'001) == seen.sum);
    // Everything that is known of a file counts.
    const auto differs = [&](std::string_view name, auto change) {
        struct ::stat other = found;
        change(other);
        ih::detail::keyring_survey again;
        again.add(name, other);
        return again.sum != seen.sum;
    };
    CHECK_FALSE(differs("ann.key", [](struct ::stat&) {}));
    CHECK(differs("bob.key", [](struct ::stat&) {}));
    CHECK(differs("ann.key", [](struct ::stat& other) { ++other.st_ino; }));
    CHECK(differs("ann.key", [](struct ::stat& other) { ++other.st_dev; }));
    CHECK(differs("ann.key", [](struct ::stat& other) { ++other.st_size; }));
    CHECK(differs("ann.key", [](struct ::stat& other) { ++other.st_mtim.tv_nsec; }));
    CHECK(differs("ann.key", [](struct ::stat& other) { ++other.st_ctim.tv_nsec; }));
}

TEST_CASE("a confirmed number is a number", "[keys]") {
    using ih::detail::parse_count;
    CHECK(parse_count("0") == std::size_t{0});
    CHECK(parse_count("12\n") == std::size_t{12});
    CHECK(parse_count("1000000") == std::size_t{1'000'000});
    for (const char* const text : {"", "\n", "-1", "+1", " 1", "1 ", "1\n\n", "0x1", "twelve", "12345678"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_count(text));
    }
}

TEST_CASE("handles share a ring and see it replaced; what is held of the old one stays", "[keys]") {
    const auto ann = fresh();
    const auto bob = fresh();
    const auto ring = keyring::of({{"ann", ann}});
    const keyring copy = ring; // NOLINT(performance-unnecessary-copy-initialization): the copy is the question
    const auto twin = keyring::of({{"ann", ann}});
    CHECK(ring.same_as(copy));
    CHECK_FALSE(ring.same_as(twin));
    CHECK(copy.generation() == 1);

    const auto held = copy.find(ann);
    const auto before = copy.now();
    const auto former = access::replace(ring, access::make({{"bob", bob}}, error::rejected, "reload"));
    CHECK(former == before);
    CHECK(copy.generation() == 2);
    CHECK_FALSE(copy.find(ann));
    CHECK(copy.find(bob));
    CHECK(held->name == "ann");
    CHECK(before->find(ann) == held.get());
    CHECK(twin.find(ann));
    // A bad set never becomes a snapshot, so there is nothing to replace with.
    CHECK(says(refusal([&] {
                   return access::make({{"x", ann}, {"x", bob}}, error::rejected, "reload");
               }),
               error::rejected, {"reload"}));
    CHECK(copy.generation() == 2);
}

TEST_CASE("a ring is replaced as a whole or not at all, and whoever asked is woken", "[keys][B5]") {
    const auto ann = fresh();
    const auto ben = fresh();
    const auto ring = keyring::of({{"ann", ann}, {"ben", ben}});
    ih::detail::wake bell;
    const auto rang = [&] {
        pollfd at{bell.fd(), POLLIN, 0};
        const bool raised = ::poll(&at, 1, 0) == 1;
        bell.lower();
        return raised;
    };
    access::hear(ring, bell, true);
    CHECK(says(refusal([&] { ring.replace({{"ann", ann}, {"ann", ben}}); }), error::misuse, {"ann"}));
    CHECK(ring.size() == 2);
    CHECK(ring.generation() == 1);
    CHECK_FALSE(rang());
    ring.replace({{"ann", ann}});
    CHECK(ring.size() == 1);
    CHECK(ring.generation() == 2);
    CHECK(rang());
    access::hear(ring, bell, false);
    ring.replace({});
    CHECK(ring.size() == 0);
    CHECK_FALSE(rang());
}

TEST_CASE("threads see the old ring or the new one, never a mixture", "[keys]") {
    const auto ann = fresh();
    const auto bob = fresh();
    const auto ring = keyring::of({{"ann", ann}});
    std::atomic<bool> done{false};
    std::atomic<int> mixtures{0};
    std::atomic<int> readers_ready{0};
    std::vector<std::thread> readers;
    for (int who = 0; who < 3; ++who) {
        readers.emplace_back([&, mine = ring] {
            std::uint64_t last = 0;
            ++readers_ready;
            while (!done) {
                const auto now = mine.now();
                if (now->size() != 1 || (now->find(ann) != nullptr) == (now->find(bob) != nullptr)) ++mixtures;
                const auto generation = mine.generation();
                if (generation < last) ++mixtures;
                last = generation;
            }
        });
    }
    while (readers_ready < 3) std::this_thread::yield();
    for (int round = 0; round < 500; ++round) {
        access::replace(
            ring, access::make({{round % 2 == 0 ? "bob" : "ann", round % 2 == 0 ? bob : ann}}, error::rejected, "r"));
    }
    done = true;
    for (auto& reader : readers) reader.join();
    CHECK(mixtures == 0);
    CHECK(ring.generation() == 501);
}

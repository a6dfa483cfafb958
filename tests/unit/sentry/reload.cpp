// SPDX-License-Identifier: MIT

/// \file
/// A ring follows its directory, all or nothing; nobody is let in by half a set, and nobody is cut by a mistake.

#include "catch.hpp"
#include "unit/keys/support.hpp"
#include "wire/support/eventually.hpp"

#include <ironhouse/sentry/reload.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

namespace {

namespace ih = ironhouse;
using ih::keyring;
using ih::public_key;
using ih::reason;
using ih::detail::ring_pace;
using ih::detail::ring_watch;
using namespace key_tests;
using namespace std::chrono_literals;
using wire::eventually;
using wire::never;

// Each notices in a way of its own, soon enough for a test; the other ways are asleep.
constexpr ring_pace told{30ms, 2s, 1h, 1h, true};
constexpr ring_pace polled{30ms, 2s, 50ms, 1h, false};
constexpr ring_pace surveyed{30ms, 2s, 1h, 50ms, false};
// Patient enough for several changes in a row on a busy machine.
constexpr ring_pace both{150ms, 2s, 50ms, 1h, true};

struct follower {
    explicit follower(const keyring& followed, ring_pace pace = both) : ring{followed}, watch{bell, pace} {
        watch.follow(ring);
    }
    std::size_t heard(reason why) {
        for (auto& found : watch.take()) all.push_back(std::move(found));
        std::size_t count = 0;
        for (const auto& found : all) count += found.why == why ? 1 : 0;
        return count;
    }
    bool hears(reason why) {
        return eventually([&] { return heard(why) != 0; });
    }
    std::string detail(reason why) {
        std::string last;
        for (const auto& found : all)
            if (found.why == why) last = found.detail;
        return last;
    }
    bool holds(std::size_t keys) {
        return eventually([&] { return ring.size() == keys; });
    }
    // The first look at the directory, which sees everything, is over.
    void catch_up(const scratch& folder) {
        const auto before = ring.generation();
        key(folder, "mark");
        REQUIRE(eventually([&] { return ring.generation() != before && ring.now()->find_name("mark") != nullptr; }));
        fs::remove(folder / "mark.key");
        REQUIRE(eventually([&] { return ring.now()->find_name("mark") == nullptr; }));
    }
    static public_key key(const scratch& folder, const std::string& name);

    keyring ring;
    ih::detail::wake bell;
    ring_watch watch;
    std::vector<ih::detail::ring_finding> all;
};

public_key made(std::size_t number) {
    std::array<unsigned char, 32> raw{9};
    for (std::size_t byte = 0; byte < 4; ++byte) raw[4 + byte] = static_cast<unsigned char>(number >> (8 * byte));
    return public_key::from_bytes(std::as_bytes(std::span{raw}));
}
public_key fresh() {
    static std::size_t number = 1'000'000;
    return made(++number);
}
std::string file_of(const public_key& key, std::string_view metadata = "") {
    return std::string{"metadata\n"}.append(metadata).append("curve\n    public-key = \"" + key.z85() + "\"\n");
}
// As careful people put it there: whole or not at all.
public_key put(const std::string& path, std::string_view metadata = "") {
    const auto key = fresh();
    write(path + ".new", file_of(key, metadata), 0644);
    fs::rename(path + ".new", path);
    return key;
}
public_key follower::key(const scratch& folder, const std::string& name) { return put(folder / (name + ".key")); }

void fill(const scratch& folder, std::size_t from, std::size_t to) {
    for (; from != to; ++from) write(folder / ("k" + std::to_string(from) + ".key"), file_of(made(from)), 0644);
}
void clear(const scratch& folder, std::size_t from, std::size_t to) {
    for (; from != to; ++from) fs::remove(folder / ("k" + std::to_string(from) + ".key"));
}

} // namespace

TEST_CASE("a key that is added comes in, one that is removed does not", "[sentry][M1.2]") {
    const scratch folder;
    const auto ann = follower::key(folder, "ann");
    const auto pace = GENERATE(told, polled, surveyed);
    CAPTURE(pace.told, pace.poll.count());
    follower at{keyring::from_directory(folder.path()), pace};
    const auto bob = follower::key(folder, "bob");
    REQUIRE(at.holds(2));
    CHECK(at.ring.find(bob));
    CHECK(at.ring.generation() == 2);
    fs::remove(folder / "ann.key");
    REQUIRE(at.holds(1));
    CHECK_FALSE(at.ring.find(ann));
    // Replaced under the same name, as in a rotation.
    const auto next = follower::key(folder, "bob");
    REQUIRE(eventually([&] { return at.ring.find(next) != nullptr; }));
    CHECK_FALSE(at.ring.find(bob));
    REQUIRE(eventually([&] { return at.heard(reason::keyring_replaced) == 3; }));
    CHECK(at.detail(reason::keyring_replaced) == "1 keys, 0 added, 0 removed, 1 changed");
    CHECK(at.all.front().origin == folder.path());
}

TEST_CASE("a file that is overwritten at once, with as many bytes, is read again", "[sentry][M1.2]") {
    // Without inotify only the files' times tell, and they are coarse.
    const scratch folder;
    const auto pace = GENERATE(told, surveyed);
    write(folder / "ann.key", file_of(fresh()), 0644);
    follower at{keyring::from_directory(folder.path()), pace};
    at.catch_up(folder);
    const auto next = fresh();
    write(folder / "ann.key", file_of(next), 0644);
    CHECK(eventually([&] { return at.ring.find(next) != nullptr; }));
}

TEST_CASE("what changed between loading and following counts", "[sentry]") {
    const scratch folder;
    follower::key(folder, "ann");
    const auto ring = keyring::from_directory(folder.path());
    follower::key(folder, "bob");
    follower at{ring, told};
    CHECK(at.holds(2));
}

TEST_CASE("a set that equals the present one changes nothing", "[sentry]") {
    const scratch folder;
    follower::key(folder, "ann");
    follower at{keyring::from_directory(folder.path())};
    const auto before = at.ring.now();
    write(folder / "ann.key", slurp(folder / "ann.key"), 0644);
    write(folder / "README", "not a key");
    CHECK(never([&] { return at.ring.generation() != 1; }, 500ms));
    CHECK(at.ring.now() == before);
    CHECK(at.heard(reason::keyring_replaced) == 0);
}

TEST_CASE("a bad set is refused, told once, and the old one stays", "[sentry][B10]") {
    const scratch folder;
    const auto ann = follower::key(folder, "ann");
    follower at{keyring::from_directory(folder.path())};
    write(folder / "zoe.key", "nonsense\n", 0644);
    follower::key(folder, "bob");
    REQUIRE(at.hears(reason::keyring_refused));
    CHECK(at.detail(reason::keyring_refused).find("zoe.key: line 1") != std::string::npos);
    CHECK(at.ring.generation() == 1);
    CHECK(at.ring.find(ann));
    CHECK(at.ring.is_open());
    // The same again is not news, something else is.
    follower::key(folder, "eve");
    CHECK(never([&] { return at.heard(reason::keyring_refused) != 1; }, 400ms));
    write(folder / "zoe.key", file_of(ann), 0644);
    REQUIRE(eventually([&] { return at.heard(reason::keyring_refused) == 2; }));
    CHECK(at.detail(reason::keyring_refused).find("same key") != std::string::npos);
    fs::remove(folder / "zoe.key");
    CHECK(at.holds(3));
}

TEST_CASE("a secret among public keys refuses the set", "[sentry][B10]") {
    const scratch folder;
    follower::key(folder, "ann");
    follower at{keyring::from_directory(folder.path()), told};
    write(folder / "ann.key_secret", "");
    REQUIRE(at.hears(reason::keyring_refused));
    CHECK(at.detail(reason::keyring_refused).find("ann.key_secret") != std::string::npos);
}

TEST_CASE("files that still arrive are waited for", "[sentry]") {
    const scratch folder;
    follower::key(folder, "ann");
    follower at{keyring::from_directory(folder.path()), {400ms, 20s, 1h, 1h, true}};
    at.catch_up(folder);
    const auto before = at.ring.generation();
    std::size_t others = 0;
    const int half = ::open((folder / "bob.key").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    REQUIRE(half >= 0);
    const std::string text = file_of(fresh());
    for (std::size_t i = 0; i != 20; ++i) {
        const std::size_t begin = text.size() * i / 20, end = text.size() * (i + 1) / 20;
        REQUIRE(::write(half, text.data() + begin, end - begin) == static_cast<ssize_t>(end - begin));
        fill(folder, i, i + 1);
        // Slower than the machine, faster than the watch's patience.
        CHECK(never([&] { return others != 0; }, 20ms));
        others += at.ring.generation() - before;
    }
    ::close(half);
    REQUIRE(at.holds(22));
    CHECK(others == 0);
    CHECK(at.ring.generation() == before + 1);
    CHECK(at.heard(reason::keyring_refused) == 0);
}

TEST_CASE("a directory in which changes never end is read all the same", "[sentry]") {
    const scratch folder;
    follower::key(folder, "ann");
    follower at{keyring::from_directory(folder.path()), {2s, 500ms, 1h, 1h, true}};
    at.catch_up(folder);
    follower::key(folder, "bob");
    CHECK(eventually([&] {
        write(folder / ".confirm", "1", 0644); // a hint, and no key
        return at.ring.size() == 2;
    }));
}

TEST_CASE("a set that lacks more than its share waits until it is confirmed", "[sentry][B10]") {
    const scratch folder;
    fill(folder, 0, 20);
    const auto ring = keyring::from_directory(folder.path());
    follower at{ring};

    SECTION("a share that is allowed goes at once") {
        clear(folder, 0, 5);
        CHECK(at.holds(15));
        CHECK(at.heard(reason::keyring_shrank) == 0);
    }
    SECTION("one more is told, and named") {
        clear(folder, 0, 6);
        REQUIRE(at.hears(reason::keyring_shrank));
        const auto said = at.detail(reason::keyring_shrank);
        CHECK(said.find("holds 14 keys and lacks 6 of 20") != std::string::npos);
        CHECK(said.find("write 14 into " + folder.path() + "/.confirm") != std::string::npos);
        CHECK(at.ring.size() == 20);
        CHECK(at.ring.generation() == 1);
        CHECK(at.ring.is_open());

        SECTION("and is taken back without anybody noticing") {
            fill(folder, 0, 6);
            follower::key(folder, "ann");
            CHECK(at.holds(21));
        }
        SECTION("confirmed by the program") {
            at.ring.confirm();
            CHECK(at.holds(14));
            // For once: the next one waits again.
            clear(folder, 6, 12);
            REQUIRE(eventually([&] { return at.heard(reason::keyring_shrank) == 2; }));
            CHECK(at.ring.size() == 14);
        }
        SECTION("confirmed by a file") {
            write(folder / ".confirm", "14\n", 0644);
            REQUIRE(at.holds(14));
            // It does not count twice, even for a set of that size.
            fill(folder, 20, 40);
            REQUIRE(at.holds(34));
            clear(folder, 20, 40);
            REQUIRE(eventually([&] { return at.heard(reason::keyring_shrank) == 2; }));
            CHECK(never([&] { return at.ring.size() != 34; }, 300ms));
            write(folder / ".confirm", "14\n", 0644);
            CHECK(at.holds(14));
        }
        SECTION("not by another number") {
            write(folder / ".confirm", "13\n", 0644);
            CHECK(never([&] { return at.ring.size() != 20; }, 400ms));
            write(folder / ".confirm", "fourteen", 0644);
            CHECK(never([&] { return at.ring.size() != 20; }, 400ms));
        }
        SECTION("not by a file that every user may write") {
            write(folder / ".confirm", "14", 0646);
            REQUIRE(at.hears(reason::keyring_refused));
            CHECK(at.detail(reason::keyring_refused).find(".confirm") != std::string::npos);
            CHECK(at.ring.size() == 20);
        }
    }
}

TEST_CASE("a confirmation that was there when the present set was read is not for the next one", "[sentry]") {
    const scratch folder;
    fill(folder, 0, 20);
    write(folder / ".confirm", "10", 0644);
    follower at{keyring::from_directory(folder.path())};
    clear(folder, 0, 10);
    REQUIRE(at.hears(reason::keyring_shrank));
    CHECK(never([&] { return at.ring.size() != 20; }, 300ms));
}

TEST_CASE("small rings lose single keys at once, and not all of them", "[sentry]") {
    const scratch folder;
    fill(folder, 0, 4);
    follower at{keyring::from_directory(folder.path())};
    clear(folder, 0, 3);
    REQUIRE(at.holds(1));
    // The last client's key has leaked.
    clear(folder, 3, 4);
    REQUIRE(at.holds(0));
    fill(folder, 0, 2);
    REQUIRE(at.holds(2));
    // What a volume that is not mounted looks like.
    clear(folder, 0, 2);
    REQUIRE(at.hears(reason::keyring_shrank));
    CHECK(at.ring.size() == 2);
}

TEST_CASE("the share is the program's choice", "[sentry]") {
    const scratch folder;
    fill(folder, 0, 10);
    follower none{keyring::from_directory(folder.path(), {.shrink_percent = 100})};
    follower half{keyring::from_directory(folder.path(), {.shrink_percent = 50})};
    clear(folder, 0, 5);
    CHECK(none.holds(5));
    CHECK(half.holds(5));
    clear(folder, 5, 10);
    CHECK(none.holds(0));
    CHECK(half.hears(reason::keyring_shrank));
}

TEST_CASE("a directory that goes lets nobody new in and cuts nobody, until it is back", "[sentry][B10]") {
    const scratch above;
    const std::string path = above.folder("clients");
    const auto ann = put(path + "/ann.key");
    const auto pace = GENERATE(told, polled);
    const auto ring = keyring::from_directory(path);
    follower at{ring, pace};
    CHECK(at.ring.is_open());
    const auto gone = [&] { return !ring.is_open(); };
    const auto back = [&] { return ring.is_open(); };

    SECTION("moved away and back") {
        fs::rename(path, above / "elsewhere");
        REQUIRE(eventually(gone));
        REQUIRE(at.hears(reason::keyring_missing));
        CHECK(at.detail(reason::keyring_missing).find("No such file") != std::string::npos);
        CHECK(ring.find(ann));
        CHECK(ring.generation() == 1);
        CHECK(never([&] { return at.heard(reason::keyring_missing) != 1; }, 200ms)); // told once
        fs::rename(above / "elsewhere", path);
        REQUIRE(eventually(back));
        CHECK(ring.generation() == 1); // the same set
        CHECK(at.hears(reason::keyring_replaced));
    }
    SECTION("removed, and another one in its place") {
        fs::remove_all(path);
        REQUIRE(eventually(gone));
        CHECK(ring.find(ann));
        fs::create_directory(path);
        const auto bob = put(path + "/bob.key");
        REQUIRE(eventually(back));
        CHECK(ring.find(bob));
        CHECK_FALSE(ring.find(ann));
        // It is followed like the first one.
        put(path + "/eve.key");
        CHECK(at.holds(2));
    }
    SECTION("writable by every user") {
        REQUIRE(::chmod(path.c_str(), 0777) == 0);
        REQUIRE(eventually(gone));
        REQUIRE(at.hears(reason::keyring_missing));
        CHECK(at.detail(reason::keyring_missing).find("0777") != std::string::npos);
        REQUIRE(::chmod(path.c_str(), 0755) == 0);
        CHECK(eventually(back));
    }
    SECTION("back with a set that waits for confirmation: still nobody new") {
        for (std::size_t i = 0; i != 9; ++i) put(path + "/k" + std::to_string(i) + ".key");
        REQUIRE(at.holds(10));
        fs::rename(path, above / "elsewhere");
        REQUIRE(eventually(gone));
        fs::create_directory(path);
        REQUIRE(at.hears(reason::keyring_shrank));
        CHECK_FALSE(ring.is_open());
        CHECK(ring.size() == 10);
    }
}

TEST_CASE("Kubernetes exchanges all files at once, and no set is ever half of one and half of another",
          "[sentry][M1.4]") {
    // As a volume is mounted: links to links to a folder that is exchanged.
    const scratch volume;
    constexpr std::size_t keys = 40;
    const auto make_set = [&](const std::string& name) {
        const std::string inside = volume.folder(name);
        for (std::size_t i = 0; i != keys; ++i)
            put(inside + "/k" + std::to_string(i) + ".key", "    roles = " + name.substr(2) + "\n");
    };
    const auto show = [&](const std::string& name) {
        fs::create_symlink(name, volume / "..data_tmp");
        fs::rename(volume / "..data_tmp", volume / "..data");
    };
    make_set("..r0");
    show("..r0");
    for (std::size_t i = 0; i != keys; ++i) {
        const std::string name = "k" + std::to_string(i) + ".key";
        fs::create_symlink("..data/" + name, volume / name);
    }
    const bool inside = GENERATE(false, true);
    const auto pace = GENERATE(told, polled);
    CAPTURE(inside, pace.told);
    follower at{keyring::from_directory(volume / (inside ? "..data" : "")), pace};
    const auto whole = [&] {
        const auto now = at.ring.now();
        for (const auto& entry : now->entries())
            if (entry.roles != now->entries().front().roles) return false;
        return now->size() == keys;
    };
    for (int round = 1; round != 6; ++round) {
        const std::string name = "..r" + std::to_string(round);
        make_set(name);
        show(name);
        const auto role = name.substr(2);
        REQUIRE(eventually([&] {
            CHECK(whole());
            return at.ring.now()->entries().front().roles.front() == role;
        }));
        fs::remove_all(volume / ("..r" + std::to_string(round - 1)));
    }
    CHECK(at.ring.is_open());
    CHECK(at.heard(reason::keyring_missing) == 0);
}

TEST_CASE("a directory exchanged while it is read is read again", "[sentry][M1.4]") {
    const scratch volume;
    for (const std::string name : {"a", "b"}) {
        const std::string inside = volume.folder("..set" + name);
        for (int i = 0; i != 200; ++i) put(inside + "/k" + std::to_string(i) + ".key", "    roles = " + name + "\n");
    }
    const auto show = [&](const char* name) {
        fs::create_symlink(name, volume / "..data_tmp");
        fs::rename(volume / "..data_tmp", volume / "..data");
    };
    show("..seta");
    for (int i = 0; i != 200; ++i) {
        const std::string name = "k" + std::to_string(i) + ".key";
        fs::create_symlink("..data/" + name, volume / name);
    }
    std::atomic<bool> done{false};
    std::thread kubelet{[&] {
        for (int round = 0; !done; ++round) {
            show(round % 2 == 0 ? "..setb" : "..seta");
            std::this_thread::yield();
        }
    }};
    int mixed = 0, exchanged = 0;
    const std::string during = "read";
    const ih::detail::keyring_place from{volume.path()};
    for (int round = 0; round != 50; ++round) {
        const auto opened = ih::detail::open_keyring(from, during);
        const auto read = ih::detail::read_keyring(from, opened.get(), during);
        bool whole = true;
        for (const auto& entry : read.keys->entries())
            whole = whole && entry.roles == read.keys->entries().front().roles;
        if (!whole) ++exchanged;
        if (!whole && read.settled) ++mixed;
    }
    done = true;
    kubelet.join();
    CHECK(exchanged > 0); // the test has met what it is about
    CHECK(mixed == 0);
}

TEST_CASE("a single file is followed, replaced or gone", "[sentry]") {
    const scratch folder;
    const std::string path = folder / "ann.key";
    const auto first = put(path);
    const auto pace = GENERATE(told, polled);
    const auto ring = keyring::from_file(path);
    follower at{ring, pace};
    const auto second = put(path);
    REQUIRE(eventually([&] { return ring.find(second) != nullptr; }));
    CHECK_FALSE(ring.find(first));
    const auto third = fresh();
    write(path, file_of(third), 0644);
    REQUIRE(eventually([&] { return ring.find(third) != nullptr; }));
    fs::remove(path);
    REQUIRE(eventually([&] { return !ring.is_open(); }));
    CHECK(ring.find(third));
    const auto fourth = put(path);
    REQUIRE(eventually([&] { return ring.is_open() && ring.find(fourth) != nullptr; }));
    write(path, "nonsense", 0644);
    REQUIRE(at.hears(reason::keyring_refused));
    CHECK(ring.find(fourth));
}

TEST_CASE("a relative path stays good when the program changes its directory", "[sentry]") {
    const scratch above;
    const std::string path = above.folder("clients");
    put(path + "/ann.key");
    const auto before = fs::current_path();
    fs::current_path(above.path());
    const auto ring = keyring::from_directory("clients/");
    fs::current_path(before);
    CHECK(ring.origin() == path);
    follower at{ring};
    put(path + "/bob.key");
    CHECK(at.holds(2));
    CHECK(ring.is_open());
}

TEST_CASE("only rings that came from somewhere, and may change, are followed; as long as anybody uses them",
          "[sentry]") {
    const scratch folder;
    follower::key(folder, "ann");
    follower still{keyring::from_directory(folder.path(), {.watch = false})};
    follower fixed{keyring::of({fresh()})};
    const auto ring = keyring::from_directory(folder.path());
    follower at{ring, both};
    at.watch.follow(ring); // a second socket
    at.watch.unfollow(ring);
    follower::key(folder, "bob");
    REQUIRE(at.holds(2));
    CHECK(still.ring.size() == 1);
    at.watch.unfollow(ring);
    at.watch.unfollow(ring); // once too often does no harm
    follower::key(folder, "eve");
    CHECK(never([&] { return ring.size() != 2; }, 400ms));
    at.watch.follow(ring);
    CHECK(at.holds(3));
}

TEST_CASE("two rings of one directory, and two watches of one ring, do not disturb each other", "[sentry]") {
    const scratch folder;
    follower::key(folder, "ann");
    const auto one = keyring::from_directory(folder.path());
    const auto other = keyring::from_directory(folder.path());
    follower first{one, told};
    first.watch.follow(other);
    follower second{one, told}; // another context
    follower::key(folder, "bob");
    REQUIRE(first.holds(2));
    CHECK(eventually([&] { return other.size() == 2; }));
    first.watch.unfollow(one); // and with it goes what inotify was asked for
    follower::key(folder, "eve");
    CHECK(eventually([&] { return other.size() == 3; }));
    CHECK(second.holds(3));
    CHECK(one.generation() == 3); // replaced once each, by whoever was first
}

TEST_CASE("whoever waits for findings is woken", "[sentry]") {
    const scratch folder;
    follower::key(folder, "ann");
    follower at{keyring::from_directory(folder.path())};
    follower::key(folder, "bob");
    pollfd on{at.bell.fd(), POLLIN, 0};
    REQUIRE(::poll(&on, 1, 10'000) == 1);
    CHECK(at.heard(reason::keyring_replaced) == 1);
}

TEST_CASE("thousands of keys are followed; a load is left alone at once when it is over", "[sentry]") {
    const scratch folder;
    fill(folder, 0, 2'000);
    const auto ring = keyring::from_directory(folder.path());
    REQUIRE(ring.size() == 2'000);
    {
        follower at{ring};
        follower::key(folder, "ann");
        REQUIRE(at.holds(2'001));
        CHECK(at.hears(reason::keyring_replaced));
        CHECK(at.detail(reason::keyring_replaced) == "2001 keys, 1 added, 0 removed, 0 changed");
    }
    std::atomic<bool> stop{true};
    const ih::detail::keyring_place from{folder.path()};
    const auto opened = ih::detail::open_keyring(from, "read");
    CHECK(ih::detail::read_keyring(from, opened.get(), "read", &stop).keys == nullptr);
}

// SPDX-License-Identifier: MIT

/// \file
/// Key files are written whole or not at all, never over another, with the mode they are meant to have.

#include "catch.hpp"
#include "unit/keys/support.hpp"

#include <ironhouse/detail/files.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>

namespace {

using ironhouse::error;
using ironhouse::detail::file_rule;
using ironhouse::detail::open_checked;
using ironhouse::detail::write_new_file;
using namespace key_tests;

std::optional<error> write_to(const std::string& path, std::string_view text = "text", ::mode_t mode = 0600) {
    return refusal([&] {
        write_new_file(path, text, mode, "save " + path);
        return 0;
    });
}

std::optional<error> open_by(file_rule rule, const std::string& path) {
    return refusal([&] {
        struct ::stat found {};
        return open_checked(AT_FDCWD, path.c_str(), rule, "open", found).get();
    });
}

} // namespace

TEST_CASE("a new file has exactly the mode it is meant to have, whatever the umask", "[keys][B8]") {
    const scratch folder;
    const ::mode_t mask = GENERATE(as<::mode_t>{}, 0, 022, 077, 0777);
    CAPTURE(mask);
    const ::mode_t before = ::umask(mask);
    const auto secret = write_to(folder / "a.key_secret");
    const auto open = write_to(folder / "a.key", "text", 0644);
    ::umask(before);
    REQUIRE_FALSE(secret);
    REQUIRE_FALSE(open);
    CHECK(mode_of(folder / "a.key_secret") == 0600);
    CHECK(mode_of(folder / "a.key") == 0644);
}

TEST_CASE("a file is never overwritten, and nothing is left beside it", "[keys][B8]") {
    const scratch folder;
    write(folder / "there", "before", 0640);
    CHECK(says(write_to(folder / "there"), error::rejected, {"there", "exists already"}));
    CHECK(slurp(folder / "there") == "before");
    CHECK(mode_of(folder / "there") == 0640);

    fs::create_symlink(folder / "elsewhere", folder / "link"); // to nothing: writing must not follow it either
    CHECK(says(write_to(folder / "link"), error::rejected, {"exists already"}));
    fs::create_directory(folder / "directory");
    CHECK(says(write_to(folder / "directory"), error::rejected, {"exists already"}));

    auto names = folder.names();
    std::sort(names.begin(), names.end());
    CHECK((names == std::vector<std::string>{"directory", "link", "there"}));
}

TEST_CASE("of many who write the same new file one succeeds, and its text is whole", "[keys][B8]") {
    const scratch folder;
    std::atomic<int> written{0};
    std::vector<std::thread> writers;
    for (char who = 'a'; who < 'i'; ++who) {
        writers.emplace_back([&, who] {
            if (!write_to(folder / "contested", std::string(20'000, who))) ++written;
        });
    }
    for (auto& writer : writers) writer.join();
    CHECK(written == 1);
    const std::string text = slurp(folder / "contested");
    CHECK(text == std::string(20'000, text.at(0)));
    CHECK(folder.names().size() == 1);
}

TEST_CASE("a write that fails midway leaves nothing behind", "[keys][B8]") {
    const scratch folder;
    const int result = in_child([&] {
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit small{1000, 1000};
        if (::setrlimit(RLIMIT_FSIZE, &small) != 0) return 2;
        return write_to(folder / "big", std::string(2000, 'x')) ? 0 : 3;
    });
    CHECK(result == 0);
    CHECK(folder.names().empty());
}

TEST_CASE("places that cannot hold a new file are refused by name", "[keys]") {
    const scratch folder;
    CHECK(says(write_to(folder / "missing/a"), error::rejected, {"missing/a", "directory"}));
    CHECK(says(write_to(""), error::misuse, {"empty"}));
    CHECK(says(write_to(folder / "x/"), error::misuse, {"names a directory"}));
    CHECK(says(write_to(folder / ".."), error::misuse, {"names a directory"}));
    CHECK(says(write_to(folder / std::string_view{"a\0b", 3}), error::misuse, {})); // what() ends at the NUL
    CHECK(says(write_to(folder / "a\nb"), error::misuse, {"control character"}));
    CHECK(says(write_to(folder / std::string(300, 'n')), error::rejected, {"cannot give it its name"}));
    CHECK(folder.names().empty());
}

TEST_CASE("only regular files are opened, without waiting for anybody", "[keys][B10]") {
    const scratch folder;
    REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
    const auto rule =
        GENERATE(file_rule::owner_only, file_rule::credential, file_rule::mounted, file_rule::public_text);
    CHECK(says(open_by(rule, folder / "fifo"), error::rejected, {"not a regular file"}));
    CHECK(says(open_by(rule, folder.path()), error::rejected, {"not a regular file"}));
    CHECK(says(open_by(rule, "/dev/null"), error::rejected, {"not a regular file"}));
    CHECK(says(open_by(rule, folder / "missing"), error::rejected, {"cannot open"}));
    write(folder / "large", std::string(64 * 1024 + 1, '#'));
    CHECK(says(open_by(rule, folder / "large"), error::rejected, {"65537", "65536"}));
    write(folder / "full", std::string(64 * 1024, '#'));
    CHECK_FALSE(open_by(rule, folder / "full"));
}

TEST_CASE("each rule accepts exactly the modes it names", "[keys][B8]") {
    const scratch folder;
    const std::string path = write(folder / "file", "text");
    for (unsigned bits = 0; bits < 0100; ++bits) {
        const auto mode = static_cast<::mode_t>(0600 | bits);
        REQUIRE(::chmod(path.c_str(), mode) == 0);
        CAPTURE(bits);
        CHECK(open_by(file_rule::owner_only, path).has_value() == (bits != 0));
        CHECK(open_by(file_rule::credential, path).has_value() == ((bits & 037) != 0));
        CHECK(open_by(file_rule::mounted, path).has_value() == ((bits & 037) != 0));
        CHECK(open_by(file_rule::public_text, path).has_value() == ((bits & 02) != 0));
    }
}

TEST_CASE("secrets that belong to a stranger are refused; root's and ours are not", "[keys][B8]") {
    if (::geteuid() != 0) return; // only root can give files away
    const scratch folder;
    const std::string path = write(folder / "file", "text", 0400);
    const auto rule = GENERATE(file_rule::owner_only, file_rule::credential, file_rule::mounted);
    REQUIRE(::chown(path.c_str(), 12345, 12345) == 0);
    CHECK(says(open_by(rule, path), error::rejected, {"12345", "belongs to user"}));
    CHECK_FALSE(open_by(file_rule::public_text, path));
    REQUIRE(::chown(path.c_str(), 0, 0) == 0);
    CHECK_FALSE(open_by(rule, path));
}

TEST_CASE("links are followed only where the rule says so", "[keys][B8]") {
    const scratch folder;
    write(folder / "file", "text");
    fs::create_symlink("file", folder / "link");
    CHECK(says(open_by(file_rule::owner_only, folder / "link"), error::rejected, {"symbolic link"}));
    CHECK(says(open_by(file_rule::credential, folder / "link"), error::rejected, {"symbolic link"}));
    CHECK_FALSE(open_by(file_rule::mounted, folder / "link"));
    CHECK_FALSE(open_by(file_rule::public_text, folder / "link"));
}

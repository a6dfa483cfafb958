// SPDX-License-Identifier: MIT

/// \file
/// Each source lets in what its rule allows and says what was wrong with the rest.

#include "catch.hpp"
#include "unit/keys/support.hpp"

#include <ironhouse/keys/key_source.hpp>
#include <ironhouse/keys/keypair.hpp>

#include <cstdlib>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace {

namespace ih = ironhouse;
using ih::error;
using ih::key_source;
using ih::secret_text;
using namespace key_tests;

constexpr std::string_view some_secret = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"; // RFC 32's example
constexpr std::string_view its_public = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";

template <class Secret> concept copies = std::is_copy_constructible_v<Secret> || std::is_copy_assignable_v<Secret>;
static_assert(copies<key_source> && !copies<secret_text>);
template <class Fill> concept calls_back = requires(Fill fill) { key_source::callback(std::move(fill)); };
static_assert(calls_back<void (*)(secret_text&)> && !calls_back<void (*)(std::string&)>);

key_source giving(std::string text) {
    return key_source::callback([text = std::move(text)](secret_text& into) { into.append(text); }, "the test");
}

std::string content(const key_source& source) {
    const secret_text text = source.read();
    return std::string{text.expose()};
}

} // namespace

TEST_CASE("a key file is read when only its owner can, and refused by path and mode otherwise", "[keys][B8][M1.4]") {
    const scratch folder;
    const std::string path = write(folder / "server.key_secret", "content");
    CHECK(content(key_source::file(path)) == "content");
    REQUIRE(::chmod(path.c_str(), 0400) == 0);
    CHECK(content(key_source::file(path)) == "content");
    REQUIRE(::chmod(path.c_str(), 0640) == 0);
    CHECK(says(refusal([&] { return key_source::file(path).read(); }), error::rejected, {path, "0640", "chmod 600"}));
    fs::create_symlink(path, folder / "link");
    CHECK(
        says(refusal([&] { return key_source::file(folder / "link").read(); }), error::rejected, {"link", "symbolic"}));
    CHECK(
        says(refusal([&] { return key_source::file(folder / "none").read(); }), error::rejected, {"none", "No such"}));
    write(folder / "empty", "");
    CHECK(says(refusal([&] { return key_source::file(folder / "empty").read(); }), error::rejected, {"is empty"}));
    CHECK(says(refusal([] { return key_source::file(""); }), error::misuse, {"empty"}));
    CHECK(says(refusal([] { return key_source::file("a\nb"); }), error::misuse, {"control"}));
}

TEST_CASE("a key file of 64 KiB is read, one byte more is refused", "[keys][B10]") {
    const scratch folder;
    const std::string path = write(folder / "file", std::string(64 * 1024, '#'));
    CHECK(key_source::file(path).read().size() == 64 * 1024);
    write(path, std::string(64 * 1024 + 1, '#'));
    CHECK(says(refusal([&] { return key_source::file(path).read(); }), error::rejected, {"65537", "65536"}));
}

TEST_CASE("a mounted secret is read through Kubernetes' links, with a group, without the world", "[keys][M1.4]") {
    const scratch volume;
    fs::create_directory(volume / "..2026_11_22");
    const std::string real = write(volume / "..2026_11_22/server.key", "content", 0440);
    fs::create_symlink("..2026_11_22", volume / "..data");
    fs::create_symlink("..data/server.key", volume / "server.key");
    const auto source = key_source::mounted(volume / "server.key");
    CHECK(content(source) == "content");
    REQUIRE(::chmod(real.c_str(), 0644) == 0); // Kubernetes' default
    CHECK(says(refusal([&] { return source.read(); }), error::rejected, {"server.key", "0644", "defaultMode: 0440"}));
    REQUIRE(::chmod(real.c_str(), 0660) == 0);
    CHECK(says(refusal([&] { return source.read(); }), error::rejected, {"group", "0660"}));
}

TEST_CASE("a systemd credential is found by name in the directory systemd names", "[keys][M1.4]") {
    const scratch folder;
    write(folder / "server-key", "content", 0400);
    fs::create_symlink("server-key", folder / "link");
    const auto read_with = [&](const char* directory, const std::string& name) {
        if (directory == nullptr) {
            ::unsetenv("CREDENTIALS_DIRECTORY");
        } else {
            ::setenv("CREDENTIALS_DIRECTORY", directory, 1);
        }
        auto refused = refusal([&] { return key_source::systemd_credential(name).read(); });
        ::unsetenv("CREDENTIALS_DIRECTORY");
        return refused;
    };
    const std::string path = folder.path();
    CHECK_FALSE(read_with(path.c_str(), "server-key"));
    CHECK(says(read_with(nullptr, "server-key"), error::unavailable, {"CREDENTIALS_DIRECTORY", "server-key"}));
    CHECK(says(read_with("", "server-key"), error::rejected, {"absolute"}));
    CHECK(says(read_with("relative", "server-key"), error::rejected, {"absolute"}));
    CHECK(
        says(read_with((path + "/none").c_str(), "server-key"), error::rejected, {"CREDENTIALS_DIRECTORY", "No such"}));
    CHECK(says(read_with(path.c_str(), "none"), error::rejected, {"none", "No such"}));
    CHECK(says(read_with(path.c_str(), "link"), error::rejected, {"symbolic"}));
    REQUIRE(::chmod((folder / "server-key").c_str(), 0404) == 0);
    CHECK(says(read_with(path.c_str(), "server-key"), error::rejected, {"0404"}));
    for (const char* const name : {"", ".", "..", "../etc/shadow", "a/b", "/etc/shadow", "a\nb"}) {
        CAPTURE(name);
        CHECK(
            says(refusal([&] { return key_source::systemd_credential(name); }), error::misuse, {"name a credential"}));
    }
    CHECK(says(refusal([] { return key_source::systemd_credential(std::string(256, 'a')); }), error::misuse, {}));
}

TEST_CASE("a callback is asked each time, and what it throws passes through", "[keys][M1.4]") {
    int calls = 0;
    const auto source = key_source::callback([&calls](secret_text& into) { into.append(std::to_string(++calls)); });
    CHECK(content(source) == "1");
    const key_source copy = source;
    CHECK(content(copy) == "2");

    const auto failing = key_source::callback([](secret_text& into) {
        into.append("half");
        throw std::logic_error{"the vault is sealed"};
    });
    CHECK_THROWS_AS(failing.read(), std::logic_error);
    CHECK(says(refusal([] { return giving("").read(); }), error::rejected, {"the test", "nothing"}));
    CHECK(says(refusal([] { return giving(std::string(64 * 1024 + 1, 'x')).read(); }), error::rejected, {"65536"}));
    CHECK(giving(std::string(64 * 1024, 'x')).read().size() == 64 * 1024);
}

TEST_CASE("a bare secret key is read, with one newline at most, and nothing else is", "[keys][B8]") {
    const std::string secret{some_secret};
    CHECK(ih::keypair::from_secret(giving(secret).read_secret_key()).public_key().z85() == its_public);
    CHECK(ih::keypair::from_secret(giving(secret + "\n").read_secret_key()).public_key().z85() == its_public);
    const std::string text = GENERATE_COPY(secret + "\n\n", secret + " ", " " + secret, secret.substr(1), secret + "0",
                                           secret + "\r\n", "\"" + secret + "\"", secret.substr(1) + "~");
    const auto refused = refusal([&] { return giving(text).read_secret_key(); });
    CHECK(says(refused, error::rejected, {"the test", "40 characters of Z85"}));
    CHECK(std::string_view{refused->what()}.find("VSB%%") == std::string_view::npos);
    CHECK(says(refusal([] { return giving(std::string(40, '0')).read_secret_key(); }), error::rejected, {"no secret"}));
}

TEST_CASE("secret text grows, may be appended to itself, and is empty once moved from", "[keys]") {
    secret_text text;
    CHECK(text.size() == 0);
    CHECK(text.expose().empty());
    std::string expected;
    for (int round = 0; round < 5000; ++round) {
        const std::string more = std::to_string(round);
        text.append(more);
        expected += more;
    }
    CHECK(text.expose() == expected);
    text.append(text.expose());
    CHECK(text.expose() == expected + expected);
    CHECK(flags_of(text.expose().data()).find(" dd ") != std::string::npos);
    CHECK(says(refusal([&] {
                   text.append(std::string(64 * 1024, 'x'));
                   return 0;
               }),
               error::rejected, {"65536"}));
    CHECK(text.expose() == expected + expected);

    secret_text moved{std::move(text)};
    CHECK(text.size() == 0); // NOLINT(bugprone-use-after-move): what it is afterwards is the question
    CHECK(text.expose().empty());
    text.append("again\n");
    CHECK(text.expose_line() == "again");
    CHECK(text.expose() == "again\n");
    text = std::move(moved);
    CHECK(text.expose() == expected + expected);
}

TEST_CASE("text from a source is wiped with the buffer that held it", "[keys][B8]") {
    const scratch folder;
    // Fresh, so that no literal of this program is what the search finds.
    std::string fresh = ih::keypair::generate().public_key().z85();
    const needle text{std::span{reinterpret_cast<const unsigned char*>(fresh.data()), fresh.size()}};
    write(folder / "file", fresh);
    ::sodium_memzero(fresh.data(), fresh.size());
    const int left_by_streams = text.copies();
    {
        const auto read = key_source::file(folder / "file").read();
        CHECK(text.copies() == left_by_streams + 1);
    }
    CHECK(text.copies() == left_by_streams);
}

TEST_CASE("a source says in words where it reads", "[keys]") {
    CHECK(key_source::file("a").describe() == "file a");
    CHECK(key_source::mounted("a").describe() == "mounted secret a");
    CHECK(key_source::systemd_credential("a").describe() == "systemd credential a");
    CHECK(giving("x").describe() == "the test");
}

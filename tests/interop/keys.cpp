// SPDX-License-Identifier: MIT
// ctest: timeout 120

/// \file
/// Key files go both ways between Ironhouse, pyzmq and CZMQ, and one that two of them read differently is refused.

#include <filesystem>
#include <string>

#include "catch.hpp"
#include "foreign.hpp"
#include "support/sockets.hpp"

namespace ih = ironhouse;
using namespace support;
using interop::keys;
using interop::kind;
using interop::peer;
using interop::scratch;

namespace {

namespace fs = std::filesystem;

[[nodiscard]] std::string first_word(const std::string& line) { return line.substr(0, line.find(' ')); }
[[nodiscard]] std::string second_word(const std::string& line) { return line.substr(line.find(' ') + 1); }

void owner_only(const std::string& path) { fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write); }

[[nodiscard]] std::string secret_of(const ih::certificate& cert) {
    std::string text(40, '\0');
    ih::detail::z85_encode(cert.secret().expose().data(), 32, text.data());
    return text;
}

/// What an error says; empty when there was none.
template <class Attempt> [[nodiscard]] std::string complaint(const Attempt& attempt) {
    try {
        attempt();
    } catch (const ih::error& said) {
        return said.what();
    }
    return {};
}

#ifdef IRONHOUSE_COMMAND
/// Runs the command; its exit code.
int command(const std::vector<std::string>& arguments) {
    std::vector<std::string> all{IRONHOUSE_COMMAND};
    all.insert(all.end(), arguments.begin(), arguments.end());
    auto child = wire::child::start(all);
    child.close_stdin();
    (void)child.read_rest(20s);
    const auto end = child.wait(20s);
    return end && end->code ? *end->code : -1;
}
#endif

} // namespace

TEST_CASE("pyzmq and CZMQ read the keys that Ironhouse writes", "[interop][M1.2]") {
    const auto foreign = GENERATE(kind::pyzmq, kind::czmq);
    const scratch folder;
    const auto ann = ih::certificate::generate("ann", {.roles = {"reader"}, .metadata = {{"site", "north"}}});
    ann.save(folder / "ann.key_secret");
    ann.save_public(folder / "ann.key");
    const std::string shown =
        interop::said_by(foreign, {"--show", folder / (foreign == kind::czmq ? "ann.key" : "ann.key_secret")});
    CHECK(first_word(shown) == ann.public_key().z85());
    CHECK(second_word(shown) == secret_of(ann));
    if (foreign == kind::pyzmq)
        CHECK(interop::said_by(foreign, {"--show", folder / "ann.key"}) == ann.public_key().z85() + " -");
}

TEST_CASE("Ironhouse reads the keys that pyzmq and CZMQ write", "[interop][M1.2]") {
    const auto foreign = GENERATE(kind::pyzmq, kind::czmq);
    const scratch folder;
    const std::string public_file = folder / "bob.key";
    const std::string secret_file = folder / "bob.key_secret";
    REQUIRE(interop::said_by(foreign, {"--make", folder / (foreign == kind::czmq ? "bob.key" : "bob")}) == "made");
    const std::string shown = interop::said_by(foreign, {"--show", foreign == kind::czmq ? public_file : secret_file});

    // pyzmq writes secrets with the umask: what others can read is no secret, and is refused until it is one.
    fs::permissions(secret_file, fs::perms::owner_read | fs::perms::owner_write | fs::perms::others_read);
    CHECK(complaint([&] { (void)ih::certificate::load(secret_file); }).find("chmod 600") != std::string::npos);
    owner_only(secret_file);
    const auto bob = ih::certificate::load(secret_file);
    CHECK(bob.public_key().z85() == first_word(shown));
    CHECK(secret_of(bob) == second_word(shown));

    const auto known = ih::certificate::load_public(public_file);
    CHECK(known.key() == bob.public_key());
    const std::string ring = folder.folder("clients");
    fs::copy(public_file, ring + "/bob.key");
    CHECK(ih::keyring::from_directory(ring).size() == 1);
}

TEST_CASE("CZMQ goes on without a secret it cannot read", "[interop][M1.2]") {
    const keys at; // the folder of clients holds public halves alone; what docs/interop.md warns of
    CHECK(interop::said_by(kind::czmq, {"--show", at.clients + "/ann.key"}) ==
          at.who.ann.public_key().z85() + " " + std::string(40, '0'));
}

TEST_CASE("the files kept from earlier versions read alike everywhere", "[interop][M1.2][B10]") {
    const scratch folder;
    for (const std::string name : {"czmq", "pyzmq"}) {
        for (const char* const ending : {".key", ".key_secret"}) {
            fs::copy(std::string{IRONHOUSE_TEST_DATA} + "/golden/" + name + ending, folder / (name + ending));
            owner_only(folder / (name + ending));
        }
        const auto ours = ih::certificate::load(folder / (name + ".key_secret"));
        const std::string both_keys = ours.public_key().z85() + " " + secret_of(ours);
        CHECK(interop::said_by(kind::pyzmq, {"--show", folder / (name + ".key_secret")}) == both_keys);
        CHECK(interop::said_by(kind::czmq, {"--show", folder / (name + ".key")}) == both_keys);
        CHECK(ih::certificate::load_public(folder / (name + ".key")).key() == ours.public_key());
    }
}

TEST_CASE("a file that CZMQ and pyzmq read differently is refused", "[interop][B10]") {
    const std::string injected = std::string{IRONHOUSE_TEST_DATA} + "/golden/injected.key";
    const std::string by_pyzmq = first_word(interop::said_by(kind::pyzmq, {"--show", injected}));
    const std::string by_czmq = first_word(interop::said_by(kind::czmq, {"--show", injected}));
    CHECK(by_pyzmq != by_czmq); // what makes it dangerous
    CHECK(complaint([&] { (void)ih::certificate::load_public(injected); }).find("second time") != std::string::npos);
    const scratch folder;
    fs::copy(injected, folder / "injected.key");
    CHECK_THROWS_AS(ih::keyring::from_directory(folder / ""), ih::error);
}

#ifdef IRONHOUSE_COMMAND
TEST_CASE("clients with keys of ironhouse keygen reach a server, with other keys they do not",
          "[interop][M1.2][M1.6]") {
    const auto foreign = GENERATE(kind::pyzmq, kind::czmq);
    const scratch folder;
    for (const char* const name : {"server", "ann", "mallory"})
        REQUIRE(command({"keygen", name, "--directory", folder.path()}) == 0);
    const std::string clients = folder.folder("clients");
    fs::copy(folder / "ann.key", clients + "/ann.key");

    ih::context context;
    ih::socket<ih::pull, receiving, ih::curve_server> sink{
        context,
        {.domain = "interop",
         .clients = ih::keyring::from_directory(clients),
         .identity = ih::certificate::load(folder / "server.key_secret")}};
    sink.bind("tcp://127.0.0.1:*");
    const std::string server_key = ih::certificate::load_public(folder / "server.key").key().z85();
    const auto client = [&](const std::string& name) {
        return peer{foreign,
                    "push",
                    {"--connect", sink.last_endpoint(), "--own",
                     folder / (name + (foreign == kind::czmq ? ".key" : ".key_secret")), "--server-key", server_key}};
    };
    auto mallory = client("mallory");
    auto ann = client("ann");
    mallory.send({"let me in"});
    CHECK(eventually([&] { return context.count(ih::reason::refused_unknown_key) > 0; }));
    ann.send({"it is me"});
    decltype(sink)::message got;
    REQUIRE(sink.receive(got, soon) == ih::receive_status::received);
    CHECK(got.sender() == "ann");
    CHECK(got[0].text() == "it is me");
    CHECK(sink.receive(got, 200ms) == ih::receive_status::timed_out);
}
#endif

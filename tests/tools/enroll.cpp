// SPDX-License-Identifier: MIT
// ctest: timeout 180

/// \file
/// enroll makes what one client needs: its programs run as they are against a server that was told of nothing else.

#include <string>
#include <vector>

#include "catch.hpp"
#include "command.hpp"

namespace ih = ironhouse;
using namespace tools;
using namespace support;

namespace {

struct site {
    scratch folder;
    std::string clients = folder.folder("clients");
    site() {
        REQUIRE(run({"keygen", "server", "-d", folder.path()}).code == 0);
        REQUIRE(run({"keygen", "ann", "-d", folder.path()}).code == 0);
    }
    [[nodiscard]] ended enroll(const std::string& client, const std::string& endpoint,
                               const std::vector<std::string>& more = {}) const {
        std::vector<std::string> all{"enroll",    client,  "--server", folder / "server.key", "--endpoint", endpoint,
                                     "--clients", clients, "-o",       folder / "bundle"};
        all.insert(all.end(), more.begin(), more.end());
        return run(all);
    }
};

} // namespace

TEST_CASE("a client runs from its bundle, in C++, Python and C", "[tools][M1.2][M1.6]") {
    const std::string language = GENERATE(std::string{"cpp"}, std::string{"py"}, std::string{"c"});
    const site here;
    // Bound first, so that the endpoint is known; the ring is read when the socket is opened.
    const std::uint16_t port = wire::unused_port();
    const std::string endpoint = "tcp://127.0.0.1:" + std::to_string(port);
    REQUIRE(here.enroll(here.folder / "ann.key", endpoint).code == 0);
    std::filesystem::copy(here.folder / "ann.key_secret", here.folder / "bundle/ann.key_secret");

    ih::context context;
    ih::socket<ih::pull, receiving, ih::curve_server> sink{
        context,
        {.domain = "enroll",
         .clients = ih::keyring::from_directory(here.clients),
         .identity = ih::certificate::load(here.folder / "server.key_secret")}};
    sink.bind(ih::endpoint<ih::curve_server>::parse(endpoint));

    const std::string in_bundle = "cd " + here.folder / "bundle" + " && ";
    ended ran;
    if (language == "cpp")
        ran = shell(in_bundle + "g++ -std=c++20 -I" IRONHOUSE_INCLUDE
                                " client.cpp -o client -lzmq -lsodium -pthread && ./client");
    else if (language == "py")
        ran = shell(in_bundle + IRONHOUSE_PYTHON + " client.py");
    else
        ran = shell(in_bundle + "gcc client.c -o client $(pkg-config --cflags --libs libczmq) && ./client");
    INFO(ran.said);
    CHECK(ran.code == 0);
    decltype(sink)::message got;
    REQUIRE(sink.receive(got, soon) == ih::receive_status::received);
    CHECK(got.sender() == "ann");
    CHECK(got[0].text() == "hello from ann");
}

TEST_CASE("what a client may do is the server's to say when it is enrolled", "[tools][M1.4]") {
    const site here;
    const std::string endpoint = "tcp://127.0.0.1:5555";
    const std::vector<std::string> terms{"--role", "reader", "--from", "10.0.0.0/8", "--connections", "3"};
    const auto done = here.enroll(here.folder / "ann.key", endpoint, terms);
    REQUIRE(done.code == 0);
    CHECK(contains(done.said, "from         10.0.0.0/8"));
    CHECK(contains(done.said, "roles        reader"));
    const auto ring = ih::keyring::from_directory(here.clients);
    const auto ann = ring.now()->find_name("ann");
    REQUIRE(ann != nullptr);
    CHECK(ann->roles == std::vector<std::string>{"reader"});
    REQUIRE(ann->from.size() == 1);
    CHECK(ann->connections->count() == 3);
    // Once more, on the same terms: nothing to do. On others: nobody's rights change unseen.
    std::filesystem::remove_all(here.folder / "bundle");
    CHECK(here.enroll(here.folder / "ann.key", endpoint, terms).code == 0);
    std::filesystem::remove_all(here.folder / "bundle");
    const auto other = here.enroll(here.folder / "ann.key", endpoint);
    CHECK(other.code == 3);
    CHECK(contains(other.said, "says something else of this key"));
    CHECK_FALSE(std::filesystem::exists(here.folder / "bundle"));
    CHECK(ih::certificate::load_public(here.clients + "/ann.key").terms().connections->count() == 3);

    // With --new, the pair is made on those terms.
    REQUIRE(here.enroll("ben", endpoint, {"--new", "--domain", "orders"}).code == 0);
    CHECK(ih::certificate::load(here.folder / "bundle/ben.key_secret").public_part().terms().domains ==
          std::vector<std::string>{"orders"});
}

TEST_CASE("a Python client asks and subscribes from its bundle", "[tools][M1.6]") {
    const std::string socket =
        GENERATE(std::string{"req"}, std::string{"dealer"}, std::string{"sub"}, std::string{"pull"});
    const site here;
    const std::string endpoint = "tcp://127.0.0.1:" + std::to_string(wire::unused_port());
    REQUIRE(here.enroll(here.folder / "ann.key", endpoint, {"--socket", socket}).code == 0);
    std::filesystem::copy(here.folder / "ann.key_secret", here.folder / "bundle/ann.key_secret");
    ih::context context;
    const auto serving = [&] {
        return ih::curve_server{.domain = "enroll",
                                .clients = ih::keyring::from_directory(here.clients),
                                .identity = ih::certificate::load(here.folder / "server.key_secret")};
    };
    const auto at = ih::endpoint<ih::curve_server>::parse(endpoint);
    auto client = [&] {
        return wire::child::start(
            {"/bin/sh", "-c", "cd " + here.folder / "bundle" + " && exec " IRONHOUSE_PYTHON " client.py"},
            {.errors_too = true});
    };
    const auto says_received = [](wire::child& child) {
        const auto line = child.read_line(20s);
        REQUIRE(line);
        CHECK(*line == "received: welcome");
        const auto end = child.wait(20s);
        REQUIRE(end);
        CHECK(end->clean());
    };
    if (socket == "req" || socket == "dealer") {
        ih::socket<ih::router, both, ih::curve_server> server{context, serving()};
        server.bind(at);
        auto child = client();
        decltype(server)::message got, reply;
        REQUIRE(server.receive(got, soon) == ih::receive_status::received);
        CHECK(got.sender() == "ann");
        if (socket == "req") REQUIRE(reply.add("")); // the envelope of a request
        REQUIRE(reply.add("welcome"));
        reply.to(got);
        REQUIRE(server.send(reply, soon) == ih::send_status::queued);
        says_received(child);
    } else if (socket == "sub") {
        ih::socket<ih::xpub, both, ih::curve_server> server{context, serving()};
        server.bind(at);
        auto child = client();
        decltype(server)::message subscription, news;
        REQUIRE(server.receive(subscription, soon) == ih::receive_status::received);
        REQUIRE(news.add("welcome"));
        REQUIRE(server.send(news, soon) == ih::send_status::queued);
        says_received(child);
    } else {
        ih::socket<ih::push, sending, ih::curve_server> server{context, serving()};
        server.bind(at);
        auto child = client();
        decltype(server)::message news;
        REQUIRE(news.add("welcome"));
        auto status = ih::send_status::no_peer;
        REQUIRE(eventually([&] { return (status = server.send(news, 1s)) == ih::send_status::queued; }));
        says_received(child);
    }
}

TEST_CASE("a bundle with a new key carries its secret, and says so", "[tools][M1.2]") {
    const site here;
    const auto made = here.enroll("bob", "tcp://server.example:5555", {"--new"});
    REQUIRE(made.code == 0);
    CHECK(contains(made.said, "holds a secret"));
    CHECK(mode_of(here.folder / "bundle/bob.key_secret") == 0600);
    CHECK(mode_of(here.folder / "bundle") == 0700);
    CHECK(contains(text_of(here.folder / "bundle/README.txt"), "delete every other copy"));
    CHECK(ih::keyring::from_directory(here.clients).size() == 1);
    CHECK_FALSE(contains(made.said, secret_in(here.folder / "bundle/bob.key_secret")));
}

TEST_CASE("a name that looks like a word to fill in stays as it is", "[tools][M1.2]") {
    const site here;
    REQUIRE(here.enroll("@ENDPOINT@", "tcp://127.0.0.1:5555", {"--new"}).code == 0);
    CHECK(contains(text_of(here.folder / "bundle/client.cpp"), "load(\"@ENDPOINT@.key_secret\")"));
    CHECK(contains(text_of(here.folder / "bundle/client.py"), "hello from @ENDPOINT@\""));
}

TEST_CASE("a limit on file sizes leaves no bundle and no draft of one", "[tools][M1.2]") {
    const site here;
    const auto before = here.folder.entries();
    const auto refused =
        shell("ulimit -c 0; ulimit -f 0; $ironhouse enroll " + (here.folder / "ann.key") + " --server " +
              (here.folder / "server.key") + " --endpoint tcp://127.0.0.1:5555 -o " + (here.folder / "bundle"));
    CHECK(refused.code == 3);
    CHECK(here.folder.entries() == before);
}

TEST_CASE("enrolling is all or nothing", "[tools][M1.2]") {
    const site here;
    SECTION("a folder in the way") {
        std::filesystem::create_directory(here.folder / "bundle");
        const auto refused = here.enroll(here.folder / "ann.key", "tcp://127.0.0.1:5555");
        CHECK(refused.code == 3);
        CHECK(contains(refused.said, "exists"));
        CHECK(std::filesystem::is_empty(here.clients));
    }
    SECTION("another key of that name in the ring") {
        REQUIRE(run({"keygen", "ann", "-d", here.clients}).code == 0);
        std::filesystem::remove(here.clients + "/ann.key_secret");
        const std::string before = text_of(here.clients + "/ann.key");
        const auto refused = here.enroll(here.folder / "ann.key", "tcp://127.0.0.1:5555");
        CHECK(refused.code == 3);
        CHECK(contains(refused.said, "another key"));
        CHECK(text_of(here.clients + "/ann.key") == before);
        CHECK_FALSE(std::filesystem::exists(here.folder / "bundle"));
    }
    SECTION("a ring that does not load") {
        std::ofstream{here.clients + "/broken.key"} << "half a fi";
        CHECK(here.enroll(here.folder / "ann.key", "tcp://127.0.0.1:5555").code == 3);
        CHECK_FALSE(std::filesystem::exists(here.clients + "/ann.key"));
        CHECK_FALSE(std::filesystem::exists(here.folder / "bundle"));
    }
    SECTION("the same client again") {
        REQUIRE(here.enroll(here.folder / "ann.key", "tcp://127.0.0.1:5555").code == 0);
        std::filesystem::remove_all(here.folder / "bundle");
        CHECK(here.enroll(here.folder / "ann.key", "tcp://127.0.0.1:5555").code == 0);
    }
    SECTION("the server's own key, and addresses that end a program's text") {
        CHECK(here.enroll(here.folder / "server.key", "tcp://127.0.0.1:5555").code == 3);
        CHECK(here.enroll(here.folder / "ann.key", "ipc:///tmp/a\"b").code == 2);
        CHECK(here.enroll(here.folder / "ann.key", "tcp://*:5555").code == 2);
        CHECK(here.enroll("b\\", "tcp://127.0.0.1:5555", {"--new"}).code == 2);
        CHECK(here.enroll("../b", "tcp://127.0.0.1:5555", {"--new"}).code == 2);
        CHECK(std::filesystem::is_empty(here.clients));
        CHECK(here.folder.entries() == 5); // two pairs and the ring
    }
}

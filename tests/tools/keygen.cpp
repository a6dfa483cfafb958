// SPDX-License-Identifier: MIT
// ctest: timeout 120

/// \file
/// keygen and show: files of the right mode, never overwritten, and no secret on any screen.

#include <cstring>
#include <string>
#include <vector>

#include <ironhouse/keys/certificate.hpp>
#include <nlohmann/json.hpp>
#include <pty.h>
#include <sys/wait.h>

#include "catch.hpp"
#include "command.hpp"

namespace ih = ironhouse;
using namespace tools;

namespace {

/// The command at a terminal of its own, answering each prompt with the next line. \return all that the terminal showed.
ended at_a_terminal(const std::vector<std::string>& arguments, const std::vector<std::string>& answers) {
    int screen = -1;
    std::vector<std::string> all{IRONHOUSE_COMMAND};
    all.insert(all.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : all) argv.push_back(word.data());
    argv.push_back(nullptr);
    const pid_t pid = ::forkpty(&screen, nullptr, nullptr, nullptr);
    REQUIRE(pid >= 0);
    if (pid == 0) {
        ::execv(argv[0], argv.data());
        ::_exit(127);
    }
    const wire::descriptor terminal{screen};
    ended end;
    std::size_t answered = 0;
    const wire::deadline until{60s};
    while (wire::detail::wait_for(screen, POLLIN, until)) {
        char some[512];
        const ssize_t n = ::read(screen, some, sizeof some);
        if (n <= 0) break; // the last process closed the terminal
        end.said.append(some, static_cast<std::size_t>(n));
        std::size_t prompts = 0;
        for (std::size_t at = 0; (at = end.said.find(": ", at)) != std::string::npos; ++at) ++prompts;
        if (answered < answers.size() && prompts > answered) {
            const std::string line = answers[answered++] + "\n";
            REQUIRE(::write(screen, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
        }
    }
    int status = 0;
    if (!wire::eventually([&] { return ::waitpid(pid, &status, WNOHANG) == pid; }, 10s)) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, &status, 0);
    }
    if (WIFEXITED(status)) end.code = WEXITSTATUS(status);
    return end;
}

} // namespace

TEST_CASE("keygen writes a pair that loads, whatever the umask", "[tools][M1.1][B8]") {
    const auto* const mask = GENERATE("000", "022", "077");
    const scratch folder;
    const auto made = shell("cd " + folder.path() + " && umask " + mask + " && \"$ironhouse\" keygen ann");
    REQUIRE(made.code == 0);
    CHECK(mode_of(folder / "ann.key_secret") == 0600);
    CHECK(mode_of(folder / "ann.key") == 0644);
    const auto ann = ih::certificate::load(folder / "ann.key_secret");
    CHECK(ih::certificate::load_public(folder / "ann.key").key() == ann.public_key());
    CHECK(contains(made.said, ann.public_key().z85()));
    CHECK(contains(made.said, ann.public_key().fingerprint()));
}

TEST_CASE("keygen overwrites neither file and leaves nothing half done", "[tools][B8]") {
    const std::string there = GENERATE(std::string{"ann.key"}, std::string{"ann.key_secret"});
    const scratch folder;
    std::ofstream{folder / there} << "somebody's";
    const auto refused = run({"keygen", "ann", "-d", folder.path()});
    CHECK(refused.code == 3);
    CHECK(contains(refused.said, there));
    CHECK(contains(refused.said, "never overwritten"));
    CHECK(text_of(folder / there) == "somebody's");
    CHECK(folder.entries() == 1);
}

TEST_CASE("a limit on file sizes is an error, and leaves nothing half done", "[tools][B8]") {
    const scratch folder;
    const auto refused = shell("ulimit -c 0; ulimit -f 0; $ironhouse keygen ann -d " + folder.path());
    CHECK(refused.code == 3);
    CHECK(contains(refused.said, "ironhouse: "));
    CHECK(folder.entries() == 0);
}

TEST_CASE("keygen says what is wrong with a name, a folder, a time", "[tools]") {
    const scratch folder;
    for (const char* const name : {"../ann", ".ann", "a\"b", "a#b", ""}) {
        INFO(name);
        CHECK(run({"keygen", "-d", folder.path(), "--", name}).code == 2);
    }
    const auto nowhere = run({"keygen", "ann", "-d", folder / "nowhere"});
    CHECK(nowhere.code == 3);
    CHECK(contains(nowhere.said, "nowhere"));
    const auto late = run({"keygen", "ann", "-d", folder.path(), "--not-after", "2027-02-30"});
    CHECK(late.code == 2);
    CHECK(contains(late.said, "2027-02-30"));
    CHECK(run({"keygen", "ann", "-d", folder.path(), "--not-after", "2027-02-01", "--not-before", "2028-01-01"}).code ==
          2);
    CHECK(run({"keygen", "ann", "-d", folder.path(), "--role", "two words"}).code == 2);
    CHECK(folder.entries() == 0);
}

TEST_CASE("terms given to keygen are shown, and kept in both files", "[tools][M1.4]") {
    const scratch folder;
    REQUIRE(run({"keygen", "ann", "-d", folder.path(), "--not-before", "2026-01-01", "--not-after",
                 "2027-01-31T12:00:00Z", "--role", "reader", "--role", "writer"})
                .code == 0);
    for (const char* const file : {"ann.key", "ann.key_secret"}) {
        const auto shown = run({"show", folder / file, "--json"});
        REQUIRE(shown.code == 0);
        const auto all = nlohmann::json::parse(shown.said);
        CHECK(all["name"] == "ann");
        CHECK(all["not_before"] == "2026-01-01T00:00:00Z");
        CHECK(all["not_after"] == "2027-01-31T12:00:00Z");
        CHECK(all["roles"] == nlohmann::json({"reader", "writer"}));
        CHECK(all["public_key"] == ih::certificate::load(folder / "ann.key_secret").public_key().z85());
    }
    CHECK(contains(run({"show", folder / "ann.key"}).said, "reader, writer"));
}

TEST_CASE("what a key may do is given to keygen, kept and shown", "[tools][M1.4]") {
    const scratch folder;
    REQUIRE(run({"keygen", "-d", folder.path(), "--from", "10.1.0.0/16", "--from", "2001:db8::/32", "--connections",
                 "5", "--domain", "orders", "--domain", "prices", "--pattern", "pull", "--topic", "news", "ann"})
                .code == 0);
    const auto ann = ih::certificate::load_public(folder / "ann.key");
    CHECK(ih::certificate::load(folder / "ann.key_secret").public_part() == ann);
    REQUIRE(ann.terms().from.size() == 2);
    CHECK(ann.terms().from[1].text() == "2001:db8::/32");
    CHECK(ann.terms().connections->count() == 5);
    const auto shown = nlohmann::json::parse(run({"show", folder / "ann.key", "--json"}).said);
    CHECK(shown["from"] == nlohmann::json({"10.1.0.0/16", "2001:db8::/32"}));
    CHECK(shown["connections"] == 5);
    CHECK(shown["domains"] == nlohmann::json({"orders", "prices"}));
    CHECK(shown["patterns"] == nlohmann::json::array({"pull"}));
    CHECK(shown["topics"] == nlohmann::json::array({"news"}));
    const auto said = run({"show", folder / "ann.key"}).said;
    for (const char* const line : {"from         10.1.0.0/16, 2001:db8::/32", "connections  5",
                                   "domains      orders, prices", "patterns     pull", "topics       news"})
        CHECK(contains(said, line));
    // What a file does not say is not shown as if it were a rule.
    REQUIRE(run({"keygen", "ben", "-d", folder.path()}).code == 0);
    CHECK_FALSE(contains(run({"show", folder / "ben.key"}).said, "from"));
    CHECK(nlohmann::json::parse(run({"show", folder / "ben.key", "--json"}).said)["connections"].is_null());
}

TEST_CASE("keygen says what is wrong with what a key may do, and makes nothing", "[tools][M1.4]") {
    const scratch folder;
    const auto refused = [&](const std::string& option, const std::string& value, const std::string& because) {
        INFO(option << ' ' << value);
        const auto end = run({"keygen", "ann", "-d", folder.path(), option, value});
        CHECK(end.code == 2);
        CHECK(contains(end.said, because));
    };
    refused("--from", "10.1.2.3/16", "bits set behind its prefix");
    refused("--from", "10.1.2.3", "10.1.2.3/32");
    refused("--from", "everywhere", "\"everywhere\"");
    refused("--connections", "0", "1");
    refused("--connections", "65537", "65536");
    refused("--domain", "two words", "domain 1");
    refused("--pattern", "publish", "pattern 1 is none of");
    refused("--topic", "prices,orders", "topic 1 holds a comma");
    refused("--routing-id", "ann-1", "--routing-id"); // it is not enforced, and so not offered
    CHECK(folder.entries() == 0);
}

TEST_CASE("show says that a key has expired", "[tools][M1.4]") {
    const scratch folder;
    REQUIRE(run({"keygen", "old", "-d", folder.path(), "--not-after", "2020-01-01"}).code == 0);
    CHECK(contains(run({"show", folder / "old.key"}).said, "EXPIRED"));
    CHECK(nlohmann::json::parse(run({"show", folder / "old.key", "--json"}).said)["valid_now"] == false);
}

TEST_CASE("no subcommand prints a secret", "[tools][B8]") {
    const scratch folder;
    const auto made = run({"keygen", "ann", "-d", folder.path()});
    REQUIRE(run({"keygen", "server", "-d", folder.path()}).code == 0);
    const std::string secret = secret_in(folder / "ann.key_secret");
    REQUIRE(secret.size() == 40);
    CHECK_FALSE(contains(made.said, secret));
    const std::vector<std::vector<std::string>> commands{
        {"show", folder / "ann.key_secret"},
        {"show", folder / "ann.key_secret", "--json"},
        {"enroll", folder / "ann.key_secret", "--server", folder / "server.key", "--endpoint", "tcp://127.0.0.1:5555",
         "-o", folder / "bundle"},
        {"probe", "tcp://127.0.0.1:1", "--server-key", folder / "ann.key_secret"},
    };
    for (const auto& arguments : commands) CHECK_FALSE(contains(run(arguments).said, secret));
    // A secret where a public file belongs is refused, with its name and without its content.
    const auto refused = run({"enroll", folder / "ann.key_secret", "--server", folder / "server.key", "--endpoint",
                              "tcp://127.0.0.1:5555", "-o", folder / "bundle"});
    CHECK(refused.code == 3);
    CHECK(contains(refused.said, "secret"));
}

TEST_CASE("show refuses a secret that others can read, and what is no certificate", "[tools][B8][B10]") {
    const scratch folder;
    REQUIRE(run({"keygen", "ann", "-d", folder.path()}).code == 0);
    std::filesystem::permissions(folder / "ann.key_secret", std::filesystem::perms(0644));
    const auto open = run({"show", folder / "ann.key_secret"});
    CHECK(open.code == 3);
    CHECK(contains(open.said, "0644"));
    std::ofstream{folder / "text.key"} << "hello";
    CHECK(run({"show", folder / "text.key"}).code == 3);
    CHECK(run({"show", folder / "absent.key"}).code == 3);
    CHECK(run({"show", std::string{IRONHOUSE_TEST_DATA} + "/golden/injected.key"}).code == 3);
    CHECK(run({"show", std::string{IRONHOUSE_TEST_DATA} + "/golden/czmq.key"}).code == 0);
    CHECK(run({"show", std::string{IRONHOUSE_TEST_DATA} + "/golden/pyzmq.key"}).code == 0);
}

TEST_CASE("a passphrase comes from a file only its owner can read, and opens what it sealed", "[tools][M1.4]") {
    const scratch folder;
    std::ofstream{folder / "phrase"} << "correct horse battery\n";
    std::filesystem::permissions(folder / "phrase", std::filesystem::perms(0644));
    const std::vector<std::string> sealing{"keygen",         "ann", "-d", folder.path(), "--passphrase-file",
                                           folder / "phrase"};
    const auto readable = run(sealing);
    CHECK(readable.code == 3);
    CHECK(contains(readable.said, "0644"));
    CHECK(folder.entries() == 1);

    std::filesystem::permissions(folder / "phrase", std::filesystem::perms(0600));
    const auto made = run(sealing);
    REQUIRE(made.code == 0);
    CHECK(contains(made.said, "sealed"));
    CHECK(secret_in(folder / "ann.key_secret").empty());
    CHECK(mode_of(folder / "ann.key_secret") == 0600);
    const auto closed = run({"show", folder / "ann.key_secret"});
    CHECK(closed.code == 0);
    CHECK(contains(closed.said, "sealed"));
    const auto opened = run({"show", folder / "ann.key_secret", "--passphrase-file", folder / "phrase"});
    CHECK(opened.code == 0);
    CHECK(contains(opened.said, ih::certificate::load_public(folder / "ann.key").key().z85()));
    std::ofstream{folder / "phrase"} << "wrong horse battery\n";
    CHECK(run({"show", folder / "ann.key_secret", "--passphrase-file", folder / "phrase"}).code == 3);
}

TEST_CASE("a passphrase is asked for twice on the terminal and not shown", "[tools][M1.4][B8]") {
    const scratch folder;
    const std::vector<std::string> sealing{"keygen", "ann", "-d", folder.path(), "--passphrase"};
    const auto differ = at_a_terminal(sealing, {"correct horse battery", "wrong horse battery"});
    CHECK(differ.code == 3);
    CHECK(contains(differ.said, "differ"));
    CHECK(folder.entries() == 0);
    const auto made = at_a_terminal(sealing, {"correct horse battery", "correct horse battery"});
    CHECK(made.code == 0);
    CHECK_FALSE(contains(made.said, "horse"));
    const auto opened = at_a_terminal({"show", folder / "ann.key_secret", "--passphrase"}, {"correct horse battery"});
    CHECK(opened.code == 0);
    CHECK(contains(opened.said, "sealed secret"));
    CHECK_FALSE(contains(opened.said, "horse"));

    // Without a terminal nothing is asked, and nothing waits.
    const auto nobody = shell("exec setsid \"$ironhouse\" keygen bob -d " + folder.path() + " --passphrase");
    CHECK(nobody.code == 3);
    CHECK(contains(nobody.said, "--passphrase-file"));
}

TEST_CASE("help and version answer, nonsense is 2", "[tools]") {
    CHECK(run({"--help"}).code == 0);
    CHECK(contains(run({"--version"}).said, "ironhouse 0."));
    for (const char* const sub : {"keygen", "show", "enroll", "probe", "audit"}) {
        CHECK(run({sub, "--help"}).code == 0);
        CHECK(run({sub, "--no-such-option"}).code == 2);
    }
    CHECK(run({}).code == 2);
    CHECK(run({"no-such-command"}).code == 2);
}

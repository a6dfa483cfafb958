// SPDX-License-Identifier: MIT
// What docs/keys.md shows, compiled; and files as systemd and Kubernetes make them, judged as the page says.
#include <ironhouse/ironhouse.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include <sys/stat.h>
#include <unistd.h>

namespace ih = ironhouse;
using namespace ih::literals;
namespace fs = std::filesystem;

namespace {

void open_vault(ih::secret_text& into);

ih::certificate from_file() {
return ih::certificate::load("server.key_secret");
}

ih::certificate from_sealed_file() {
const auto phrase = ih::key_source::systemd_credential("phrase").read();
return ih::certificate::load("server.key_sealed", ih::passphrase{phrase.expose_line()});
}

void seal() {
const auto phrase = ih::key_source::file("phrase").read();
ih::certificate::load("server.key_secret").save("server.key_sealed", ih::passphrase{phrase.expose_line()});
}

ih::certificate from_credential() {
return ih::certificate::load(ih::key_source::systemd_credential("server.key_secret"));
}

ih::certificate from_kubernetes() {
return ih::certificate::load(ih::key_source::mounted("/run/keys/server.key_secret"));
}

ih::keyring ring_from_kubernetes() {
return ih::keyring::from_directory("/run/clients/..data");
}

ih::curve_server asks_for_a_role() {
return {.domain = "orders",
        .clients = ih::keyring::from_directory("clients"),
        .identity = ih::certificate::load("server.key_secret"),
        .role = "trader"};
}

void publishes_by_topic(ih::context& context) {
constexpr ih::outbound limits{.peers = 100_peers, .queue = 1'000_messages, .frames = 2_frames, .frame = 16_KiB};

ih::socket<ih::pub, limits, ih::curve_server> news{context,
                                                   {.domain = "news",
                                                    .clients = ih::keyring::from_directory("clients"),
                                                    .identity = ih::certificate::load("server.key_secret")},
                                                   {.topic_rules = ih::topic_rules::enforced}};
}

ih::certificate from_vault() {
return ih::certificate::load(ih::key_source::callback(
    [](ih::secret_text& into) { open_vault(into); }, "the vault's orders/server"));
}

// --- the same, checked -----------------------------------------------------------------------------------------------

int failures = 0;

void check(bool good, const std::string& what) {
    if (good) return;
    std::fprintf(stderr, "wrong: %s\n", what.c_str());
    ++failures;
}

void refused(const std::string& reason, const std::function<void()>& attempt) {
    try {
        attempt();
        check(false, "nothing was refused, though " + reason);
    } catch (const ih::error& why) {
        check(std::string_view{why.what()}.find(reason) != std::string_view::npos,
              "should say \"" + reason + "\" and says \"" + why.what() + "\"");
    }
}

void copy(const fs::path& from, const fs::path& to, ::mode_t mode) {
    fs::copy_file(from, to, fs::copy_options::overwrite_existing);
    ::chmod(to.c_str(), mode);
}

// A volume as kubelet makes it: a folder everybody may write, and in it links to a folder that is exchanged as a whole.
fs::path volume(const fs::path& at, const fs::path& file, ::mode_t mode) {
    fs::create_directories(at / "..2026_11_24_14_00_00.1");
    ::chmod(at.c_str(), 01777);
    ::chmod((at / "..2026_11_24_14_00_00.1").c_str(), 0755);
    copy(file, at / "..2026_11_24_14_00_00.1" / file.filename(), mode);
    fs::create_directory_symlink("..2026_11_24_14_00_00.1", at / "..data");
    fs::create_symlink(fs::path{"..data"} / file.filename(), at / file.filename());
    return at;
}

void play(const fs::path& folder) {
    fs::current_path(folder);
    const auto server = ih::certificate::generate("server");
    server.save("server.key_secret");
    server.save_public("server.key");
    check(from_file().fingerprint() == server.fingerprint(), "a file");

    { // A passphrase of a generator, sealing at its cheapest: the page's is the default, and costs 256 MiB.
        copy("server.key_secret", "phrase", 0600);
        const auto phrase = ih::key_source::file("phrase").read();
        server.save("cheap.key_sealed", ih::passphrase{phrase.expose_line().substr(0, 40)}, ih::sealing::interactive);
        refused("it is sealed: a passphrase is needed", [] { (void)ih::certificate::load("cheap.key_sealed"); });
        refused("passphrase is wrong",
                [] { (void)ih::certificate::load("cheap.key_sealed", ih::passphrase{"another phrase"}); });
        const auto again =
            ih::certificate::load("cheap.key_sealed", ih::passphrase{phrase.expose_line().substr(0, 40)});
        check(again.fingerprint() == server.fingerprint(), "a sealed file");
    }

    fs::create_directory("credentials");
    ::setenv("CREDENTIALS_DIRECTORY", (folder / "credentials").c_str(), 1); // names a folder, and is no secret
    copy("server.key_secret", "credentials/server.key_secret", 0440);       // as an ACL for the service's user shows
    check(from_credential().fingerprint() == server.fingerprint(), "a credential");
    ::chmod("credentials/server.key_secret", 0444);
    refused("every user of the machine has access to the file (mode 0444)", [] { (void)from_credential(); });

    const auto keys = volume(folder / "keys", folder / "server.key_secret", 0440);
    const auto mounted = [&] {
        return ih::certificate::load(ih::key_source::mounted((keys / "server.key_secret").string()));
    };
    check(mounted().fingerprint() == server.fingerprint(), "a mounted secret");
    refused("a symbolic link is not followed here",
            [&] { (void)ih::certificate::load((keys / "server.key_secret").string()); });
    ::chmod((keys / "..data" / "server.key_secret").c_str(), 0644);
    refused(
        "every user of the machine has access to the file (mode 0644); set defaultMode: 0440 (with fsGroup) or 0400 on "
        "the volume",
        [&] { (void)mounted(); });

    const auto clients = volume(folder / "clients", folder / "server.key", 0644);
    refused("every user of the machine may write into the directory (mode 1777)",
            [&] { (void)ih::keyring::from_directory(clients.string()); });
    check(ih::keyring::from_directory((clients / "..data").string()).size() == 1, "a mounted ring");

    check(from_vault().fingerprint() == server.fingerprint(), "a callback");
    refused("it gave nothing", [] { (void)ih::key_source::callback([](ih::secret_text&) {}).read(); });
}

void open_vault(ih::secret_text& into) {
    const auto kept = ih::key_source::file("server.key_secret").read();
    into.append(kept.expose());
}

} // namespace

int main() try {
    std::string folder = fs::temp_directory_path() / "ironhouse-docs-keys-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) return 1;
    struct removal {
        const std::string& path;
        ~removal() {
            std::error_code ignored;
            fs::current_path("/", ignored);
            fs::remove_all(path, ignored);
        }
    } const at_the_end{folder};
    play(folder);
    (void)&from_sealed_file; // what needs systemd, Kubernetes or 256 MiB is compiled only
    (void)&seal;
    (void)&from_kubernetes;
    (void)&ring_from_kubernetes;
    (void)&asks_for_a_role;
    (void)&publishes_by_topic;
    return failures == 0 ? 0 : 1;
} catch (const std::exception& failed) {
    std::fprintf(stderr, "%s\n", failed.what());
    return 1;
}

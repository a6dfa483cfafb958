// SPDX-License-Identifier: MIT

/// \file
/// `ironhouse enroll`: a folder for one client with all it needs to talk to a server, and its place in the server's ring.

#include "certificates.hpp"
#include "command.hpp"
#include "snippets.hpp"
#include "terms.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/core.h>
#include <ironhouse/core/endpoint.hpp>
#include <ironhouse/keys/certificate.hpp>
#include <ironhouse/keys/keyring.hpp>
#include <ironhouse/security/curve.hpp>
#include <sys/stat.h>
#include <unistd.h>

namespace ih = ironhouse;

namespace tool {

namespace {

struct enroll_options {
    std::string client;
    std::string server;
    std::string endpoint;
    std::string socket = "push";
    std::string clients;
    std::string output;
    bool make_key = false;
    terms_options terms;
};

/// A folder under construction beside its final place: it appears whole or not at all.
class draft_folder {
public:
    explicit draft_folder(std::string path) : final_{std::move(path)} {
        while (final_.size() > 1 && final_.ends_with('/')) final_.pop_back();
        struct ::stat found {};
        if (::lstat(final_.c_str(), &found) == 0)
            throw failure{fmt::format("{} exists", final_), "Choose another folder with --output, or move it away."};
        draft_ = final_ + ".XXXXXX";
        if (::mkdtemp(draft_.data()) == nullptr) {
            const int code = errno;
            draft_.clear();
            throw failure{fmt::format("cannot make {}: {}", final_, std::generic_category().message(code)),
                          "The folder around it must exist and be yours to write."};
        }
    }
    draft_folder(const draft_folder&) = delete;
    draft_folder& operator=(const draft_folder&) = delete;
    ~draft_folder() {
        std::error_code ignored;
        if (!draft_.empty()) std::filesystem::remove_all(draft_, ignored);
    }

    [[nodiscard]] std::string file(const std::string& name) const { return draft_ + "/" + name; }

    void write(const std::string& name, const std::string& text) const {
        std::ofstream out{file(name), std::ios::binary};
        if (!(out << text) || !out.flush()) throw failure{"cannot write " + name, "Is the disk full?"};
    }

    void publish() {
        if (::rename(draft_.c_str(), final_.c_str()) != 0) {
            const int code = errno;
            throw failure{fmt::format("cannot make {}: {}", final_, std::generic_category().message(code))};
        }
        draft_.clear();
    }
    [[nodiscard]] const std::string& path() const noexcept { return final_; }

private:
    std::string final_, draft_;
};

/// The client's place in the server's ring: taken back unless everything else worked too.
class ring_entry {
public:
    ring_entry(const std::string& folder, const ih::public_certificate& client) {
        if (folder.empty()) return;
        const std::string path = in_folder(folder, client.name() + ".key");
        struct ::stat found {};
        if (::lstat(path.c_str(), &found) == 0) {
            const auto enrolled = ih::certificate::load_public(path);
            if (enrolled == client) return; // already
            if (enrolled.key() == client.key())
                throw failure{fmt::format("{} exists and says something else of this key", path),
                              "Look at it with ironhouse show, and remove it first if it is to be replaced."};
            throw failure{fmt::format("{} exists and holds another key", path),
                          "Two keys cannot share a name. Give this client another name, or remove the old one first."};
        }
        client.save(path);
        path_ = path;
        try {
            (void)ih::keyring::from_directory(folder); // a ring that does not load lets nobody in
        } catch (...) {
            take_back();
            throw;
        }
    }
    ring_entry(const ring_entry&) = delete;
    ring_entry& operator=(const ring_entry&) = delete;
    ~ring_entry() { take_back(); }
    void keep() noexcept { path_.clear(); }

private:
    void take_back() noexcept {
        if (!path_.empty()) ::unlink(path_.c_str());
        path_.clear();
    }
    std::string path_;
};

/// The client's certificate with a name: its own, or its file's. What the server's options say goes before what it says.
ih::public_certificate named(const enroll_options& options) {
    auto loaded = ih::certificate::load_public(options.client);
    std::string name = loaded.name().empty() ? std::filesystem::path{options.client}.stem().string() : loaded.name();
    return ih::public_certificate::of(std::move(name), loaded.key(), options.terms.applied_to(loaded.terms()));
}

std::string about(const enroll_options& options, const ih::public_certificate& client,
                  const ih::public_certificate& server) {
    std::string text =
        fmt::format("Client {} of {}\n\n"
                    "  client's fingerprint  {}\n"
                    "  server's fingerprint  {}\n"
                    "  server's public key   {}\n\n",
                    client.name(), options.endpoint, client.fingerprint(), server.fingerprint(), server.key().z85());
    text += "At the client\n"
            "  1. Compare the server's fingerprint with a person at the server, by telephone for example.\n";
    text +=
        options.make_key
            ? fmt::format("  2. {0}.key_secret came with this folder: whoever copied it on the way can pose as {0}.\n"
                          "     It belongs on the client, mode 0600, and nowhere else: delete every other copy.\n",
                          client.name())
            : fmt::format("  2. Put {0}.key_secret, which never left you, beside these files (mode 0600).\n",
                          client.name());
    text += "  3. Run client.cpp, client.py or client.c; each says at its top how.\n\n"
            "At the server\n"
            "  1. Compare the client's fingerprint with a person at the client.\n";
    text +=
        fmt::format("  2. {0}.key belongs into the folder of its keyring{1}. A server that runs reads it when it next\n"
                    "     opens its socket.\n",
                    client.name(), options.clients.empty() ? "" : ", where it was put when this folder was made");
    return text;
}

/// Names and addresses are written into programs: what would end a text or a comment there is refused.
void require_quotable(std::string_view what, std::string_view text) {
    if (text.find_first_of("\"\\") != std::string_view::npos || text.find("*/") != std::string_view::npos)
        throw failure{fmt::format("{} \"{}\" cannot be written into a program", what, text),
                      "Leave out quotes, backslashes and \"*/\".", wrong_usage};
}

int enroll(const enroll_options& options) {
    const auto checked = ih::connect_endpoint<ih::curve_client::protects>::parse(options.endpoint);
    const auto server = ih::certificate::load_public(options.server);
    std::optional<ih::certificate> made;
    if (options.make_key) made = ih::certificate::generate(options.client, options.terms.applied_to({}));
    const auto client = made ? made->public_part() : named(options);
    require_quotable("the name", client.name());
    require_quotable("the endpoint", options.endpoint);
    require_file_name(client.name());
    if (client.key() == server.key())
        throw failure{"client and server have the same key",
                      "Each needs a key pair of its own: ironhouse keygen NAME."};

    const auto kind = std::find_if(socket_kinds.begin(), socket_kinds.end(),
                                   [&](const socket_kind& each) { return each.name == options.socket; });
    const uninterrupted all_or_nothing;
    draft_folder folder{options.output.empty() ? client.name() + ".bundle" : options.output};
    client.save(folder.file(client.name() + ".key"));
    if (made) made->save(folder.file(client.name() + ".key_secret"));
    if (client.name() + ".key" != "server.key") server.save(folder.file("server.key"));

    const auto steps = [&](std::string_view subscribe, std::string_view connect, std::string_view send,
                           std::string_view receive) {
        std::string all;
        if (kind->does.subscribes) all += subscribe;
        all += connect;
        if (kind->does.sends) all += send;
        if (kind->does.receives) all += receive;
        return all;
    };
    const std::vector<std::pair<std::string_view, std::string>> words{
        {"CPPSTEPS", steps("    socket.subscribe(\"\"); // every topic\n", "    socket.connect(\"@ENDPOINT@\");\n",
                           cpp_send, cpp_receive)},
        {"PYTHONSTEPS", steps("socket.subscribe(b\"\")  # every topic\n", "socket.connect(\"@ENDPOINT@\")\n",
                              python_send, python_receive)},
        {"CSTEPS", steps("    zsock_set_subscribe(socket, \"\"); /* every topic */\n",
                         "    zsock_connect(socket, \"%s\", \"@ENDPOINT@\");\n", c_send, c_receive)},
        {"LIMITS", std::string{kind->limits}},
        {"SOCKET", std::string{kind->name}},
        {"CONSTANT", std::string{kind->constant}},
        {"SERVERKEY", server.key().z85()},
        {"NAME", client.name()},
        {"ENDPOINT", std::string{checked.text()}},
    };
    folder.write("client.cpp", filled(cpp_client, words));
    folder.write("client.py", filled(python_client, words));
    folder.write("client.c", filled(c_client, words));
    folder.write("README.txt", about(options, client, server));

    ring_entry entry{options.clients, client};
    folder.publish();
    entry.keep();

    fmt::print("{:<13}{}/ (README.txt says what to do with it)\n", "bundle", folder.path());
    if (!options.clients.empty())
        fmt::print("{:<13}{}\n", "let in by", in_folder(options.clients, client.name() + ".key"));
    fmt::print("{:<13}{}  {}\n", "client", client.fingerprint(), client.name());
    fmt::print("{:<13}{}  {}\n", "server", server.fingerprint(), server.name());
    const auto line = [](std::string_view what, std::string_view value) { fmt::print("{:<13}{}\n", what, value); };
    if (!client.roles().empty()) line("roles", joined(client.roles()));
    each_term(client.terms(), line);
    if (made)
        fmt::print("\nThe bundle holds a secret: carry it by a way you trust, and delete it here. Safer: let the "
                   "client make its\n"
                   "own key with ironhouse keygen and send NAME.key only.\n");
    if (options.clients.empty())
        fmt::print("\nCopy {0}/{1}.key into the folder of the server's keyring, or run this again with --clients.\n",
                   folder.path(), client.name());
    return done;
}

} // namespace

void add_enroll(CLI::App& all, action& chosen) {
    auto* const sub = all.add_subcommand("enroll", "Make the folder one client needs, and let it in at the server");
    const auto options = std::make_shared<enroll_options>();
    sub->add_option("CLIENT", options->client, "The client's public file NAME.key; with --new, its name")->required();
    sub->add_option("--server", options->server, "The server's public file")->required();
    sub->add_option("--endpoint", options->endpoint, "Where clients connect to: tcp://host:port")->required();
    std::vector<std::string> kinds;
    for (const socket_kind& each : socket_kinds) kinds.emplace_back(each.name);
    sub->add_option("--socket", options->socket, "What the client opens: push, pull, sub, req or dealer")
        ->check(CLI::IsMember(kinds))
        ->capture_default_str();
    sub->add_option("--clients", options->clients,
                    "The folder of the server's keyring: put the client's key there too");
    sub->add_option("--output,-o", options->output, "The folder to make; NAME.bundle without");
    options->terms.add_to(*sub);
    sub->add_flag("--new", options->make_key, "Make the client's key here: its secret then travels in the bundle");
    sub->footer("What it may do goes before what the client's file says, and is kept in the server's copy.\n"
                "All or nothing: no bundle without a ring that loads, no key in the ring without a bundle.");
    sub->callback([options, &chosen] { chosen = [options] { return enroll(*options); }; });
}

} // namespace tool

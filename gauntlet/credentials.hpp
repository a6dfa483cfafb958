// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Keys and certificate files for one run against one victim, in a folder that goes away with it. Gauntlet.

#include <array>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

#include <sys/stat.h>
#include <zmq.h>

namespace gauntlet {

/// A CURVE key pair as Z85 text. It lives for seconds and protects nothing.
struct key_pair {
    std::string public_key;
    std::string secret_key;

    static key_pair make() {
        std::array<char, 41> pub{};
        std::array<char, 41> sec{};
        if (::zmq_curve_keypair(pub.data(), sec.data()) != 0) throw std::runtime_error{"this libzmq has no CURVE"};
        return {pub.data(), sec.data()};
    }
};

/// A folder of its own inside another; removed with everything in it.
class scratch_folder {
public:
    explicit scratch_folder(const std::filesystem::path& inside) {
        std::string name = (inside / "gauntlet-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"cannot make " + name};
        path_ = name;
    }
    ~scratch_folder() { remove(); }
    void remove() const noexcept {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    scratch_folder(const scratch_folder&) = delete;
    scratch_folder& operator=(const scratch_folder&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

/// The server's identity and those of its clients:
/// ann, who is honest; ben, who is honest but whose line runs past the attacker; mallory, whom the server trusts although
/// it should not; eve, whom nobody knows. The server and ann have a next key each, "server-next" and "ann-next".
class credentials {
public:
    explicit credentials(const std::filesystem::path& inside) : folder_{inside} {
        std::filesystem::create_directory(clients());
        write_secret("server", server_);
        write_public(home() / "server.key", "server", server_);
        write_secret("server-next", next_server_);
        write_public(home() / "server-next.key", "server-next", next_server_);
        for (const char* name : {"ann", "ann-next", "ben", "mallory"}) {
            write_secret(name, known_[name] = key_pair::make());
            write_public(clients() / (std::string{name} + ".key"), name, known_[name]);
        }
    }

    [[nodiscard]] const std::filesystem::path& home() const noexcept { return folder_.path(); }
    [[nodiscard]] std::filesystem::path clients() const { return home() / "clients"; }
    [[nodiscard]] const key_pair& server() const noexcept { return server_; }
    [[nodiscard]] const key_pair& next_server() const noexcept { return next_server_; }
    [[nodiscard]] const key_pair& of(const std::string& name) const {
        const auto found = known_.find(name);
        return found == known_.end() ? stranger_ : found->second;
    }

    static void write(const std::filesystem::path& file, std::string_view text, bool secret = false) {
        const ::mode_t mode = secret ? 0600 : 0644;
        std::ofstream out{file, std::ios::binary | std::ios::trunc};
        if (::chmod(file.c_str(), mode) != 0 || !(out << text) || !out.flush())
            throw std::runtime_error{"cannot write " + file.string()};
    }

private:
    static std::string head(const std::string& name) {
        return "#   ZeroMQ CURVE Certificate, made for one run of the gauntlet\n\nmetadata\n    name = \"" + name +
               "\"\ncurve\n";
    }
    static void write_public(const std::filesystem::path& file, const std::string& name, const key_pair& keys) {
        write(file, head(name) + "    public-key = \"" + keys.public_key + "\"\n");
    }
    void write_secret(const std::string& name, const key_pair& keys) const {
        write(home() / (name + ".key_secret"),
              head(name) + "    public-key = \"" + keys.public_key + "\"\n    secret-key = \"" + keys.secret_key +
                  "\"\n",
              true);
    }

    scratch_folder folder_;
    key_pair server_ = key_pair::make();
    key_pair next_server_ = key_pair::make();
    key_pair stranger_ = key_pair::make();
    std::map<std::string, key_pair> known_;
};

} // namespace gauntlet

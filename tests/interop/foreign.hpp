// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Foreign peers as child processes: pyzmq and CZMQ, one socket each.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/scratch.hpp"
#include "support/sockets.hpp"
#include "wire/support/process.hpp"

namespace interop {

namespace ih = ironhouse;
using namespace std::chrono_literals;
using frames = std::vector<std::string>;

/// Who is on the other side.
enum class kind : std::uint8_t { pyzmq, czmq };
[[nodiscard]] constexpr const char* name(kind k) noexcept { return k == kind::pyzmq ? "pyzmq" : "CZMQ"; }

[[nodiscard]] inline std::vector<std::string> program(kind k) {
    if (k == kind::pyzmq) return {IRONHOUSE_PYTHON, IRONHOUSE_PEER_PY};
    return {IRONHOUSE_PEER_CZMQ};
}

/// Runs a foreign program to its end. \return its first line.
[[nodiscard]] inline std::string said_by(kind k, const std::vector<std::string>& arguments) {
    auto command = program(k);
    command.insert(command.end(), arguments.begin(), arguments.end());
    auto child = wire::child::start(command);
    child.close_stdin();
    const auto line = child.read_line(20s);
    if (!child.wait(20s)) throw std::runtime_error{"a foreign program did not end"};
    return line.value_or("");
}

using support::scratch;

/// Keys in files, as each program wants them.
struct keys {
    scratch folder;
    support::cast who;
    std::string clients = folder.folder("clients");

    keys() {
        who.server.save(folder / "server.key_secret");
        who.server.save_public(folder / "server.key");
        who.ann.save(folder / "ann.key_secret");
        who.ann.save_public(folder / "ann.key");
        who.ann.save_public(clients + "/ann.key");
    }
    /// CZMQ adds "_secret" by itself.
    [[nodiscard]] std::string file(kind of, const std::string& name) const {
        return folder / (name + (of == kind::czmq ? ".key" : ".key_secret"));
    }
};

/// One foreign socket.
class peer {
public:
    peer(kind k, const std::string& type, std::vector<std::string> arguments) : child_{start(k, type, arguments)} {
        const auto line = child_.read_line(20s);
        if (!line || !line->starts_with("ready ")) throw std::runtime_error{"a foreign peer did not start"};
        endpoint_ = line->substr(6);
    }

    [[nodiscard]] const std::string& endpoint() const noexcept { return endpoint_; }

    void send(const frames& message) { (void)ask("send" + encoded(message)); }
    void subscribe(const std::string& topic) { (void)ask("subscribe" + encoded({topic})); }
    [[nodiscard]] std::optional<frames> receive(std::chrono::milliseconds patience = 10s) {
        const std::string line = ask("receive " + std::to_string(patience.count()));
        if (!line.starts_with("got")) return std::nullopt;
        return decoded(line.substr(3));
    }

private:
    static wire::child start(kind k, const std::string& type, const std::vector<std::string>& arguments) {
        auto command = program(k);
        command.insert(command.end(), {"--type", type});
        command.insert(command.end(), arguments.begin(), arguments.end());
        return wire::child::start(command);
    }
    [[nodiscard]] std::string ask(const std::string& line) {
        if (!child_.write_line(line)) throw std::runtime_error{"a foreign peer is gone"};
        const auto answer = child_.read_line(30s);
        if (!answer) throw std::runtime_error{"a foreign peer does not answer: " + line.substr(0, 40)};
        return *answer;
    }
    static std::string encoded(const frames& message) {
        static constexpr char digits[] = "0123456789abcdef";
        std::string line;
        for (const std::string& frame : message) {
            line += ' ';
            if (frame.empty()) line += '-';
            for (const char c : frame) {
                line += digits[static_cast<unsigned char>(c) >> 4];
                line += digits[static_cast<unsigned char>(c) & 15];
            }
        }
        return line;
    }
    static frames decoded(const std::string& line) {
        frames all;
        for (std::size_t at = 0; at < line.size();) {
            const auto end = std::min(line.find(' ', at + 1), line.size());
            const std::string word = line.substr(at + 1, end - at - 1);
            std::string frame;
            for (std::size_t i = 0; word != "-" && i + 1 < word.size(); i += 2)
                frame += static_cast<char>(std::stoi(word.substr(i, 2), nullptr, 16));
            all.push_back(frame);
            at = end;
        }
        return all;
    }

    wire::child child_;
    std::string endpoint_;
};

/// A message of ours as a list of frames, and back.
template <class Message> void fill(Message& message, const frames& with) {
    message.clear();
    for (const std::string& frame : with)
        if (!message.add(frame)) throw std::runtime_error{"the limits refuse the test's own message"};
}
template <class Message> [[nodiscard]] frames taken(const Message& message) {
    frames all;
    for (std::size_t i = 0; i != message.size(); ++i) all.emplace_back(message[i].text());
    return all;
}

} // namespace interop

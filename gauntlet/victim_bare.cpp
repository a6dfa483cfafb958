// SPDX-License-Identifier: MIT

/// \file
/// The same job as victim_ironhouse on plain cppzmq, written the way tutorials write it. Gauntlet.
///
/// Nothing here is wrong on purpose: every call is the usual one, and what is missing is what libzmq lets a program
/// leave out. README.md says for each attack which of these configurations it meets, and why people write it.

#include "victim_lines.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <zmq.hpp>

namespace {

using namespace std::chrono_literals;

/// Reads a key from a certificate file: the text between the quotes on the line that starts with its name.
std::string key_in(const std::filesystem::path& file, std::string_view name) {
    std::ifstream in{file};
    std::string key;
    for (std::string line; std::getline(in, line);) {
        const auto start = line.find_first_not_of(' ');
        if (start == std::string::npos || line.compare(start, name.size(), name) != 0) continue;
        const auto open = line.find('"');
        const auto close = line.rfind('"');
        if (open != std::string::npos && close > open) key = line.substr(open + 1, close - open - 1);
    }
    if (key.empty()) throw std::runtime_error{"no " + std::string{name} + " in " + file.string()};
    return key;
}

std::string z85(const zmq::message_t& raw) {
    char text[41] = {};
    if (raw.size() != 32 || zmq_z85_encode(text, raw.data<std::uint8_t>(), 32) == nullptr) return {};
    return text;
}

/// The ZAP handler of the tutorials: a thread with a REP socket that answers from a list of keys.
class authenticator {
public:
    authenticator(zmq::context_t& context, const std::filesystem::path& directory)
        : door_{context, zmq::socket_type::rep} {
        allowed_ = read(directory);
        door_.bind("inproc://zeromq.zap.01");
        thread_ = std::thread{[this] { serve(); }};
    }
    ~authenticator() { end(); }
    authenticator(const authenticator&) = delete;
    authenticator& operator=(const authenticator&) = delete;

    /// Takes a key off the list: the handler says no from the next time it is asked.
    void drop(std::string_view name) {
        const std::lock_guard hold{lock_};
        std::erase_if(allowed_, [&](const auto& each) { return each.second == name; });
    }
    /// Reads the list again. While there is none to be read, the present one stays.
    void reload(const std::filesystem::path& directory) {
        try {
            auto next = read(directory);
            const std::lock_guard hold{lock_};
            allowed_.swap(next);
        } catch (const std::exception& problem) {
            std::cerr << "cannot read the list: " << problem.what() << std::endl;
        }
    }
    /// As when something in the loop throws and the thread's catch-all writes a log line and returns.
    void end() {
        leave_ = true;
        if (thread_.joinable()) thread_.join();
    }

private:
    // A file that cannot be read is passed over, as in CZMQ: it must not keep all others out.
    static std::map<std::string, std::string> read(const std::filesystem::path& directory) {
        std::map<std::string, std::string> list;
        for (const auto& entry : std::filesystem::directory_iterator{directory}) {
            try {
                list[key_in(entry.path(), "public-key")] = entry.path().stem();
            } catch (const std::exception& problem) {
                std::cerr << "passed over: " << problem.what() << std::endl;
            }
        }
        return list;
    }
    void serve() {
        while (!leave_) {
            zmq::pollitem_t item{door_.handle(), 0, ZMQ_POLLIN, 0};
            if (zmq::poll(&item, 1, 20ms) == 0) continue;
            std::string request[7];
            std::string key;
            for (std::size_t i = 0;; ++i) {
                zmq::message_t frame;
                (void)door_.recv(frame);
                if (i < 7) request[i] = frame.to_string();
                if (i == 6) key = z85(frame);
                if (!frame.more()) break;
            }
            const bool known = request[5] == "CURVE" && allows(key);
            for (const std::string& part : {std::string{"1.0"}, request[1], std::string{known ? "200" : "400"},
                                            std::string{known ? "OK" : "unknown key"}, std::string{}})
                door_.send(zmq::buffer(part), zmq::send_flags::sndmore);
            door_.send(zmq::message_t{}, zmq::send_flags::none);
        }
        door_.close();
    }
    bool allows(const std::string& key) {
        const std::lock_guard hold{lock_};
        return allowed_.contains(key);
    }

    zmq::socket_t door_;
    std::mutex lock_;
    std::map<std::string, std::string> allowed_; // keys, and whose they are; guarded by lock_
    std::atomic<bool> leave_{false};
    std::thread thread_;
};

/// Takes one order, which is two frames, and writes it down.
void take_order(zmq::socket_t& sink) {
    zmq::message_t head;
    zmq::message_t body;
    (void)sink.recv(head);
    (void)sink.recv(body);
    const auto order = victim_lines::parse_head(head.to_string_view());
    if (order)
        victim_lines::delivered(order->number, order->from, body.to_string_view());
    else
        victim_lines::say("strange " + std::to_string(head.size() + body.size()));
}

/// Takes whoever the command names off the list.
void revoke_if_told(const std::string& command, std::optional<authenticator>& guard) {
    const auto name = victim_lines::argument(command, "revoke");
    if (!name) return;
    if (guard) guard->drop(*name);
    victim_lines::say("revoked");
}

/// Binds to a free port. `security`: none, curve (keys, but nobody asks whose they are) or authenticator.
void open_shop(zmq::socket_t& socket, const std::string& security, const std::filesystem::path& home) {
    if (security != "none") {
        socket.set(zmq::sockopt::curve_server, true);
        socket.set(zmq::sockopt::curve_secretkey, key_in(home / "server.key_secret", "secret-key"));
    }
    socket.bind("tcp://127.0.0.1:*");
    const std::string endpoint = socket.get(zmq::sockopt::last_endpoint);
    victim_lines::say("ready " + endpoint.substr(endpoint.rfind(':') + 1));
}

/// Collects orders.
[[noreturn]] void sink(const std::string& security, const std::filesystem::path& home) {
    zmq::context_t context;
    std::optional<authenticator> guard;
    if (security == "authenticator") guard.emplace(context, home / "clients");

    zmq::socket_t sink{context, zmq::socket_type::pull};
    open_shop(sink, security, home);

    victim_lines::commands commands;
    std::thread helper;
    for (;;) {
        zmq::pollitem_t items[] = {{sink.handle(), 0, ZMQ_POLLIN, 0}, {nullptr, 0, ZMQ_POLLIN, 0}};
        zmq::poll(items, 2, -1ms);
        if ((items[0].revents & ZMQ_POLLIN) != 0) take_order(sink);
        if ((items[1].revents & ZMQ_POLLIN) == 0) continue;

        while (auto command = commands.next(0)) {
            if (command == "pause") {
                victim_lines::say("paused");
                while (command != "resume" && command != "stop") command = commands.next(-1);
                victim_lines::say("resumed");
            }
            if (command == "ping") victim_lines::say("pong");
            if (command == "open-file") victim_lines::open_file();
            revoke_if_told(*command, guard);
            if (command == "reload") { // as SIGHUP, or a look at the directory's time once a second
                if (guard) guard->reload(home / "clients");
                victim_lines::say("reloaded");
            }
            if (command == "kill-authenticator") {
                if (guard) guard->end();
                victim_lines::say("dead");
            }
            // One worker is too slow, so a second one helps with the same socket.
            if (command == "second-thread")
                helper = std::thread{[&sink] {
                    for (;;) {
                        zmq::pollitem_t item{sink.handle(), 0, ZMQ_POLLIN, 0};
                        while (zmq::poll(&item, 1, 0ms) > 0) take_order(sink);
                    }
                }};
            if (command == "stop") {
                victim_lines::say("bye");
                std::_Exit(0); // a helper cannot be asked to leave
            }
        }
    }
}

/// Publishes bulletins.
int feed(const std::string& security, const std::filesystem::path& home) {
    zmq::context_t context;
    std::optional<authenticator> guard;
    if (security == "authenticator") guard.emplace(context, home / "clients");

    zmq::socket_t feed{context, zmq::socket_type::pub};
    open_shop(feed, security, home);

    victim_lines::commands commands;
    for (;;) {
        const auto command = commands.next(-1);
        if (command == "ping") victim_lines::say("pong");
        if (command == "stop") break;
        if (command) revoke_if_told(*command, guard);
        if (command && command->starts_with("publish ")) {
            const auto number = victim_lines::number(command->substr(8)).value_or(0);
            const std::string head = "feed " + std::to_string(number);
            feed.send(zmq::buffer(head), zmq::send_flags::sndmore);
            feed.send(zmq::buffer(victim_lines::honest_body("feed", number)), zmq::send_flags::none);
        }
    }
    victim_lines::say("bye");
    return 0;
}

/// Sends orders to a server whose key it knows.
int source(const std::filesystem::path& home, const std::string& server) {
    zmq::context_t context;
    zmq::socket_t source{context, zmq::socket_type::push};
    source.set(zmq::sockopt::linger, 0);
    source.set(zmq::sockopt::curve_serverkey, key_in(home / "server.key", "public-key"));
    source.set(zmq::sockopt::curve_publickey, key_in(home / "ann.key_secret", "public-key"));
    source.set(zmq::sockopt::curve_secretkey, key_in(home / "ann.key_secret", "secret-key"));
    source.connect("tcp://" + server);
    victim_lines::say("ready 0");

    victim_lines::commands commands;
    std::uint64_t sent = 0;
    for (;;) {
        const auto command = commands.next(-1);
        if (command == "ping") victim_lines::say("pong");
        if (command == "stop") break;
        if (command && command->starts_with("send ")) {
            for (auto left = victim_lines::number(command->substr(5)).value_or(0); left != 0; --left) {
                ++sent;
                const std::string head = "ann " + std::to_string(sent);
                source.send(zmq::buffer(head), zmq::send_flags::sndmore);
                source.send(zmq::buffer(victim_lines::honest_body("ann", sent)), zmq::send_flags::none);
            }
            victim_lines::say("queued " + std::to_string(sent));
        }
    }
    victim_lines::say("bye");
    return 0;
}

/// Serves another key from now on. The port is free again once libzmq's thread has let go of it.
void rotate(zmq::socket_t& desk, const std::filesystem::path& home) {
    const std::string endpoint = desk.get(zmq::sockopt::last_endpoint);
    desk.unbind(endpoint);
    desk.set(zmq::sockopt::curve_secretkey, key_in(home / "server-next.key_secret", "secret-key"));
    for (const auto until = std::chrono::steady_clock::now() + 2s;;) {
        try {
            desk.bind(endpoint);
            break;
        } catch (const zmq::error_t& busy) {
            if (busy.num() != EADDRINUSE || std::chrono::steady_clock::now() > until) throw;
            std::this_thread::yield();
        }
    }
    victim_lines::say("rotated");
}

/// Takes orders and acknowledges them.
int desk(const std::string& security, const std::filesystem::path& home) {
    zmq::context_t context;
    std::optional<authenticator> guard;
    if (security == "authenticator") guard.emplace(context, home / "clients");

    zmq::socket_t desk{context, zmq::socket_type::router};
    desk.set(zmq::sockopt::router_handover, true); // who comes again under its name gets its answers
    open_shop(desk, security, home);

    victim_lines::commands commands;
    bool at_once = true;
    std::vector<std::pair<zmq::message_t, zmq::message_t>> later;
    const auto send_receipts = [&] {
        for (auto& [whose, receipt] : later) {
            desk.send(whose, zmq::send_flags::sndmore);
            desk.send(receipt, zmq::send_flags::none);
        }
        later.clear();
    };
    for (;;) {
        zmq::pollitem_t items[] = {{desk.handle(), 0, ZMQ_POLLIN, 0}, {nullptr, 0, ZMQ_POLLIN, 0}};
        zmq::poll(items, 2, -1ms);
        if ((items[0].revents & ZMQ_POLLIN) != 0) {
            zmq::message_t whose;
            zmq::message_t head;
            zmq::message_t body;
            (void)desk.recv(whose);
            (void)desk.recv(head);
            (void)desk.recv(body);
            const auto order = victim_lines::parse_head(head.to_string_view());
            if (order) {
                victim_lines::delivered(order->number, order->from, body.to_string_view());
                later.emplace_back(std::move(whose), std::move(head));
            } else {
                victim_lines::say("strange " + std::to_string(head.size() + body.size()));
            }
        }
        if (at_once) send_receipts();
        while (auto command = commands.next(0)) {
            if (command == "ping") victim_lines::say("pong");
            if (command == "delay" || command == "answer") {
                at_once = command == "answer";
                if (at_once) send_receipts();
                victim_lines::say(at_once ? "answered" : "delayed");
            }
            if (command == "keep") {
                desk.set(zmq::sockopt::router_handover, false); // as libzmq has it: a name stays with who has it
                victim_lines::say("kept");
            }
            revoke_if_told(*command, guard);
            if (victim_lines::argument(*command, "rotate")) rotate(desk, home); // there is no "both for a while"
            if (command == "stop") {
                victim_lines::say("bye");
                return 0;
            }
        }
    }
}

/// Sends orders, each again until it is acknowledged. It knows the server's next key as well as the present one; a socket
/// takes one of them, so it opens another with the other key when it hears nothing.
int client(const std::filesystem::path& home, const std::string& server) {
    zmq::context_t context;
    std::string own = "ann.key_secret";
    std::string trusted = "server.key";
    zmq::socket_t source;
    const auto set_own_key = [&] {
        source.set(zmq::sockopt::curve_publickey, key_in(home / own, "public-key"));
        source.set(zmq::sockopt::curve_secretkey, key_in(home / own, "secret-key"));
    };
    const auto open = [&] {
        source = zmq::socket_t{context, zmq::socket_type::dealer};
        source.set(zmq::sockopt::linger, 0);
        source.set(zmq::sockopt::sndtimeo, 50);
        source.set(zmq::sockopt::curve_serverkey, key_in(home / trusted, "public-key"));
        set_own_key();
        source.connect("tcp://" + server);
    };
    open();
    victim_lines::say("ready 0");

    victim_lines::commands commands;
    victim_lines::order_book book;
    const auto send = [&](std::uint64_t number) {
        const std::string head = "ann " + std::to_string(number);
        if (!source.send(zmq::buffer(head), zmq::send_flags::sndmore)) return;
        source.send(zmq::buffer(victim_lines::honest_body("ann", number)), zmq::send_flags::none);
    };
    bool renewing = false;
    for (;;) {
        zmq::pollitem_t item{source.handle(), 0, ZMQ_POLLIN, 0};
        for (zmq::poll(&item, 1, 2ms); (item.revents & ZMQ_POLLIN) != 0; zmq::poll(&item, 1, 0ms)) {
            zmq::message_t answer;
            (void)source.recv(answer);
            if (const auto order = victim_lines::parse_head(answer.to_string_view())) book.acknowledge(order->number);
        }
        if (book.batch_due()) {
            for (std::size_t n = 0; n != victim_lines::order_book::batch; ++n) send(book.take());
            if (std::exchange(renewing, false)) { // a new connection takes the new key
                own = "ann-next.key_secret";
                set_own_key();
                source.disconnect("tcp://" + server);
                source.connect("tcp://" + server);
                victim_lines::say("renewed");
            }
        }
        if (book.is_ignored()) {
            trusted = trusted == "server.key" ? "server-next.key" : "server.key";
            open();
            for (const auto& each : book.open()) send(each.first);
        }
        while (auto command = commands.next(0)) {
            if (command == "ping") victim_lines::say("pong");
            if (command == "hold") book.hold();
            if (command == "renew") renewing = true;
            if (command == "stop") {
                victim_lines::say("bye");
                return 0;
            }
        }
    }
}

} // namespace

/// victim_bare sink <none|curve|authenticator> <folder of keys>
/// victim_bare feed <none|curve|authenticator> <folder of keys>
/// victim_bare desk <none|curve|authenticator> <folder of keys>
/// victim_bare source <folder of keys> <address:port>
/// victim_bare client <folder of keys> <address:port>
int main(int argc, char** argv) {
    if (argc != 4) return 2;
    try {
        if (std::string_view{argv[1]} == "sink") sink(argv[2], argv[3]);
        if (std::string_view{argv[1]} == "feed") return feed(argv[2], argv[3]);
        if (std::string_view{argv[1]} == "desk") return desk(argv[2], argv[3]);
        if (std::string_view{argv[1]} == "source") return source(argv[2], argv[3]);
        if (std::string_view{argv[1]} == "client") return client(argv[2], argv[3]);
    } catch (const std::exception& problem) {
        victim_lines::say("refused " + std::string{problem.what()});
        return 3;
    }
    return 2;
}

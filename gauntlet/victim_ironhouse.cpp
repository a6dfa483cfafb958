// SPDX-License-Identifier: MIT

/// \file
/// The same job as victim_bare on Ironhouse. Gauntlet.
///
/// One program for all attacks, and nothing in it is there because of them: limits, keys and owner are what the types ask
/// for.

#include "victim_lines.hpp"

#include <ironhouse/detail/fault.hpp>
#include <ironhouse/ironhouse.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::inbound orders{
    .peers = 16_peers,
    .queue = 50_messages,
    .frames = 4_frames,
    .frame = 16_KiB,
};
static_assert(ih::memory_ceiling(orders) <= 128_MiB);

/// Says where a socket is to be found, and what it may cost at most.
template <class Socket, class Limits> void say_ready(Socket& bound, const Limits& limits) {
    const std::string endpoint = bound.last_endpoint();
    victim_lines::say("ready " + endpoint.substr(endpoint.rfind(':') + 1) + ' ' +
                      std::to_string(ih::memory_ceiling(limits).count()) + ' ' +
                      std::to_string(ih::guard_slack(limits).count()));
}

/// Takes whoever the command names out of the ring.
void revoke_if_told(const std::string& command, const ih::keyring& ring) {
    const auto name = victim_lines::argument(command, "revoke");
    if (!name) return;
    std::vector<ih::keyring::entry> rest = ring.now()->entries();
    std::erase_if(rest, [&](const auto& each) { return each.name == *name; });
    ring.replace(std::move(rest));
    victim_lines::say("revoked");
}

/// Collects orders.
[[noreturn]] void sink(const std::string& home) {
    ih::context context;
    const auto ring = ih::keyring::from_directory(home + "/clients");
    ih::socket<ih::pull, orders, ih::curve_server> sink{
        context,
        {
            .domain = "orders",
            .clients = ring,
            .identity = ih::certificate::load(home + "/server.key_secret"),
        }};
    sink.bind("tcp://127.0.0.1:*");
    say_ready(sink, orders);

    victim_lines::commands commands;
    std::thread helper;
    bool dying = false;
    decltype(sink)::message order;
    for (;;) {
        if (sink.receive(order, 20ms) == ih::receive_status::received) {
            const auto head = victim_lines::parse_head(order[0].text());
            if (head && order.size() == 2)
                victim_lines::delivered(head->number, order.sender(), order[1].text());
            else
                victim_lines::say("strange " + std::to_string(order.size()));
        }
        if (dying && context.count(ih::reason::sentry_failed) != 0) {
            dying = false;
            victim_lines::say("dead");
        }
        while (auto command = commands.next(0)) {
            if (command == "pause") {
                victim_lines::say("paused");
                while (command != "resume" && command != "stop") command = commands.next(-1);
                victim_lines::say("resumed");
            }
            if (command == "ping") victim_lines::say("pong");
            if (command == "open-file") victim_lines::open_file();
            revoke_if_told(*command, ring);
            if (command == "reload") victim_lines::say("reloaded"); // the ring follows its directory by itself
            if (command == "kill-authenticator") {
                ih::detail::kill_authenticator(context);
                dying = true;
            }
            // The mistake C++ cannot see: the socket goes to a second thread by reference.
            if (command == "second-thread")
                helper = std::thread{[&sink] {
                    decltype(sink)::message stolen;
                    while (sink.receive(stolen, 1s) != ih::receive_status::closing) {}
                }};
            if (command == "stop") {
                victim_lines::say("bye");
                std::_Exit(0); // a helper cannot be asked to leave
            }
        }
    }
}

inline constexpr ih::outbound bulletins{.peers = 16_peers, .queue = 100_messages, .frames = 2_frames, .frame = 1_KiB};

/// Publishes bulletins.
int feed(const std::string& home) {
    ih::context context;
    const auto ring = ih::keyring::from_directory(home + "/clients");
    ih::socket<ih::pub, bulletins, ih::curve_server> feed{
        context,
        {
            .domain = "bulletins",
            .clients = ring,
            .identity = ih::certificate::load(home + "/server.key_secret"),
        }};
    feed.bind("tcp://127.0.0.1:*");
    say_ready(feed, bulletins);

    victim_lines::commands commands;
    decltype(feed)::message bulletin;
    for (;;) {
        const auto command = commands.next(20);
        (void)feed.service();
        if (command == "ping") victim_lines::say("pong");
        if (command == "stop") break;
        if (command) revoke_if_told(*command, ring);
        if (command && command->starts_with("publish ")) {
            const auto number = victim_lines::number(command->substr(8)).value_or(0);
            if (!bulletin.add("feed " + std::to_string(number)) ||
                !bulletin.add(victim_lines::honest_body("feed", number)))
                return 6;
            (void)feed.send(bulletin, 250ms);
        }
    }
    victim_lines::say("bye");
    return 0;
}

inline constexpr ih::outbound outgoing{.peers = 1_peers, .queue = 100_messages, .frames = 4_frames, .frame = 16_KiB};

/// Sends orders to a server whose key it knows.
int source(const std::string& home, const std::string& server) {
    using target = ih::connect_endpoint<ih::curve_client::protects>;
    ih::context context;
    ih::socket<ih::push, outgoing, ih::curve_client> source{
        context,
        {
            .identity = ih::certificate::load(home + "/ann.key_secret"),
            .server = ih::certificate::load_public(home + "/server.key").key(),
        }};
    source.connect(target::parse("tcp://" + server));
    victim_lines::say("ready 0");

    victim_lines::commands commands;
    std::uint64_t sent = 0;
    decltype(source)::message order;
    for (;;) {
        const auto command = commands.next(20);
        (void)source.service(); // an idle owner connects again here
        if (command == "ping") victim_lines::say("pong");
        if (command == "stop") break;
        if (command && command->starts_with("send ")) {
            for (auto left = victim_lines::number(command->substr(5)).value_or(0); left != 0; --left) {
                ++sent;
                const std::string number = std::to_string(sent);
                const std::string body = victim_lines::honest_body("ann", sent);
                if (!order.add("ann " + number) || !order.add(body)) return 6;
                while (source.send(order, 250ms) != ih::send_status::queued) {}
            }
            victim_lines::say("queued " + std::to_string(sent));
        }
    }
    victim_lines::say("bye");
    return 0;
}

inline constexpr ih::duplex dealings{
    .in = orders, .out = {.peers = 16_peers, .queue = 50_messages, .frames = 4_frames, .frame = 16_KiB}};

/// Takes orders and acknowledges them.
int desk(const std::string& home) {
    ih::context context;
    const auto ring = ih::keyring::from_directory(home + "/clients");
    ih::socket<ih::router, dealings, ih::curve_server> desk{
        context,
        {
            .domain = "desk",
            .clients = ring,
            .identity = ih::certificate::load(home + "/server.key_secret"),
        }};
    desk.bind("tcp://127.0.0.1:*");
    say_ready(desk, dealings);

    victim_lines::commands commands;
    decltype(desk)::message order;
    bool at_once = true;
    std::vector<decltype(desk)::message> later;
    for (;;) {
        if (desk.receive(order, 20ms) == ih::receive_status::received) {
            const auto head = victim_lines::parse_head(order[0].text());
            if (head && order.size() == 2) {
                // What it is signed with: one key may be in two hands.
                victim_lines::delivered(head->number, head->from, order[1].text());
                auto& receipt = later.emplace_back();
                if (!receipt.add(order[0].text())) return 6;
                receipt.to(order);
            } else {
                victim_lines::say("strange " + std::to_string(order.size()));
            }
        }
        if (at_once) {
            for (auto& receipt : later) (void)desk.try_send(receipt); // who does not take it asks again
            later.clear();
        }
        while (auto command = commands.next(0)) {
            if (command == "ping") victim_lines::say("pong");
            if (command == "delay" || command == "answer") {
                at_once = command == "answer";
                victim_lines::say(at_once ? "answered" : "delayed");
            }
            if (command == "keep") victim_lines::say("kept"); // there is nothing to choose
            revoke_if_told(*command, ring);
            if (const auto window = victim_lines::argument(*command, "rotate")) {
                desk.rotate(ih::certificate::load(home + "/server-next.key_secret"),
                            std::chrono::milliseconds{victim_lines::number(*window).value_or(0)});
                victim_lines::say("rotated");
            }
            if (command == "stop") {
                victim_lines::say("bye");
                return 0;
            }
        }
    }
}

/// Sends orders, each again until it is acknowledged, to a server whose next key it knows as well as the present one.
int client(const std::string& home, const std::string& server) {
    using target = ih::connect_endpoint<ih::curve_client::protects>;
    ih::context context;
    ih::socket<ih::dealer, dealings, ih::curve_client> source{
        context,
        {
            .identity = ih::certificate::load(home + "/ann.key_secret"),
            .server = {ih::certificate::load_public(home + "/server-next.key").key(),
                       ih::certificate::load_public(home + "/server.key").key()},
        }};
    source.connect(target::parse("tcp://" + server));
    victim_lines::say("ready 0");

    victim_lines::commands commands;
    victim_lines::order_book book;
    decltype(source)::message order, receipt;
    const auto send = [&](std::uint64_t number) {
        order.clear();
        return order.add("ann " + std::to_string(number)) && order.add(victim_lines::honest_body("ann", number)) &&
               source.send(order, 50ms) == ih::send_status::queued;
    };
    const auto take_receipts = [&](std::chrono::milliseconds patience) {
        for (; source.receive(receipt, patience) == ih::receive_status::received; patience = 0ms)
            if (const auto head = victim_lines::parse_head(receipt[0].text())) book.acknowledge(head->number);
    };
    bool renewing = false;
    for (;;) {
        take_receipts(2ms);
        if (book.batch_due()) {
            for (std::size_t n = 0; n != victim_lines::order_book::batch; ++n) (void)send(book.take());
            if (std::exchange(renewing, false)) {
                take_receipts(0ms);
                source.renew(ih::certificate::load(home + "/ann-next.key_secret"));
                victim_lines::say("renewed");
            }
        }
        if (book.is_ignored())
            for (const auto& each : book.open())
                if (!send(each.first)) break; // not connected at the moment
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

/// victim_ironhouse sink <folder of keys>
/// victim_ironhouse feed <folder of keys>
/// victim_ironhouse desk <folder of keys>
/// victim_ironhouse source <folder of keys> <address:port>
/// victim_ironhouse client <folder of keys> <address:port>
int main(int argc, char** argv) {
    try {
        if (argc == 3 && std::string_view{argv[1]} == "sink") sink(argv[2]);
        if (argc == 3 && std::string_view{argv[1]} == "feed") return feed(argv[2]);
        if (argc == 3 && std::string_view{argv[1]} == "desk") return desk(argv[2]);
        if (argc == 4 && std::string_view{argv[1]} == "source") return source(argv[2], argv[3]);
        if (argc == 4 && std::string_view{argv[1]} == "client") return client(argv[2], argv[3]);
    } catch (const std::exception& problem) {
        victim_lines::say(std::string{"refused "} + problem.what());
        return 3;
    }
    return 2;
}

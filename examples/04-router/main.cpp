// SPDX-License-Identifier: MIT
// One router serves many clients at once. Each has a key of its own, and the server knows it by that key's name.
#include <ironhouse/ironhouse.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ih = ironhouse;
using namespace ih::literals;

// What may wait, in each direction, for each of up to 50 clients: no client's silence costs the server more than this.
inline constexpr ih::inbound requests{.peers = 50_peers, .queue = 20_messages, .frames = 2_frames, .frame = 1_KiB};
inline constexpr ih::outbound answers{.peers = 50_peers, .queue = 20_messages, .frames = 2_frames, .frame = 1_KiB};
inline constexpr ih::duplex desk_limits{.in = requests, .out = answers};
static_assert(ih::memory_ceiling(desk_limits) <= 64_MiB);

// A client talks to one server.
inline constexpr ih::duplex client_limits{
    .in = {.peers = 1_peer, .queue = 20_messages, .frames = 2_frames, .frame = 1_KiB},
    .out = {.peers = 1_peer, .queue = 20_messages, .frames = 2_frames, .frame = 1_KiB},
};

using desk = ih::socket<ih::router, desk_limits, ih::curve_server>;
using client = ih::socket<ih::dealer, client_limits, ih::curve_client>;

constexpr int clients_at_once = 8;
constexpr int requests_each = 5;

// Runs on a thread of its own. A dealer need not wait for one answer before it sends the next request.
void ask(ih::context& context, ih::certificate identity, ih::public_key server, std::string at,
         std::atomic<int>& happy) {
    const std::string name = identity.name();
    client dealer{context, {.identity = std::move(identity), .server = server}};
    dealer.connect(ih::endpoint<ih::curve_client>::parse(at));

    for (int number = 1; number <= requests_each; ++number) {
        client::message request;
        if (!request.add(std::to_string(number)) || !request.add("widgets")) return;
        if (dealer.send(request, 20s) != ih::send_status::queued) return;
    }
    for (int number = 1; number <= requests_each; ++number) {
        client::message answer;
        if (dealer.receive(answer, 20s) != ih::receive_status::received) return;
        const std::string expected = name + " gets " + std::to_string(number) + " widgets";
        if (answer[0].text() != expected) return; // somebody else's, or out of order
    }
    ++happy;
}

int main() try {
    // In real life each client keeps its own secret, and the server has a folder of their public halves.
    auto desk_identity = ih::certificate::generate("desk");
    const auto desk_key = desk_identity.public_key();
    std::vector<ih::certificate> people;
    std::vector<ih::keyring::entry> known;
    for (int i = 0; i != clients_at_once; ++i) {
        people.push_back(ih::certificate::generate("client-" + std::to_string(i)));
        known.push_back(ih::keyring::entry::of(people.back().public_part()));
    }

    ih::context context;
    desk server{context,
                {.domain = "desk", .clients = ih::keyring::of(std::move(known)), .identity = std::move(desk_identity)}};
    server.bind("tcp://127.0.0.1:*");

    std::atomic<int> happy{0};
    std::list<ih::thread> running;
    for (auto& person : people) {
        running.emplace_back(ask, std::ref(context), std::move(person), desk_key, server.last_endpoint(),
                             std::ref(happy));
    }

    std::map<std::string, int, std::less<>> served; // at most as many names as the ring has keys
    desk::message request;
    for (int left = clients_at_once * requests_each; left != 0;) {
        if (server.receive(request, 20s) != ih::receive_status::received) break;
        if (request.size() != 2) continue; // an accepted client is still no reason to trust what it says

        const std::string who{request.sender()}; // the name its key has in the ring; a client cannot choose it
        desk::message answer;
        if (!answer.add(who + " gets " + std::string{request[0].text()} + " " + std::string{request[1].text()}))
            continue;
        answer.to(request); // the routing id is no frame, and cannot be forgotten in front of one

        // Not send(answer, 1s): one client that reads nothing would hold up the answers of all others.
        switch (server.try_send(answer)) {
        case ih::send_status::queued: ++served[who]; break;
        case ih::send_status::full: std::printf("%s reads too slowly; an answer is lost\n", who.c_str()); break;
        case ih::send_status::unroutable: std::printf("%s has left\n", who.c_str()); break;
        default: return 1;
        }
        --left;
    }
    for (auto& each : running) each.join();

    for (const auto& [who, times] : served) std::printf("%s was served %d times\n", who.c_str(), times);
    return happy == clients_at_once ? 0 : 1;
} catch (const std::exception& failed) {
    std::fprintf(stderr, "%s\n", failed.what());
    return 1;
}

// SPDX-License-Identifier: MIT
// A publisher, and a subscriber that asks for one topic. Both in one program, over real sockets and CURVE.
#include <ironhouse/ironhouse.hpp>

#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::outbound reports_out{.peers = 50_peers, .queue = 100_messages, .frames = 2_frames, .frame = 1_KiB};
inline constexpr ih::inbound reports_in{.peers = 2_peers, .queue = 100_messages, .frames = 2_frames, .frame = 1_KiB};

using publisher = ih::socket<ih::pub, reports_out, ih::curve_server>;
using subscriber = ih::socket<ih::sub, reports_in, ih::curve_client>;

// What a publisher sends nobody has asked for yet is gone, so a report goes out again and again.
void publish(publisher& weather, const char* city, const char* report) {
    publisher::message m;
    if (!m.add(city) || !m.add(report)) return;
    (void)weather.try_send(m); // never waits: a subscriber that falls behind loses messages, and is counted
}

int main() try {
    // In real life each side has its own files; certificate::load() reads them.
    auto station = ih::certificate::generate("station");
    auto reader = ih::certificate::generate("reader");
    const auto station_key = station.public_key();

    ih::context context;
    publisher weather{
        context,
        {.domain = "weather", .clients = ih::keyring::of({reader.public_part()}), .identity = std::move(station)}};

    // `*` lets the system choose: here the port; "tcp://*:5556" is every address of the machine.
    weather.bind("tcp://127.0.0.1:*");
    std::string at = weather.last_endpoint();
    std::printf("published at %s\n", at.c_str());
    try {
        weather.bind("tcp://[::1]:*"); // IPv6, in brackets
        at = weather.last_endpoint();
        std::printf("published at %s\n", at.c_str());
    } catch (const ih::error& none) {
        std::printf("no IPv6 here: %s\n", none.what());
    }

    subscriber news{context, {.identity = std::move(reader), .server = station_key}};
    news.subscribe("oslo");
    // An address learned at run time is parsed. In a literal, a name would do as well: "tcp://weather.example:5556".
    news.connect(ih::endpoint<ih::curve_client>::parse(at));

    int heard = 0;
    const auto until = std::chrono::steady_clock::now() + 20s;
    for (subscriber::message m; heard != 3 && std::chrono::steady_clock::now() < until;) {
        publish(weather, "rome", "sunny");
        publish(weather, "oslo", "snow");
        if (news.receive(m, 10ms) != ih::receive_status::received) continue;
        std::printf("%s: %s\n", std::string{m[0].text()}.c_str(), std::string{m[1].text()}.c_str());
        if (m[0].text() != "oslo") return 1; // nobody asked for it
        ++heard;
    }
    return heard == 3 ? 0 : 1;
} catch (const std::exception& failed) {
    std::fprintf(stderr, "%s\n", failed.what());
    return 1;
}

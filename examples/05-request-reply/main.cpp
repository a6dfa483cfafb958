// SPDX-License-Identifier: MIT
// Ask, wait no longer than one means to, and ask again: also when the server was away, and came back.
#include <ironhouse/ironhouse.hpp>
#include <ironhouse/system/runtime.hpp> // in one source file of a program: it counts what comes in, over ipc too

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::duplex small{
    .in = {.peers = 10_peers, .queue = 10_messages, .frames = 1_frame, .frame = 256_B},
    .out = {.peers = 10_peers, .queue = 10_messages, .frames = 1_frame, .frame = 256_B},
};
using client = ih::socket<ih::req, small, ih::curve_client>;
using server = ih::socket<ih::rep, small, ih::curve_server>;

// The server's process, so to speak: it reads its key from a file each time it starts, and ends when it is told to.
void serve(const std::stop_token& stop, ih::context& context, std::string folder, ih::keyring clients) try {
    server answering{context,
                     {.domain = "prices",
                      .clients = std::move(clients),
                      .identity = ih::certificate::load(folder + "/server.key_secret")}};
    // Ten peers over ipc, which the kernel does not count: system/runtime.hpp, included above, does.
    // A path in a folder of our own stays free while nobody listens. "tcp://*:5555" would be used in the same way.
    answering.bind(ih::endpoint<ih::curve_server>::parse("ipc://" + folder + "/door"));

    server::message question;
    while (answering.receive(question, 1h, stop) == ih::receive_status::received) {
        server::message answer;
        if (!answer.add("the price of " + std::string{question[0].text()} + " is 42")) {
            // Longer than a frame may be. A REP owes an answer all the same; an empty message is one.
        }
        if (answering.send(answer, 1s) != ih::send_status::queued) return;
    }
} catch (const std::exception& failed) {
    std::fprintf(stderr, "the server: %s\n", failed.what());
}

// Asks until there is an answer or the patience is over; each attempt waits for a fifth of it.
std::optional<std::string> ask(client& asking, const std::string& question, std::chrono::milliseconds patience) {
    for (int attempt = 1; attempt <= 5; ++attempt) {
        client::message m;
        if (!m.add(question)) throw std::length_error{"the question is longer than a frame may be"};

        // queued: libzmq has it, which says nothing about the server. A REQ may ask again without an answer; the
        // question before is then given up, and should its answer still come, it is not taken for this one's.
        switch (asking.send(m, patience / 5)) {
        case ih::send_status::queued: break;
        case ih::send_status::full:                         // nobody to take it in this time; it is still ours
        case ih::send_status::no_peer:                      // a bound REQ without peers
        case ih::send_status::interrupted: continue;        // a signal; asking again is safe
        case ih::send_status::oversize:                     // larger than the limits allow: it would never be sent
        case ih::send_status::unroutable:                   // routers only
        case ih::send_status::closing: return std::nullopt; // context.shutdown() was called: unwind
        }
        switch (asking.receive(m, patience / 5)) {
        case ih::receive_status::received: return std::string{m[0].text()};
        case ih::receive_status::timed_out: std::printf("no answer to attempt %d\n", attempt); break;
        case ih::receive_status::interrupted: break;
        case ih::receive_status::closing: return std::nullopt;
        }
    }
    return std::nullopt;
}

int play(const std::string& folder) {
    auto ann = ih::certificate::generate("ann");
    const auto identity = ih::certificate::generate("server");
    identity.save(folder + "/server.key_secret");
    const auto clients = ih::keyring::of({ann.public_part()}); // copies are handles of the same ring

    ih::context context;
    client asking{context, {.identity = std::move(ann), .server = identity.public_key()}};
    asking.connect(ih::endpoint<ih::curve_client>::parse("ipc://" + folder + "/door"));

    ih::thread first{serve, std::ref(context), folder, clients};
    const auto before = ask(asking, "a widget", 60s);
    std::printf("%s\n", before.value_or("nobody there").c_str());

    first.request_stop(); // ends its wait at once
    first.join();
    const auto meanwhile = ask(asking, "a gadget", 500ms);
    std::printf("%s\n", meanwhile.value_or("nobody there").c_str());

    ih::thread second{serve, std::ref(context), folder, clients};
    const auto after = ask(asking, "a gizmo", 60s);
    std::printf("%s\n", after.value_or("nobody there").c_str());
    second.request_stop();
    second.join();

    const bool right = before == "the price of a widget is 42" && !meanwhile && after == "the price of a gizmo is 42";
    return right ? 0 : 1;
}

int main() try {
    std::string folder = std::filesystem::temp_directory_path() / "ironhouse-05-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) { // mode 0700: an ipc socket is refused where others could replace it
        std::perror("cannot make a folder");
        return 1;
    }
    struct removal {
        const std::string& path;
        ~removal() {
            std::error_code ignored;
            std::filesystem::remove_all(path, ignored);
        }
    } const at_the_end{folder};
    return play(folder);
} catch (const std::exception& failed) {
    std::fprintf(stderr, "%s\n", failed.what());
    return 1;
}

// SPDX-License-Identifier: MIT
// A service whose secret key is a systemd credential: no file of the service's user, no argument, no environment.
#include <ironhouse/ironhouse.hpp>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::inbound orders{.peers = 100_peers, .queue = 100_messages, .frames = 1_frame, .frame = 4_KiB};

namespace {
volatile std::sig_atomic_t told_to_end = 0;
}

int main(int argc, char** argv) try {
    if (argc != 3) {
        std::fputs("usage: orders ENDPOINT CLIENTS_FOLDER, with the credential server.key_secret\n", stderr);
        return 2;
    }
    struct ::sigaction end {};
    end.sa_handler = [](int) { told_to_end = 1; };
    ::sigaction(SIGTERM, &end, nullptr); // how systemd asks a service to end

    ih::context context{{.on_event = [](const ih::event& e) {
        // Into the journal: names, addresses, reasons. There is never a secret in an event.
        const auto text = [](std::string_view what) { return std::string{what}; };
        std::fprintf(stderr, "%s %s %s %s\n", text(ih::name(e.why)).c_str(), text(e.peer).c_str(),
                     text(e.address).c_str(), text(e.detail).c_str());
    }}};
    ih::socket<ih::pull, orders, ih::curve_server> sink{context, {
        .domain   = "orders",
        .clients  = ih::keyring::from_directory(argv[2]),
        .identity = ih::certificate::load(ih::key_source::systemd_credential("server.key_secret")),
    }};
    sink.bind(ih::endpoint<ih::curve_server>::parse(argv[1])); // from configuration: parsed, and refused with a reason
    std::printf("orders are taken at %s\n", sink.last_endpoint().c_str());
    std::fflush(stdout);

    for (decltype(sink)::message order; told_to_end == 0;) {
        const auto status = sink.receive(order, 250ms);
        if (status == ih::receive_status::closing) break;
        if (status != ih::receive_status::received) continue; // nothing came, or a signal did
        std::printf("%s orders %s\n", std::string{order.sender()}.c_str(), std::string{order[0].text()}.c_str());
        std::fflush(stdout);
    }
} catch (const std::exception& failed) {
    std::fprintf(stderr, "%s\n", failed.what());
    return 1;
}

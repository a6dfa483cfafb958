// SPDX-License-Identifier: MIT
#include <ironhouse/socket/socket_ref.hpp>

#include <stop_token>
#include <string>
#include <thread>

#include "catch.hpp"
#include "support/sockets.hpp"

namespace ih = ironhouse;
using namespace support;
using ih::receive_status;
using ih::send_status;

namespace {

template <class R> concept sends = requires(R& r, ih::any_message& m) { r.send(m, 1s); };
template <class R> concept receives = requires(R& r, ih::any_message& m) { r.receive(m, 1s); };
static_assert(sends<ih::socket_ref<ih::push>> && !sends<ih::socket_ref<ih::pull>>);
static_assert(receives<ih::socket_ref<ih::pull>> && !receives<ih::socket_ref<ih::push>>);
static_assert(sends<ih::socket_ref<ih::dealer>> && receives<ih::socket_ref<ih::dealer>>);

// Two functions that care for the pattern alone.
std::string take(ih::socket_ref<ih::pull> from, ih::any_message& into) {
    if (from.receive(into, soon) != receive_status::received) return "nothing came";
    return std::string{into[0].text()};
}
send_status give(ih::socket_ref<ih::push> to, ih::any_message& m) { return to.send(m, soon); }

} // namespace

TEST_CASE("sockets of different limits and security pass through one function", "[socket_ref]") {
    ih::context context;
    cast who;
    ih::socket<ih::pull, receiving, ih::in_process> near{context, {}};
    near.bind("inproc://near");
    ih::socket<ih::push, sending, ih::in_process> near_source{context, {}};
    near_source.connect("inproc://near");
    ih::socket<ih::pull, receiving, ih::curve_server> far{context, who.serving()};
    far.bind("tcp://127.0.0.1:*");
    ih::socket<ih::push, sending, ih::curve_client> far_source{context, who.as(who.ann)};
    far_source.connect(address_of(far));

    ih::message<4_frames, 1_KiB> m;
    REQUIRE(m.add("near"));
    CHECK(give(near_source, m) == send_status::queued);
    REQUIRE(m.add("far"));
    CHECK(give(far_source, m) == send_status::queued);
    CHECK(take(near, m) == "near");
    CHECK(take(far, m) == "far");
    CHECK(m.sender() == "ann");
}

TEST_CASE("a message too small for what may arrive is refused before anything is taken", "[socket_ref][T4.1]") {
    ih::context context;
    ih::socket<ih::pull, receiving, ih::in_process> sink{context, {}};
    sink.bind("inproc://narrow");
    ih::socket<ih::push, sending, ih::in_process> source{context, {}};
    source.connect("inproc://narrow");
    ih::message<4_frames, 1_KiB> m;
    REQUIRE(m.add("kept"));
    REQUIRE(source.send(m, soon) == send_status::queued);

    ih::message<3_frames, 1_KiB> few;
    ih::message<4_frames, 1023_B> small;
    const ih::any_message* const wrong[] = {&few, &small};
    for (const auto* each : wrong) {
        try {
            (void)sink.ref().try_receive(const_cast<ih::any_message&>(*each));
            FAIL("taken");
        } catch (const ih::error& refused) {
            CHECK(refused.why() == ih::error::misuse);
            CHECK(std::string{refused.what()}.find(std::to_string(each->frame_limit())) != std::string::npos);
        }
    }
    CHECK(take(sink, m) == "kept");
}

TEST_CASE("limits of the socket hold through a reference, and waits end", "[socket_ref][T4.2]") {
    ih::context context;
    ih::socket<ih::push, sending, ih::in_process> source{context, {}};
    source.bind("inproc://limits");
    ih::message<8_frames, 4_KiB> m;
    REQUIRE(m.add(std::string(1025, 'x')));
    CHECK(source.ref().try_send(m) == send_status::oversize);
    CHECK(m.size() == 1);

    ih::socket<ih::pull, receiving, ih::in_process> sink{context, {}};
    sink.bind("inproc://waits");
    CHECK(sink.ref().receive(m, 5ms) == receive_status::timed_out);
    std::stop_source stop;
    std::thread ender{[&] { stop.request_stop(); }};
    CHECK(sink.ref().receive(m, 60s, stop.get_token()) == receive_status::interrupted);
    ender.join();
    context.shutdown();
    CHECK(sink.ref().receive(m, 60s) == receive_status::closing);
}

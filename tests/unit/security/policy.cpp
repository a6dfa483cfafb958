// SPDX-License-Identifier: MIT
#include <ironhouse/security/policy.hpp>

#include <ironhouse/insecure.hpp>
#include <ironhouse/keys/certificate.hpp>
#include <ironhouse/security/curve.hpp>
#include <ironhouse/security/in_process.hpp>

#include <array>
#include <cstring>
#include <functional>
#include <string>
#include <utility>

#include <zmq.hpp>

#include "catch.hpp"

namespace ih = ironhouse;

namespace {

static_assert(ih::security_policy<ih::curve_server>);
static_assert(ih::security_policy<ih::curve_client>);
static_assert(ih::security_policy<ih::in_process>);
static_assert(ih::security_policy<ih::insecure::plaintext>);
static_assert(!ih::security_policy<int>);
static_assert(!ih::security_policy<ih::certificate>);
struct protects_only {
    static constexpr ih::transports protects{.tcp = true, .ipc = false, .inproc = false};
};
static_assert(!ih::security_policy<protects_only>);

ih::detail::armour server(const ih::certificate& client) {
    return ih::curve_server{.domain = "orders",
                            .clients = ih::keyring::of({client.public_part()}),
                            .identity = ih::certificate::generate("server")}
        .armour();
}

std::array<unsigned char, 32> key_option(zmq::socket_t& socket, int option) {
    std::array<unsigned char, 32> key{};
    std::size_t size = key.size();
    REQUIRE(zmq_getsockopt(socket.handle(), option, key.data(), &size) == 0);
    REQUIRE(size == key.size());
    return key;
}

bool same(const std::array<unsigned char, 32>& a, std::span<const unsigned char, 32> b) {
    return std::memcmp(a.data(), b.data(), 32) == 0;
}

int int_option(zmq::socket_t& socket, int option) {
    int value = -1;
    std::size_t size = sizeof value;
    REQUIRE(zmq_getsockopt(socket.handle(), option, &value, &size) == 0);
    return value;
}

ih::error::kind refused(const std::function<void()>& call) {
    try {
        call();
    } catch (const ih::error& e) {
        return e.why();
    }
    FAIL("not refused");
    return ih::error::closing;
}

} // namespace

TEST_CASE("a server's armour is on the socket whole: domain, enforcement, keys, role", "[policy][M1.3][B2]") {
    zmq::context_t context;
    zmq::socket_t socket{context, zmq::socket_type::pull};
    const auto ann = ih::certificate::generate("ann");
    const auto worn = server(ann);
    ih::detail::arm(socket.handle(), worn, "orders#1");
    CHECK(int_option(socket, ZMQ_MECHANISM) == ZMQ_CURVE);
    CHECK(int_option(socket, ZMQ_CURVE_SERVER) == 1);
    CHECK(int_option(socket, ih::detail::zap_enforce_domain) == 1);
    CHECK(socket.get(zmq::sockopt::zap_domain) == "orders#1");
    CHECK(same(key_option(socket, ZMQ_CURVE_PUBLICKEY), worn.identity->public_key().raw()));
    CHECK(same(key_option(socket, ZMQ_CURVE_SECRETKEY), worn.identity->secret().expose()));
}

TEST_CASE("a client's armour is on the socket whole: both its keys, and the server's", "[policy][M1.3]") {
    zmq::context_t context;
    zmq::socket_t socket{context, zmq::socket_type::push};
    const auto them = ih::certificate::generate("server");
    const auto worn =
        ih::curve_client{.identity = ih::certificate::generate("ann"), .server = them.public_key()}.armour();
    ih::detail::arm(socket.handle(), worn, "");
    CHECK(int_option(socket, ZMQ_MECHANISM) == ZMQ_CURVE);
    CHECK(int_option(socket, ZMQ_CURVE_SERVER) == 0);
    CHECK(same(key_option(socket, ZMQ_CURVE_SERVERKEY), them.public_key().raw()));
    CHECK(same(key_option(socket, ZMQ_CURVE_PUBLICKEY), worn.identity->public_key().raw()));
    CHECK(same(key_option(socket, ZMQ_CURVE_SECRETKEY), worn.identity->secret().expose()));
}

TEST_CASE("an empty domain is refused: with it libzmq lets any key in", "[policy][B2]") {
    zmq::context_t context;
    zmq::socket_t socket{context, zmq::socket_type::pull};
    const auto ann = ih::certificate::generate("ann");
    const auto worn = server(ann);
    CHECK(refused([&] { ih::detail::arm(socket.handle(), worn, ""); }) == ih::error::unavailable);
    CHECK(refused([&] { ih::detail::arm(socket.handle(), worn, std::string(300, 'x')); }) == ih::error::unavailable);
}

TEST_CASE("a disarmed socket holds no secret, neither the old one nor zeros, and can be armed again", "[policy][B8]") {
    zmq::context_t context;
    zmq::socket_t socket{context, zmq::socket_type::pull};
    const auto ann = ih::certificate::generate("ann");
    const auto worn = server(ann);
    ih::detail::arm(socket.handle(), worn, "orders#1");
    ih::detail::disarm(socket.handle(), worn);
    const auto once = key_option(socket, ZMQ_CURVE_SECRETKEY);
    CHECK_FALSE(same(once, worn.identity->secret().expose()));
    CHECK(once != std::array<unsigned char, 32>{});
    ih::detail::arm(socket.handle(), worn, "orders#1");
    CHECK(same(key_option(socket, ZMQ_CURVE_SECRETKEY), worn.identity->secret().expose()));
    ih::detail::disarm(socket.handle(), worn);
    CHECK(key_option(socket, ZMQ_CURVE_SECRETKEY) != once); // a fresh one each time
}

TEST_CASE("a socket without keys stays without: options set behind the library's back are found", "[policy][T5.1]") {
    zmq::context_t context;
    zmq::socket_t socket{context, zmq::socket_type::pull};
    const auto none = ih::in_process{}.armour();
    ih::detail::arm(socket.handle(), none, "");
    CHECK(int_option(socket, ZMQ_MECHANISM) == ZMQ_NULL);
    socket.set(zmq::sockopt::curve_server, true);
    CHECK(refused([&] { ih::detail::arm(socket.handle(), none, ""); }) == ih::error::unavailable);
}

TEST_CASE("an option that libzmq refuses, or holds otherwise, names itself", "[policy]") {
    zmq::context_t context;
    zmq::socket_t socket{context, zmq::socket_type::pull};
    ih::detail::set_and_check(socket.handle(), ZMQ_RCVHWM, 7, "ZMQ_RCVHWM");
    try {
        ih::detail::set_and_check(socket.handle(), ZMQ_RCVHWM, -7, "ZMQ_RCVHWM");
        FAIL("taken");
    } catch (const ih::error& e) {
        CHECK(e.why() == ih::error::unavailable);
        CHECK(e.zmq_code() == EINVAL);
        CHECK(std::string{e.during()} == "set ZMQ_RCVHWM");
    }
    try {
        ih::detail::check_int(socket.handle(), ZMQ_RCVHWM, 8, "ZMQ_RCVHWM");
        FAIL("taken");
    } catch (const ih::error& e) {
        CHECK(std::string{e.what()}.find('7') != std::string::npos);
        CHECK(std::string{e.what()}.find('8') != std::string::npos);
    }
}

TEST_CASE("no error of a policy shows a key", "[policy][B8]") {
    zmq::context_t context;
    const auto them = ih::certificate::generate("server");
    const auto worn =
        ih::curve_client{.identity = ih::certificate::generate("ann"), .server = them.public_key()}.armour();
    zmq::socket_t closed{context, zmq::socket_type::push};
    closed.close();
    try {
        ih::detail::arm(closed.handle(), worn, "");
        FAIL("armed");
    } catch (const ih::error& e) {
        const std::string all = e.what();
        CHECK(all.find(worn.identity->public_key().z85()) == std::string::npos);
        CHECK(all.find(them.public_key().z85()) == std::string::npos);
    }
}

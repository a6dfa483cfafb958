// SPDX-License-Identifier: MIT

#include <ironhouse/core/endpoint.hpp>

#include "catch.hpp"

#include <string>
#include <string_view>
#include <type_traits>

namespace {

namespace ih = ironhouse;

constexpr ih::transports curve_set{.tcp = true, .ipc = true, .inproc = false, .curve_spelling = true};
constexpr ih::transports plain_set{.tcp = true, .ipc = true, .inproc = false};
constexpr ih::transports inner_set{.tcp = false, .ipc = false, .inproc = true};

struct curve {
    static constexpr ih::transports protects = curve_set;
};

using bound = ih::basic_endpoint<curve_set>;
using connected = ih::connect_endpoint<curve_set>;
using inner = ih::basic_endpoint<inner_set>;

static_assert(std::is_same_v<ih::endpoint<curve>, bound>);
static_assert(!std::is_default_constructible_v<bound> && !std::is_default_constructible_v<connected>);
static_assert(!std::is_convertible_v<std::string, bound> && !std::is_convertible_v<const char*, bound>);
static_assert(!std::is_convertible_v<std::string, connected> && !std::is_convertible_v<const char*, connected>);
static_assert(std::is_convertible_v<bound, connected>);
static_assert(!std::is_convertible_v<connected, bound>);
static_assert(!std::is_convertible_v<inner, bound> && !std::is_convertible_v<inner, connected>);

// Literals are judged by the compiler.
constexpr bound any{"tcp://*:5555"};
static_assert(any.which() == ih::transport::tcp && any.is_wildcard() && !any.is_ipv6());
constexpr bound six{"tcp://[::]:5555"};
static_assert(six.is_ipv6() && !six.is_wildcard());
constexpr connected spelled{"curve://server.example:5555"};
static_assert(std::string_view{spelled.text()} == "tcp://server.example:5555");
constexpr inner here{"inproc://workers"};
static_assert(here.which() == ih::transport::inproc && std::string_view{here.text()} == "inproc://workers");

template <class Endpoint> std::string refusal_of(std::string_view text) {
    try {
        (void)Endpoint::parse(text);
    } catch (const ih::error& e) {
        CHECK(e.why() == ih::error::misuse);
        return e.what();
    }
    return "accepted";
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

} // namespace

TEST_CASE("bind takes names, interfaces, both kinds of addresses and wildcards", "[endpoint]") {
    for (const char* text : {"tcp://*:5555",
                             "tcp://*:*",
                             "tcp://*:0",
                             "tcp://127.0.0.1:*",
                             "tcp://127.0.0.1:65535",
                             "tcp://0.0.0.0:1",
                             "tcp://[::]:5555",
                             "tcp://[::1]:*",
                             "tcp://[fe80::1%eth0]:5555",
                             "tcp://[::ffff:10.0.0.1]:1",
                             "tcp://[1:2:3:4:5:6:7:8]:1",
                             "tcp://[1:2:3:4:5:6:1.2.3.4]:1",
                             "tcp://[1::]:1",
                             "tcp://eth0:5555",
                             "tcp://eth0.100:5555",
                             "tcp://localhost:1",
                             "tcp://server-1.example.org:5555",
                             "tcp://_srv:5",
                             "ipc://*",
                             "ipc:///run/orders/socket",
                             "ipc://orders.ipc",
                             "ipc://@abstract"}) {
        CAPTURE(std::string{text});
        CHECK(refusal_of<bound>(text) == "accepted");
        CHECK(std::string_view{bound::parse(text).text()} == text);
    }
}

TEST_CASE("connect takes everything but wildcards, and a source address", "[endpoint]") {
    for (const char* text : {"tcp://127.0.0.1:5555", "tcp://localhost:1", "tcp://[::1]:65535", "tcp://[fe80::1%2]:1",
                             "ipc:///run/orders/socket", "ipc://@abstract", "tcp://192.168.1.17:5555;192.168.1.1:5555",
                             "tcp://192.168.1.17:0;server:5555", "tcp://eth0:*;server:5555", "tcp://[::1]:0;[::2]:1",
                             "tcp://[::1]:0;server:1"}) {
        CAPTURE(std::string{text});
        CHECK(refusal_of<connected>(text) == "accepted");
        CHECK(std::string_view{connected::parse(text).text()} == text);
    }
    for (const char* text : {"tcp://*:5555", "tcp://127.0.0.1:*", "tcp://127.0.0.1:0", "ipc://*", "curve://*:1",
                             "tcp://10.0.0.1:0;server:*"}) {
        CAPTURE(std::string{text});
        CHECK(contains(refusal_of<connected>(text), "a wildcard is for bind only"));
    }
}

TEST_CASE("a server's endpoint passes to its client unless it is a wildcard", "[endpoint]") {
    const bound fixed = bound::parse("tcp://127.0.0.1:5555");
    const connected to = fixed;
    CHECK(std::string_view{to.text()} == "tcp://127.0.0.1:5555");
    CHECK(to.which() == ih::transport::tcp);
    CHECK_THROWS_AS(connected{bound::parse("tcp://*:5555")}, ih::error);
    CHECK_THROWS_AS(connected{bound::parse("tcp://127.0.0.1:*")}, ih::error);
    CHECK_THROWS_AS(connected{bound::parse("ipc://*")}, ih::error);
}

TEST_CASE("a transport that nothing protects is refused", "[endpoint][B3]") {
    for (const char* text :
         {"inproc://x", "pgm://eth0;239.192.1.1:5555", "epgm://eth0;239.192.1.1:5555", "norm://1,eth0;239.192.1.1:5555",
          "udp://127.0.0.1:5555", "ws://127.0.0.1:80", "wss://127.0.0.1:443", "vmci://*:5555", "tipc://{1,2}",
          "TCP://127.0.0.1:5555", "tcp ://127.0.0.1:5555", "gssapi://127.0.0.1:5555"}) {
        CAPTURE(std::string{text});
        CHECK(contains(refusal_of<bound>(text), "not protected by the socket's security policy"));
        CHECK(contains(refusal_of<connected>(text), "not protected by the socket's security policy"));
    }
    for (const char* text : {"tcp://127.0.0.1:5555", "ipc:///run/x", "curve://127.0.0.1:5555"}) {
        CAPTURE(std::string{text});
        CHECK(contains(refusal_of<inner>(text), "not protected by the socket's security policy"));
    }
}

TEST_CASE("curve is a spelling of tcp only where the policy is CURVE", "[endpoint][T5.1]") {
    CHECK(std::string_view{bound::parse("curve://*:5555").text()} == "tcp://*:5555");
    CHECK(bound::parse("curve://*:5555") == bound::parse("tcp://*:5555"));
    using plain = ih::basic_endpoint<plain_set>;
    CHECK(contains(refusal_of<plain>("curve://*:5555"), "not protected"));
    using gssapi =
        ih::basic_endpoint<ih::transports{.tcp = true, .ipc = true, .inproc = false, .gssapi_spelling = true}>;
    CHECK(std::string_view{gssapi::parse("gssapi://[::1]:5555").text()} == "tcp://[::1]:5555");
    CHECK(contains(refusal_of<gssapi>("curve://*:5555"), "not protected"));
}

TEST_CASE("a port is a strict decimal number from 1 to 65535", "[endpoint]") {
    for (const char* text : {"tcp://h", "tcp://h:", "tcp://h:65536", "tcp://h:99999", "tcp://h:100000", "tcp://h:055",
                             "tcp://h:00", "tcp://h:+5", "tcp://h:-5", "tcp://h:0x5", "tcp://h:5 ", "tcp://h: 5",
                             "tcp://h:5a", "tcp://h:http", "tcp://h:**", "tcp://[::1]"}) {
        CAPTURE(std::string{text});
        CHECK(refusal_of<bound>(text) != "accepted");
        CHECK(refusal_of<connected>(text) != "accepted");
    }
    CHECK(contains(refusal_of<bound>("tcp://h:65536"), "the port must be a number from 1 to 65535"));
}

TEST_CASE("a host is a name or a complete address", "[endpoint]") {
    for (const char* text : {"tcp://:5",
                             "tcp://.:5",
                             "tcp://a..b:5",
                             "tcp://a.:5",
                             "tcp://-a:5",
                             "tcp://a b:5",
                             "tcp://a/b:5",
                             "tcp://a@b:5",
                             "tcp://127.1:5",
                             "tcp://2130706433:5",
                             "tcp://0x7f.0.0.1:5",
                             "tcp://127.0.0.0x1:5",
                             "tcp://127.0.0.01:5",
                             "tcp://127.0.0.256:5",
                             "tcp://1.2.3.4.5:5",
                             "tcp://**:5",
                             "tcp://[]:5",
                             "tcp://[*]:5",
                             "tcp://[::1:5",
                             "tcp://[:::1]:5",
                             "tcp://[1::2::3]:5",
                             "tcp://[1:2:3:4:5:6:7]:5",
                             "tcp://[1:2:3:4:5:6:7:8:9]:5",
                             "tcp://[1:2:3:4:5:6:7::8]:5",
                             "tcp://[12345::]:5",
                             "tcp://[g::]:5",
                             "tcp://[1:]:5",
                             "tcp://[:1]:5",
                             "tcp://[::1.2.3]:5",
                             "tcp://[fe80::1%]:5",
                             "tcp://[fe80::1%a/b]:5",
                             "tcp://[::1]x:5",
                             "tcp://[127.0.0.1]:5"}) {
        CAPTURE(std::string{text});
        CHECK(refusal_of<bound>(text) != "accepted");
        CHECK(refusal_of<connected>(text) != "accepted");
    }
    CHECK(contains(refusal_of<bound>("tcp://127.1:5"), "neither a name nor a complete address"));
    CHECK(contains(refusal_of<bound>("tcp://::1:5"), "an IPv6 address belongs in brackets"));
    CHECK(contains(refusal_of<bound>("tcp://fe80::1%eth0:5"), "an IPv6 address belongs in brackets"));
}

TEST_CASE("a source address is for connect only, and of one IP version with the destination", "[endpoint]") {
    CHECK(contains(refusal_of<bound>("tcp://10.0.0.1:0;10.0.0.2:5"), "for connect only"));
    CHECK(contains(refusal_of<connected>("tcp://10.0.0.1:0;[::1]:5"), "differ in IP version"));
    CHECK(contains(refusal_of<connected>("tcp://[::1]:0;10.0.0.1:5"), "differ in IP version"));
    CHECK(refusal_of<connected>("tcp://a:1;b:2;c:3") != "accepted");
    CHECK(refusal_of<connected>("tcp://;b:2") != "accepted");
    CHECK(refusal_of<connected>("tcp://b:2;") != "accepted");
    CHECK(refusal_of<connected>("tcp://*:0;b:2") != "accepted");
    CHECK(connected::parse("tcp://[::1]:0;[::2]:1").is_ipv6());
    CHECK(connected::parse("tcp://[::1]:0;server:1").is_ipv6());
    CHECK(!connected::parse("tcp://10.0.0.1:0;server:1").is_ipv6());
}

TEST_CASE("an ipc path has 1 to 107 bytes and no control characters", "[endpoint]") {
    CHECK(refusal_of<bound>("ipc://" + std::string(107, 'x')) == "accepted");
    CHECK(contains(refusal_of<bound>("ipc://" + std::string(108, 'x')), "1 to 107 bytes"));
    CHECK(contains(refusal_of<bound>("ipc://"), "1 to 107 bytes"));
    CHECK(contains(refusal_of<bound>("ipc://@"), "1 to 107 bytes"));
    CHECK(contains(refusal_of<bound>(std::string_view{"ipc://a\0b", 9}), "control character"));
    CHECK(contains(refusal_of<bound>("ipc://a\nb"), "control character"));
    CHECK(bound::parse("ipc://*").is_wildcard());
    CHECK(!bound::parse("ipc://a*").is_wildcard());
    CHECK(bound::parse("ipc://a").which() == ih::transport::ipc);
}

TEST_CASE("an inproc name is neither empty nor one of the library's own", "[endpoint][B2]") {
    CHECK(refusal_of<inner>("inproc://a name") == "accepted");
    CHECK(contains(refusal_of<inner>("inproc://"), "empty"));
    CHECK(contains(refusal_of<inner>("inproc://zeromq.zap.01"), "reserved"));
    CHECK(contains(refusal_of<inner>("inproc://ironhouse-monitor-1"), "reserved"));
    CHECK(contains(refusal_of<inner>("inproc://a\tb"), "control character"));
}

TEST_CASE("an endpoint begins with a transport and has at most 256 bytes", "[endpoint]") {
    for (const char* text : {"", "tcp", "tcp:/127.0.0.1:5", "127.0.0.1:5555", "://127.0.0.1:5555", "//h:5"}) {
        CAPTURE(std::string{text});
        CHECK(contains(refusal_of<bound>(text), "begin with a transport"));
    }
    CHECK(refusal_of<inner>("inproc://" + std::string(247, 'x')) == "accepted");
    CHECK(contains(refusal_of<inner>("inproc://" + std::string(248, 'x')), "longer than 256 bytes"));
    CHECK(inner::parse("inproc://" + std::string(247, 'x')).text()[256] == '\0');
}

TEST_CASE("an address nobody has checked does not reach a log as it is", "[endpoint]") {
    const std::string told = refusal_of<bound>("tcp://h:5\x1b[31m\n" + std::string(1'000, 'x'));
    CHECK(told.size() < 400);
    for (const char c : told) CHECK((c >= ' ' && c <= '~'));
}

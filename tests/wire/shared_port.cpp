// SPDX-License-Identifier: MIT
// ctest: timeout 120

/// \file
/// Several servers at one port, where the program says so and nowhere else: clients spread over them, and those of one that
/// ends come to the others.

#include "catch.hpp"

#include "support/house.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace house;
using server = server_of<ih::pull>;
using client = client_of<ih::push>;

const ih::socket_options shared{.port_sharing = ih::port_sharing::same_user};

/// Whether everybody is heard at one of the servers; who has been heard where.
template <class... Servers>
bool all_are_heard(std::vector<std::unique_ptr<client>>& all, std::vector<int>& heard, Servers&... servers) {
    heard.assign(sizeof...(servers), 0);
    const wire::deadline until{soon};
    for (std::size_t n = 0; n != all.size(); ++n) {
        const std::string text = std::to_string(n);
        for (bool arrived = false; !arrived;) {
            if (until.passed()) return false;
            client::message order;
            (void)order.add(text);
            (void)all[n]->try_send(order);
            std::size_t which = 0;
            const auto listen = [&](server& at) {
                server::message m;
                while (at.receive(m, 2ms) == ih::receive_status::received)
                    if (m[0].text() == text && !std::exchange(arrived, true)) ++heard[which];
                ++which;
            };
            (listen(servers), ...);
        }
    }
    return true;
}

} // namespace

TEST_CASE("two servers share a port, clients spread over them, and who loses one finds the other", "[wire][T3.3]") {
    const people who;
    ih::context context, other, clients;
    server first{context, who.serving(), shared};
    first.bind("tcp://127.0.0.1:*");
    std::optional<server> second{std::in_place, other, who.serving(), shared};
    second->bind(ih::endpoint<ih::curve_server>::parse(first.last_endpoint()));
    std::vector<std::unique_ptr<client>> all;
    for (int n = 0; n != 16; ++n) { // as many as each of them serves
        all.push_back(std::make_unique<client>(clients, who.as(who.attacker(n))));
        all.back()->connect(endpoint_at(port_of(first)));
    }
    std::vector<int> heard;
    REQUIRE(all_are_heard(all, heard, first, *second));
    CHECK(heard[0] != 0); // by chance one in 32,000 times not
    CHECK(heard[1] != 0);
    second.reset();
    REQUIRE(all_are_heard(all, heard, first));
    CHECK(heard[0] == static_cast<int>(all.size()));
}

TEST_CASE("a port that was not shared is nobody else's, and one that is keeps its key", "[wire][T3.3]") {
    const people who;
    ih::context context, other;
    server alone{context, who.serving()};
    alone.bind("tcp://127.0.0.1:*");
    server late{other, who.serving(), shared};
    CHECK_THROWS_AS(late.bind(ih::endpoint<ih::curve_server>::parse(alone.last_endpoint())), ih::error);
    late.bind("tcp://127.0.0.1:*");
    CHECK_THROWS_AS(late.rotate(who.ben.papers(), 1s), ih::error);
}

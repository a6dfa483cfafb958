// SPDX-License-Identifier: MIT
#include <ironhouse/detail/row.hpp>

#include <memory>
#include <string>
#include <utility>

#include "catch.hpp"

using ironhouse::detail::row;

namespace {
// What the row holds, in order.
std::string said(const row<std::string>& of) {
    std::string all;
    for (const std::string& each : of) all += each + ' ';
    return all;
}
row<std::string> of(std::initializer_list<const char*> words) {
    row<std::string> made;
    for (const char* const each : words) made.push_back(each);
    return made;
}
} // namespace

TEST_CASE("a row grows, and keeps what it holds in order", "[detail]") {
    row<std::string> books;
    CHECK(books.empty());
    CHECK(books.begin() == books.end());
    for (int n = 0; n != 100; ++n) books.push_back("a text that is too long to be kept in place, " + std::to_string(n));
    REQUIRE(books.size() == 100);
    for (std::size_t n = 0; n != 100; ++n)
        CHECK(books[n] == "a text that is too long to be kept in place, " + std::to_string(n));
    // An element of its own may be what is added while it grows.
    row<std::string> eight = of({"one", "2", "3", "4", "5", "6", "7", "8"});
    eight.push_back(eight[0]);
    CHECK(eight.back() == "one");
    eight.pop_back();
    CHECK(eight.size() == 8);
}

TEST_CASE("a row inserts before an element, and at its end", "[detail]") {
    auto words = of({"b", "d"});
    CHECK(words.insert(words.begin(), "a") == "a");
    CHECK(words.insert(words.begin() + 2, "c") == "c");
    CHECK(words.insert(words.end(), "e") == "e");
    CHECK(said(words) == "a b c d e ");
    row<std::string> none;
    none.insert(none.end(), "first");
    CHECK(said(none) == "first ");
}

TEST_CASE("a row lets go of one, of some, and of all", "[detail]") {
    auto words = of({"a", "b", "c", "d"});
    words.erase(words.begin() + 1);
    CHECK(said(words) == "a c d ");
    words.erase(words.begin() + 2);
    CHECK(said(words) == "a c ");
    words.erase_if([](const std::string&) { return false; });
    CHECK(said(words) == "a c ");
    words.erase_if([](const std::string& each) { return each == "a"; });
    CHECK(said(words) == "c ");
    words.clear();
    CHECK(words.empty());

    row<std::unique_ptr<int>> owned;
    for (int n = 0; n != 20; ++n) owned.push_back(std::make_unique<int>(n));
    owned.erase_if([](const std::unique_ptr<int>& each) { return *each % 2 == 0; });
    REQUIRE(owned.size() == 10);
    CHECK(*owned[9] == 19);
}

TEST_CASE("a row finds, is moved, and grows by copies", "[detail]") {
    auto words = of({"a", "b", "b"});
    std::string* const found = words.find([](const std::string& each) { return each == "b"; });
    CHECK(found == &words[1]);
    CHECK(words.find([](const std::string& each) { return each == "z"; }) == nullptr);
    row<std::string> others = std::move(words);
    CHECK(said(others) == "a b b ");
    auto more = of({"x"});
    more = std::move(others);
    CHECK(said(more) == "a b b ");
    more.grow_to(2, "y");
    CHECK(more.size() == 3);
    more.grow_to(5, "y");
    CHECK(said(more) == "a b b y y ");
}

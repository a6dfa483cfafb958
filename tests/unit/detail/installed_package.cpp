// SPDX-License-Identifier: MIT
#include <ironhouse/detail/installed_package.hpp>

#include <string>

#include "catch.hpp"

namespace {

using ironhouse::detail::debian_version;
using ironhouse::detail::package_version;

constexpr const char* status = "Package: libzmq3-dev\n"
                               "Status: install ok installed\n"
                               "Version: 9.9.9-9\n"
                               "\n"
                               "Package: libzmq5\n"
                               "Status: install ok installed\n"
                               "Priority: optional\n"
                               "Architecture: amd64\n"
                               "Version: 4.3.4-6\n"
                               "Description: lightweight messaging kernel\n"
                               " Package: nonsense\n"
                               " Version: 1.0\n"
                               "\n"
                               "Package: removed\n"
                               "Status: deinstall ok config-files\n"
                               "Version: 1.2-3\n"
                               "\n"
                               "Package: broken\n"
                               "Version: 1.2-3\n"
                               "Status: install ok half-configured\n";

} // namespace

TEST_CASE("versions are ordered as Debian orders them", "[advisory]") {
    // Each before the next.
    const char* const ascending[] = {"0.9",
                                     "1.0~~",
                                     "1.0~~a",
                                     "1.0~",
                                     "1.0~rc1-1",
                                     "1.0",
                                     "1.0-1",
                                     "1.0-1ubuntu1",
                                     "1.0-1+deb10u1",
                                     "1.0-1+deb10u2",
                                     "1.0-1+deb10u10",
                                     "1.0-1+deb11",
                                     "1.0-2",
                                     "1.0-10",
                                     "1.0a-1",
                                     "1.0+b-1",
                                     "1.0.1-1",
                                     "1.1-1",
                                     "1.10-1",
                                     "4.3.2-2ubuntu1.20.04.1~esm1",
                                     "4.3.2-2ubuntu1.20.04.1~esm2",
                                     "4.3.2-2ubuntu1.20.04.1",
                                     "4.3.2-2ubuntu2",
                                     "1:0.1"};
    for (std::size_t i = 0; i != std::size(ascending); ++i)
        for (std::size_t j = 0; j != std::size(ascending); ++j) {
            CAPTURE(ascending[i], ascending[j]);
            CHECK((debian_version{ascending[i]} < debian_version{ascending[j]}) == (i < j));
            CHECK((debian_version{ascending[i]} == debian_version{ascending[j]}) == (i == j));
        }
    CHECK(debian_version{"0:1.02-01"} == debian_version{"1.2-1"});
    CHECK(debian_version{"1.0-0"} == debian_version{"1.0"});
    CHECK(debian_version{""} < debian_version{"0.1"});
}

TEST_CASE("the upstream part leaves out epoch and revision", "[advisory]") {
    CHECK(debian_version{"4.3.4-6"}.upstream() == "4.3.4");
    CHECK(debian_version{"2:4.3.4-1-6"}.upstream() == "4.3.4-1");
    CHECK(debian_version{"4.3.4"}.upstream() == "4.3.4");
    CHECK(debian_version{""}.upstream().empty());
}

TEST_CASE("a package's version is read from its own paragraph only", "[advisory]") {
    CHECK(package_version(status, "libzmq5") == "4.3.4-6");
    CHECK(package_version(status, "libzmq3-dev") == "9.9.9-9");
    CHECK(!package_version(status, "nonsense"));
    CHECK(!package_version(status, "libzmq"));
    CHECK(!package_version("", "libzmq5"));
}

TEST_CASE("a package that is not fully installed has no version", "[advisory]") {
    CHECK(!package_version(status, "removed"));
    CHECK(!package_version(status, "broken"));
}

TEST_CASE("a package installed in two versions has none", "[advisory]") {
    const std::string twice = std::string{status} + "\nPackage: libzmq5\nStatus: install ok installed\nVersion: ";
    CHECK(package_version(twice + "4.3.4-6\n", "libzmq5") == "4.3.4-6");
    CHECK(!package_version(twice + "4.3.4-5\n", "libzmq5"));
}

TEST_CASE("what is found for the loaded library is a package of its own version", "[advisory]") {
    const auto found = ironhouse::detail::installed_libzmq();
    if (!found) return; // built from source, or no Debian
    int numbers[3] = {};
    ::zmq_version(&numbers[0], &numbers[1], &numbers[2]);
    const std::string text =
        std::to_string(numbers[0]) + "." + std::to_string(numbers[1]) + "." + std::to_string(numbers[2]);
    CHECK(debian_version{*found}.upstream() == text);
}

// SPDX-License-Identifier: MIT

/// \file
/// ZAP requests, of any number of frames with anything in them, and the decision on them. Whoever is admitted presented
/// exactly a key of the ring, within its time; without a ring, a key that somebody can own.

#include "fuzz/property.hpp"

#include <ironhouse/sentry/zap.hpp>

#include <array>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <sodium/crypto_generichash.h>

namespace {

using fuzzing::must;
namespace ih = ironhouse;
namespace detail = ironhouse::detail;
using raw_key = std::array<unsigned char, 32>;

constexpr std::chrono::sys_seconds noon{std::chrono::seconds{1'800'000'000}};

raw_key key_number(unsigned char number) {
    raw_key made;
    ::crypto_generichash(made.data(), made.size(), &number, 1, nullptr, 0);
    made.back() &= 0x7f;
    return made;
}

ih::public_key key_of(const raw_key& raw) { return ih::public_key::from_bytes(std::as_bytes(std::span{raw})); }

// Sixteen clients. Each fourth is not valid yet, and each fourth not any more; half of the others come from one network.
const std::vector<ih::keyring::entry>& entries() {
    static const auto made = [] {
        std::vector<ih::keyring::entry> all;
        for (unsigned char at = 0; at < 16; ++at) {
            all.push_back({"client " + std::to_string(at), key_of(key_number(at))});
            if (at % 4 == 1) all.back().not_before = noon;
            if (at % 4 == 2) all.back().not_after = noon;
            if (at % 8 == 0) all.back().from = {ih::address_range::parse("127.0.0.0/8")};
        }
        return all;
    }();
    return made;
}

// Frames that look like a request; the input says which of them are something else.
std::vector<std::string> frames_from(fuzzing::pieces& taken) {
    const unsigned changed = taken.byte();
    const unsigned extra = taken.byte();
    std::vector<std::string> frames{"1.0", "1", "orders#1", "127.0.0.1", "", "CURVE", ""};
    const raw_key key = key_number(taken.byte() & 31);
    frames[6].assign(reinterpret_cast<const char*>(key.data()), key.size());
    for (std::size_t at = 0; at < frames.size(); ++at) {
        if ((changed >> at & 1) != 0) frames[at] = taken.text();
    }
    if ((changed & 0x80) != 0) frames.resize(extra % 12);
    while (frames.size() < 12 && !taken.done()) frames.emplace_back(taken.text());
    return frames;
}

void check_verdict(const detail::verdict& given) {
    must(!given.who.empty() && given.who.size() <= 64, "a verdict names somebody, in bounded length");
    for (const char c : given.who) must(c >= ' ' && c <= '~', "in printable ASCII");
    must(given.who.find('#') == std::string::npos, "and without what separates a name from a serial number");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    detail::init_sodium();
    static const auto ring = ih::keyring::of(entries());

    fuzzing::pieces taken{fuzzing::as_text(data, size)};
    const auto when = noon + std::chrono::seconds{static_cast<signed char>(taken.byte())} * 60;
    const auto frames = frames_from(taken);
    std::vector<std::string_view> views{frames.begin(), frames.end()};
    const auto asked = detail::read_zap(views.data(), views.size());

    const bool wellformed = frames.size() == 7 && frames[0] == "1.0" && frames[5] == "CURVE" && frames[6].size() == 32;
    must(asked.has_value() == wellformed, "exactly a request of version 1.0 with one CURVE key is read");
    if (!asked) return 0;
    must(asked->id == frames[1] && asked->domain == frames[2] && asked->address == frames[3], "as it was sent");
    raw_key presented;
    std::memcpy(presented.data(), asked->key.data(), presented.size());
    must(std::memcmp(presented.data(), frames[6].data(), 32) == 0, "with the key that was sent");

    const bool ownable = detail::key_complaint(presented.data()) == nullptr;
    const auto open = detail::decide(*asked, nullptr, {.address = asked->address, .now = when});
    check_verdict(open);
    must(open.admitted() == ownable, "a key that nobody or everybody could own is refused everywhere");

    const auto judged = detail::decide(*asked, &ring, {.address = asked->address, .now = when});
    check_verdict(judged);
    auto expected = ih::reason::refused_unknown_key;
    for (const auto& entry : entries()) {
        if (std::memcmp(entry.key.raw().data(), presented.data(), 32) != 0) continue;
        must(judged.who == entry.name, "a known key goes by its name");
        unsigned char v4[4];
        unsigned char v6[16];
        const std::string address{asked->address.substr(0, asked->address.find('%'))};
        const bool whole = address.find('\0') == std::string::npos;
        const bool near = whole && ((::inet_pton(AF_INET, address.c_str(), v4) == 1 && v4[0] == 127) ||
                                    (::inet_pton(AF_INET6, address.c_str(), v6) == 1 && v6[12] == 127 &&
                                     std::memcmp(v6, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0));
        expected = entry.not_before && when < *entry.not_before    ? ih::reason::refused_not_yet_valid
                   : entry.not_after && !(when < *entry.not_after) ? ih::reason::refused_expired
                   : !entry.from.empty() && !near                  ? ih::reason::refused_address
                                                                   : ih::reason::client_admitted;
    }
    must(judged.why == expected,
         "who is admitted holds a key of the ring, within its time and from its place; nobody else is");
    return 0;
}

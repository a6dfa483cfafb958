// SPDX-License-Identifier: MIT

/// \file
/// Units from text, as the compiler reads a literal and as a program reads its configuration, and the arithmetic of limits
/// made from them: held against arithmetic on numbers that do not overflow.

#include "fuzz/property.hpp"

#include <ironhouse/core/limits.hpp>

#include <charconv>
#include <optional>
#include <string>

namespace {

using fuzzing::must;
using ironhouse::error;
namespace ih = ironhouse;
namespace detail = ironhouse::detail;
__extension__ using wide = __int128;

// The digits of a literal without their separators; nothing when it is no decimal number. Large ones stay merely large.
std::optional<wide> naive_decimal(std::string_view text) {
    std::string digits;
    for (const char c : text) {
        if (c == '\'') continue;
        if (c < '0' || c > '9') return std::nullopt;
        digits += c;
    }
    if (text.size() > 1 && text.front() == '0') return std::nullopt;
    wide value = 0;
    for (const char c : digits) {
        if (value < wide{1} << 90) value = value * 10 + (c - '0');
    }
    return value;
}

void check_literal(std::string_view text, std::int64_t scale, std::int64_t max) {
    const detail::spelling read = detail::spell(text.data(), text.size(), scale, max);
    const auto naive = naive_decimal(text);
    const bool taken = read.whole && read.decimal && read.fits;
    const bool good = naive && *naive * scale <= max;
    // What is too long is refused at the digit that makes it so, before a later character that belongs to no number.
    must(!taken || good, "a literal that is taken is a decimal number within its range");
    must(taken || !good, "and every such number is taken");
    if (taken) must(read.number == static_cast<std::int64_t>(*naive * scale), "as the number it spells");
    must(read.number >= 0, "no literal is negative");
}

template <class Unit> std::optional<Unit> check_number(std::int64_t number) {
    try {
        const Unit made = Unit::from_config(number);
        must(number >= Unit::min && number <= Unit::max, "a unit holds its range only");
        must(number >= 1, "0 and negative numbers, libzmq's unlimited, cannot be held");
        must(made.count() == number, "and holds the number it was given");
        return made;
    } catch (const error& refused) {
        fuzzing::check_refusal(refused, error::misuse);
        must(number < Unit::min || number > Unit::max, "a number within the range is taken");
        must(std::string_view{refused.what()}.find(std::to_string(number)) != std::string_view::npos,
             "a refusal names the number");
        return std::nullopt;
    }
}

// As a program reads its configuration.
void check_configuration(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (code != std::errc{} || end != text.data() + text.size()) return;
    check_number<ih::bytes>(number);
    check_number<ih::messages>(number);
    check_number<ih::frames>(number);
    check_number<ih::peers>(number);
    check_number<ih::per_second>(number);
}

// Payload alone, without any of libzmq's own costs.
wide payload(const ih::inbound& l) {
    return wide{l.peers.count()} * l.queue.count() * l.frames.count() * l.frame.count();
}

bool at_least(ih::bytes ceiling, wide amount) { return ceiling.count() == ih::bytes::max || ceiling.count() >= amount; }

void check_limits(fuzzing::pieces taken) {
    // Half of the numbers are brought near their range, since hardly any of 2^64 lies within.
    const auto number = [&](std::int64_t most) {
        const std::int64_t raw = taken.number();
        if ((raw & 1) != 0) return raw >> 1;
        return static_cast<std::int64_t>((static_cast<std::uint64_t>(raw) >> 1) % static_cast<std::uint64_t>(most + 2));
    };
    const auto peers = check_number<ih::peers>(number(ih::peers::max));
    const auto queue = check_number<ih::messages>(number(ih::messages::max));
    const auto frames = check_number<ih::frames>(number(ih::frames::max));
    const auto frame = check_number<ih::bytes>(number(detail::largest_frame));
    const auto memory = check_number<ih::bytes>(number(ih::bytes::max));
    if (!peers || !queue || !frames || !frame || !memory) return;

    const ih::inbound in{.peers = *peers, .queue = *queue, .frames = *frames, .frame = *frame};
    const ih::outbound out{.peers = *peers, .queue = *queue, .frames = *frames, .frame = *frame};
    const ih::duplex both{.in = in, .out = out};
    must(at_least(ih::memory_ceiling(in), payload(in)), "a ceiling is above the payload it bounds");
    must(at_least(ih::memory_ceiling(out), payload(in)), "in both directions");
    must(ih::memory_ceiling(both) >= ih::memory_ceiling(in), "both directions cost no less than one");
    must(at_least(ih::kernel_ceiling(both), wide{peers->count()} * 4 * ih::buffer_size(both).count()),
         "the kernel's buffers are counted for every peer");
    must(ih::guard_slack(in).count() < std::int64_t{64} << 20, "an attacker's slack is bounded");

    const bool fit = queue->count() >= 2 && frame->count() <= detail::largest_frame;
    must((detail::limits_complaint(in) == nullptr) == fit, "limits complain of what is wrong with them, and only then");

    const ih::budget given{.memory = *memory, .peers = *peers, .frames = *frames, .frame = *frame, .burst = *queue};
    try {
        const ih::planned found = ih::plan(given);
        const auto costs = [&](std::int64_t length) { return detail::planned_cost(given, length); };
        must(found.queue.count() >= queue->count() && found.queue.count() >= 2, "a plan never cuts a burst short");
        must(costs(found.queue.count()) <= memory->count(), "a plan stays within its budget");
        must(found.queue.count() == detail::largest_planned_queue || costs(found.queue.count() + 1) > memory->count(),
             "and leaves no room for one message more");
    } catch (const error& refused) {
        fuzzing::check_refusal(refused, error::misuse);
        must(detail::budget_complaint(given) != nullptr || detail::missing(given) > 0, "a plan that exists is found");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = fuzzing::as_text(data, size);
    if (!input.empty()) {
        for (const int shift : {0, 10, 20, 30}) check_literal(input, std::int64_t{1} << shift, ih::bytes::max);
        for (const std::int64_t max : {ih::messages::max, ih::frames::max, ih::peers::max, ih::per_second::max})
            check_literal(input, 1, max);
    }
    check_configuration(input);
    check_limits(fuzzing::pieces{input});
    return 0;
}

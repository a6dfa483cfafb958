// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What fuzz targets share: a promise that ends the process when it is broken, and the rules every refusal obeys.

#include <ironhouse/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace fuzzing {

/// What is being replayed, for whoever wants to see it again; a fuzzer tells in its own way.
inline char replayed[4096] = "";

/// Ends the process with the sentence that turned out to be false, where the fuzzer and a debugger both see it.
inline void must(bool holds, const char* sentence) {
    if (holds) return;
    std::fprintf(stderr, "broken promise: %s\n%s\n", sentence, replayed);
    std::abort();
}

/// The input as text; unlike a NULL pointer and a size of 0, it may be handed to memcpy.
inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
    return size == 0 ? std::string_view{""} : std::string_view{reinterpret_cast<const char*>(data), size};
}

/// Takes pieces off the front of the input; what is missing reads as zeros.
class pieces {
public:
    explicit pieces(std::string_view input) : left_{input} {}

    std::uint8_t byte() {
        if (left_.empty()) return 0;
        const auto first = static_cast<std::uint8_t>(left_.front());
        left_.remove_prefix(1);
        return first;
    }
    std::int64_t number() {
        std::uint64_t value = 0;
        for (int at = 0; at < 8; ++at) value = value << 8 | byte();
        return static_cast<std::int64_t>(value);
    }
    /// A byte says how long it is.
    std::string_view text() {
        const std::size_t wanted = byte();
        const std::string_view taken = left_.substr(0, wanted);
        left_.remove_prefix(taken.size());
        return taken;
    }
    std::string_view rest() { return left_; }
    [[nodiscard]] bool done() const { return left_.empty(); }

private:
    std::string_view left_;
};

/// A refusal is of the announced kind, one printable line, and bounded, whatever the input was.
inline void check_refusal(const ironhouse::error& refused, ironhouse::error::kind why) {
    must(refused.why() == why, "a refusal says who must act");
    const std::string_view said{refused.what()};
    must(!said.empty() && said.size() <= 600, "a refusal is a sentence, and a bounded one");
    for (const char c : said) must(c >= ' ' && c <= '~', "a refusal is one line of printable ASCII");
}

/// Nor does it repeat what may be a secret: no unbroken run of 24 characters or more.
inline void check_refusal_is_silent_about(const ironhouse::error& refused, std::string_view input) {
    const std::string_view said{refused.what()};
    std::size_t run = 0;
    for (std::size_t at = 0; at < input.size(); ++at) {
        run = input[at] > ' ' && input[at] <= '~' ? run + 1 : 0;
        if (run >= 24)
            must(said.find(input.substr(at + 1 - 24, 24)) == std::string_view::npos, "a refusal quotes no key");
    }
}

} // namespace fuzzing

/// What libFuzzer calls, and replay.cpp where there is none.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

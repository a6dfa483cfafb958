// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Numbers that carry their unit and their range: bytes, messages, frames, peers, per_second. Layer: core.
///
/// There are two ways in: a literal, checked by the compiler (`64_KiB`, `1'000_messages`), and `from_config`, checked
/// at run time. 0, negative numbers and libzmq's spellings of "unlimited" cannot be held.

#include <ironhouse/core/error.hpp>
#include <ironhouse/detail/abi.hpp>
#include <ironhouse/detail/owed.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

namespace ironhouse::inline IRONHOUSE_ABI {

namespace detail {

struct unit_maker;

// Never defined: what deleted constructors are called for, so that the compiler says why they are deleted.
struct a_limit_is_written_with_its_unit;
struct a_limit_in_another_unit;

template <class T> concept bare_number = std::is_arithmetic_v<T>;

/// Every unit, told by what only units have.
template <class T> concept unit = requires(const T& value) {
    typename T::amount;
    value.amount_;
};

} // namespace detail

// The five classes are alike, and written out: a shared base would show up in every diagnostic that prints limits.
// `amount_` is public because template arguments need that, and an enumeration so that no integer can be assigned.

/// A size in bytes, 1 B to 1 PiB.
class bytes {
public:
    /// The number, as a type to which no integer can be assigned.
    enum class amount : std::int64_t {};

    static constexpr std::int64_t min = 1;                     ///< Smallest.
    static constexpr std::int64_t max = std::int64_t{1} << 50; ///< Largest.
    static constexpr const char* name = "bytes";               ///< As errors call it.

    /// The number itself, in the unit that the type's name says.
    [[nodiscard]] constexpr std::int64_t count() const noexcept { return static_cast<std::int64_t>(amount_); }
    /// Takes a number that the program learns at run time, and checks it against the unit's range.
    ///
    /// \param number  The number, for example from a configuration file.
    /// \return        The same number as a unit.
    /// \throws        `error::misuse` with the number and the range, when it is outside `min..max`.
    /// \threads  Any.
    /// \secrets  The number appears in the error.
    /// \maps     none
    [[nodiscard]] static constexpr bytes from_config(std::int64_t number);

    friend constexpr bool operator==(const bytes&, const bytes&) noexcept = default;
    friend constexpr std::strong_ordering operator<=>(const bytes&, const bytes&) noexcept = default;

    template <detail::bare_number Number, class Why = detail::a_limit_is_written_with_its_unit> bytes(Number) = delete;
    template <detail::unit Other, class Why = detail::a_limit_in_another_unit> bytes(const Other&) = delete;

    amount amount_; ///< Public since template arguments need that; read it with count().

private:
    friend struct detail::unit_maker;
    constexpr explicit bytes(amount value) noexcept : amount_{value} {}
};

/// A count of whole messages, 1 to 10'000'000.
class messages {
public:
    /// The number, as a type to which no integer can be assigned.
    enum class amount : std::int64_t {};

    static constexpr std::int64_t min = 1;          ///< Smallest.
    static constexpr std::int64_t max = 10'000'000; ///< Largest.
    static constexpr const char* name = "messages"; ///< As errors call it.

    /// \copydoc bytes::count
    [[nodiscard]] constexpr std::int64_t count() const noexcept { return static_cast<std::int64_t>(amount_); }
    /// \copydoc bytes::from_config
    [[nodiscard]] static constexpr messages from_config(std::int64_t number);

    friend constexpr bool operator==(const messages&, const messages&) noexcept = default;
    friend constexpr std::strong_ordering operator<=>(const messages&, const messages&) noexcept = default;

    template <detail::bare_number Number, class Why = detail::a_limit_is_written_with_its_unit>
    messages(Number) = delete;
    template <detail::unit Other, class Why = detail::a_limit_in_another_unit> messages(const Other&) = delete;

    amount amount_; ///< Public since template arguments need that; read it with count().

private:
    friend struct detail::unit_maker;
    constexpr explicit messages(amount value) noexcept : amount_{value} {}
};

/// A count of frames in one message, 1 to 64: more has no use that an attacker does not share.
class frames {
public:
    /// The number, as a type to which no integer can be assigned.
    enum class amount : std::int64_t {};

    static constexpr std::int64_t min = 1;        ///< Smallest.
    static constexpr std::int64_t max = 64;       ///< Largest.
    static constexpr const char* name = "frames"; ///< As errors call it.

    /// \copydoc bytes::count
    [[nodiscard]] constexpr std::int64_t count() const noexcept { return static_cast<std::int64_t>(amount_); }
    /// \copydoc bytes::from_config
    [[nodiscard]] static constexpr frames from_config(std::int64_t number);

    friend constexpr bool operator==(const frames&, const frames&) noexcept = default;
    friend constexpr std::strong_ordering operator<=>(const frames&, const frames&) noexcept = default;

    template <detail::bare_number Number, class Why = detail::a_limit_is_written_with_its_unit> frames(Number) = delete;
    template <detail::unit Other, class Why = detail::a_limit_in_another_unit> frames(const Other&) = delete;

    amount amount_; ///< Public since template arguments need that; read it with count().

private:
    friend struct detail::unit_maker;
    constexpr explicit frames(amount value) noexcept : amount_{value} {}
};

/// A count of connections served at once, 1 to 1'000'000.
class peers {
public:
    /// The number, as a type to which no integer can be assigned.
    enum class amount : std::int64_t {};

    static constexpr std::int64_t min = 1;         ///< Smallest.
    static constexpr std::int64_t max = 1'000'000; ///< Largest.
    static constexpr const char* name = "peers";   ///< As errors call it.

    /// \copydoc bytes::count
    [[nodiscard]] constexpr std::int64_t count() const noexcept { return static_cast<std::int64_t>(amount_); }
    /// \copydoc bytes::from_config
    [[nodiscard]] static constexpr peers from_config(std::int64_t number);

    friend constexpr bool operator==(const peers&, const peers&) noexcept = default;
    friend constexpr std::strong_ordering operator<=>(const peers&, const peers&) noexcept = default;

    template <detail::bare_number Number, class Why = detail::a_limit_is_written_with_its_unit> peers(Number) = delete;
    template <detail::unit Other, class Why = detail::a_limit_in_another_unit> peers(const Other&) = delete;

    amount amount_; ///< Public since template arguments need that; read it with count().

private:
    friend struct detail::unit_maker;
    constexpr explicit peers(amount value) noexcept : amount_{value} {}
};

/// A rate in events per second, 1 to 1'000'000'000.
class per_second {
public:
    /// The number, as a type to which no integer can be assigned.
    enum class amount : std::int64_t {};

    static constexpr std::int64_t min = 1;             ///< Smallest.
    static constexpr std::int64_t max = 1'000'000'000; ///< Largest.
    static constexpr const char* name = "per_second";  ///< As errors call it.

    /// \copydoc bytes::count
    [[nodiscard]] constexpr std::int64_t count() const noexcept { return static_cast<std::int64_t>(amount_); }
    /// \copydoc bytes::from_config
    [[nodiscard]] static constexpr per_second from_config(std::int64_t number);

    friend constexpr bool operator==(const per_second&, const per_second&) noexcept = default;
    friend constexpr std::strong_ordering operator<=>(const per_second&, const per_second&) noexcept = default;

    template <detail::bare_number Number, class Why = detail::a_limit_is_written_with_its_unit>
    per_second(Number) = delete;
    template <detail::unit Other, class Why = detail::a_limit_in_another_unit> per_second(const Other&) = delete;

    amount amount_; ///< Public since template arguments need that; read it with count().

private:
    friend struct detail::unit_maker;
    constexpr explicit per_second(amount value) noexcept : amount_{value} {}
};

namespace detail {

/// The internal door: who uses it has checked the range.
struct unit_maker {
    template <class Unit> [[nodiscard]] static constexpr Unit make(std::int64_t number) noexcept {
        return Unit{typename Unit::amount{number}};
    }
};

/// A unit from a number known to be in range; for code of the library that has just checked it.
template <class Unit> [[nodiscard]] constexpr Unit unchecked(std::int64_t number) noexcept {
    return unit_maker::make<Unit>(number);
}

template <class Unit> constexpr Unit checked(std::int64_t number) {
    if (number < Unit::min || number > Unit::max) {
        throw error{error::misuse, std::string{Unit::name} + " from configuration",
                    std::to_string(number) + " is outside " + std::to_string(Unit::min) + ".." +
                        std::to_string(Unit::max)};
    }
    return unchecked<Unit>(number);
}

} // namespace detail

constexpr bytes bytes::from_config(std::int64_t number) { return detail::checked<bytes>(number); }
constexpr messages messages::from_config(std::int64_t number) { return detail::checked<messages>(number); }
constexpr frames frames::from_config(std::int64_t number) { return detail::checked<frames>(number); }
constexpr peers peers::from_config(std::int64_t number) { return detail::checked<peers>(number); }
constexpr per_second per_second::from_config(std::int64_t number) { return detail::checked<per_second>(number); }

namespace detail {

/// How a literal was spelled, and the number if it was spelled well.
struct spelling {
    bool whole = true;
    bool decimal = true;
    bool fits = true;
    std::int64_t number = 0;
};

/// Reads the characters of a literal, `size` of them, as a multiple of `scale` that is at most `max`.
constexpr spelling spell(const char* text, std::size_t size, std::int64_t scale, std::int64_t max) noexcept {
    spelling result;
    const bool prefixed = size > 1 && text[0] == '0'; // 0x, 0b and octal: 010_peers would be eight peers
    result.decimal = !prefixed;
    for (std::size_t at = 0; at < size; ++at) {
        const char c = text[at];
        if (c == '\'') continue;
        if (c < '0' || c > '9') {
            result.whole = result.whole && prefixed;
            return result;
        }
        const std::int64_t digit = c - '0';
        if (result.number > (max / scale - digit) / 10) {
            result.fits = false;
            return result;
        }
        result.number = result.number * 10 + digit;
    }
    result.number *= scale;
    return result;
}

template <class Unit, std::int64_t Scale, char... Text> constexpr Unit literal() {
    constexpr char text[] = {Text...};
    constexpr spelling read = spell(text, sizeof text, Scale, Unit::max);
    static_assert(read.whole, "a limit is a whole number: write 1536_B instead of 1.5_KiB");
    static_assert(read.decimal || !read.whole, "a limit is written in decimal digits, without a leading 0");
    static_assert(read.fits, "a limit is larger than its unit can hold: 1 PiB, 10'000'000 messages, 64 frames, "
                             "1'000'000 peers, 1'000'000'000 per second");
    static_assert(read.number > 0 || !read.whole || !read.decimal || !read.fits,
                  "0 is not a limit: libzmq reads it as no limit at all");
    return unchecked<Unit>(read.number);
}

} // namespace detail

/// \cond
// What `-5_messages` finds, so that it is told why.
template <detail::unit Unit> consteval Unit operator-(const Unit& limit) {
    static_assert(detail::never<Unit>, "a limit is never negative: libzmq would read it as no limit at all");
    return limit;
}
/// \endcond

/// How limits are written: `using namespace ironhouse::literals;`. Decimal digits, separators allowed (`1'000_peers`).
namespace literals {

/// Bytes.
template <char... Text> constexpr bytes operator""_B() { return detail::literal<bytes, 1, Text...>(); }
/// Times 1,024 bytes.
template <char... Text> constexpr bytes operator""_KiB() {
    return detail::literal<bytes, std::int64_t{1} << 10, Text...>();
}
/// Times 1,048,576 bytes.
template <char... Text> constexpr bytes operator""_MiB() {
    return detail::literal<bytes, std::int64_t{1} << 20, Text...>();
}
/// Times 1,073,741,824 bytes.
template <char... Text> constexpr bytes operator""_GiB() {
    return detail::literal<bytes, std::int64_t{1} << 30, Text...>();
}
/// One whole message.
template <char... Text> constexpr messages operator""_message() { return detail::literal<messages, 1, Text...>(); }
/// Whole messages.
template <char... Text> constexpr messages operator""_messages() { return detail::literal<messages, 1, Text...>(); }
/// One frame.
template <char... Text> constexpr frames operator""_frame() { return detail::literal<frames, 1, Text...>(); }
/// Frames in one message.
template <char... Text> constexpr frames operator""_frames() { return detail::literal<frames, 1, Text...>(); }
/// One connection.
template <char... Text> constexpr peers operator""_peer() { return detail::literal<peers, 1, Text...>(); }
/// Connections served at once.
template <char... Text> constexpr peers operator""_peers() { return detail::literal<peers, 1, Text...>(); }
/// Events per second.
template <char... Text> constexpr per_second operator""_per_s() { return detail::literal<per_second, 1, Text...>(); }

} // namespace literals

} // namespace ironhouse::inline IRONHOUSE_ABI

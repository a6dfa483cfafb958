// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Fields of an aggregate that a program must write: leaving one out is refused with a sentence. Layer 0.
///
/// How to owe a field. The aggregate is a class template over an unused parameter, and its public name an alias for
/// `<void>`, so that a default initialiser is instantiated only where a program really leaves the field out:
///
///     namespace detail {
///     template <class Owed> struct leaves_out_server : owed<public_key> {
///         static_assert(never<Owed>, "curve_client leaves out .server: the public key of the server it will trust");
///     };
///     }
///     template <class Owed> struct basic_curve_client {
///         public_key server = detail::leaves_out_server<Owed>::value();
///     };
///     using curve_client = basic_curve_client<void>;
///
/// The static_assert gives the sentence, the deleted `value()` makes GCC name the user's line as well. Asking a trait
/// or a concept whether such an aggregate is default constructible is therefore a hard error, not "no".

#include <ironhouse/detail/abi.hpp>

namespace ironhouse::inline IRONHOUSE_ABI::detail {

/// False for every type, but only once the template is instantiated.
template <class> inline constexpr bool never = false;

/// What an owed field's default would be, if there were one.
template <class Field> struct owed { static constexpr Field value() = delete; };

} // namespace ironhouse::inline IRONHOUSE_ABI::detail

// SPDX-License-Identifier: MIT
// CLAIM:  a secret key has one owner: it moves and is never copied.
// EXPECT: a_secret_is_never_copied
#include <ironhouse/keys/secret_key.hpp>

#include <utility>

ironhouse::secret_key probe(ironhouse::secret_key& key) {
#ifdef VIOLATE
    return ironhouse::secret_key{key};
#else
    return ironhouse::secret_key{std::move(key)};
#endif
}

// SPDX-License-Identifier: MIT
// CLAIM:  a key pair holds a secret, so it moves and is never copied.
// EXPECT: a_secret_is_never_copied
#include <ironhouse/keys/keypair.hpp>

#include <utility>

ironhouse::keypair probe(ironhouse::keypair& pair) {
#ifdef VIOLATE
    return ironhouse::keypair{pair};
#else
    return ironhouse::keypair{std::move(pair)};
#endif
}

// SPDX-License-Identifier: MIT
// CLAIM:  a certificate holds a secret, so it moves and is never copied.
// EXPECT: a_secret_is_never_copied
#include <ironhouse/keys/certificate.hpp>

#include <utility>

ironhouse::certificate probe(ironhouse::certificate& cert) {
#ifdef VIOLATE
    return ironhouse::certificate{cert};
#else
    return ironhouse::certificate{std::move(cert)};
#endif
}

// SPDX-License-Identifier: MIT
// CLAIM:  a secret key cannot be written to a stream.
// EXPECT: secrets_can_be_printed
#include <ironhouse/keys/keypair.hpp>

#include <ostream>

#ifdef VIOLATE
void probe(std::ostream& out, const ironhouse::keypair& pair) { out << pair.secret(); }
#else
void probe(std::ostream& out, const ironhouse::keypair& pair) { out << pair.public_key().z85(); }
#endif

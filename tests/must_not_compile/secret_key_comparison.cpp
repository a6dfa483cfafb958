// SPDX-License-Identifier: MIT
// CLAIM:  secrets are not compared: what tells them apart also leaks them.
// EXPECT: secrets_can_be_compared
#include <ironhouse/keys/keypair.hpp>

#ifdef VIOLATE
bool probe(const ironhouse::keypair& a, const ironhouse::keypair& b) { return a.secret() == b.secret(); }
#else
bool probe(const ironhouse::keypair& a, const ironhouse::keypair& b) { return a.public_key() == b.public_key(); }
#endif

// SPDX-License-Identifier: MIT
// CLAIM:  text read from a key source cannot be written to a stream.
// EXPECT: secrets_can_be_printed
#include <ironhouse/keys/key_source.hpp>

#include <ostream>

#ifdef VIOLATE
void probe(std::ostream& out, const ironhouse::secret_text& text) { out << text; }
#else
void probe(std::ostream& out, const ironhouse::secret_text& text) { out << text.size(); }
#endif

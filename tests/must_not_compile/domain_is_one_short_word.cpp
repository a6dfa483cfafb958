// SPDX-License-Identifier: MIT
// CLAIM:  a domain has at most 64 characters, each of which libzmq, a log and the library read alike.
// EXPECT 1: domain_has_a_character_that_does_not_belong_there
// EXPECT 2: domain_has_a_character_that_does_not_belong_there
// EXPECT 3: domain_has_a_character_that_does_not_belong_there
// EXPECT 4: domain_is_longer_than_64_characters
// EXPECT 5: text_becomes_a_domain_through_from_config
#include <ironhouse/core/domain.hpp>

#include <string>

void open(const ironhouse::domain& where);

void probe(const std::string& text) {
#if VIOLATE == 1
    open("my orders");
#elif VIOLATE == 2
    open("orders#1");
#elif VIOLATE == 3
    open("orders\0");
#elif VIOLATE == 4
    open("0123456789012345678901234567890123456789012345678901234567890123x");
#elif VIOLATE == 5
    open(text);
#else
    open("0123456789012345678901234567890123456789012345678901234567890123");
    open(ironhouse::domain::from_config(text));
#endif
    (void)text;
}

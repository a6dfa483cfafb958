// SPDX-License-Identifier: MIT
// CLAIM:  text does not turn into a public key unless it goes through from_z85(), which checks it.
// EXPECT: text_becomes_a_key_through_from_z85
#include <ironhouse/keys/public_key.hpp>

#ifdef VIOLATE
ironhouse::public_key probe() { return ironhouse::public_key{"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"}; }
#else
ironhouse::public_key probe() { return ironhouse::public_key::from_z85("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"); }
#endif

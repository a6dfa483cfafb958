// SPDX-License-Identifier: MIT
// CLAIM:  the umbrella header brings no way to plaintext, nor to a server that lets anybody in.
// EXPECT 1: the header of this security policy is not included
// EXPECT 2: incomplete type
#include <ironhouse/ironhouse.hpp>
#ifndef VIOLATE
#include <ironhouse/insecure.hpp>
#endif

namespace ih = ironhouse;
using namespace ih::literals;

inline constexpr ih::inbound limits{.peers = 1_peer, .queue = 2_messages, .frames = 2_frames, .frame = 1_KiB};

#if VIOLATE == 1
void probe(ih::socket<ih::pull, limits, ih::insecure::plaintext>& s) { s.close(); }
#elif VIOLATE == 2
ih::admitted probe() { return ih::insecure::any_client{"a public feed, read by anybody"}; }
#else
void probe(ih::socket<ih::pull, limits, ih::insecure::plaintext>& s) { s.close(); }
ih::admitted probe() { return ih::insecure::any_client{"a public feed, read by anybody"}; }
#endif

// SPDX-License-Identifier: MIT
// CLAIM:  the way out is taken with a reason.
// EXPECT 1: insecure::any_client: say why, in a sentence
// EXPECT 2: insecure::plaintext: say why, in a sentence
// EXPECT 3: insecure::unguarded_ipc: say why, in a sentence
#include <ironhouse/insecure.hpp>

namespace ih = ironhouse;

#if VIOLATE == 1
ih::insecure::any_client probe() { return ih::insecure::any_client{"because"}; }
#elif VIOLATE == 2
ih::insecure::plaintext probe() { return {"a test"}; }
#elif VIOLATE == 3
ih::insecure::unguarded_ipc probe() { return ih::insecure::unguarded_ipc{"because"}; }
#else
ih::insecure::any_client probe() { return ih::insecure::any_client{"a public feed, read by anybody"}; }
ih::insecure::unguarded_ipc probe_ipc() { return ih::insecure::unguarded_ipc{"both programs are ours"}; }
ih::insecure::plaintext probe_too() { return {"a laboratory network behind a locked door"}; }
#endif

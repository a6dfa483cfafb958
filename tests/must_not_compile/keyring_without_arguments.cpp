// SPDX-License-Identifier: MIT
// CLAIM:  there is no keyring until somebody says who may come in.
// EXPECT: a_keyring_says_who_may_come_in
#include <ironhouse/keys/keyring.hpp>

#ifdef VIOLATE
ironhouse::keyring probe() { return ironhouse::keyring{}; }
#else
ironhouse::keyring probe() { return ironhouse::keyring::from_directory("clients"); }
#endif

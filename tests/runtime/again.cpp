// SPDX-License-Identifier: MIT
// A source file that includes it and does nothing else: the second one of a program that has one, or the only one of a
// program in C.
#include <ironhouse/system/runtime.hpp>

// SPDX-License-Identifier: MIT
// ctest: serial
// ctest: label siege
// ctest: timeout 240
#include <ironhouse/system/runtime.hpp>

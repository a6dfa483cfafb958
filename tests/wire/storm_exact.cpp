// SPDX-License-Identifier: MIT
// ctest: serial
// ctest: label siege
// ctest: timeout 240
// ctest: without plain
#include <ironhouse/system/runtime.hpp>

// SPDX-License-Identifier: MIT
// ctest: serial
// ctest: timeout 240
#include <ironhouse/system/runtime.hpp>

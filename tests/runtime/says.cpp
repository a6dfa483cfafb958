// SPDX-License-Identifier: MIT
// Says whether the runtime is in effect in this program, and why not.
#if defined(WITH_RUNTIME)
#include <ironhouse/system/runtime.hpp>
#else
#include <ironhouse/detail/runtime_check.hpp>
#endif

#include <cstdio>

int main() {
    std::puts(ironhouse::detail::runtime_in_effect() ? "in effect" : ironhouse::detail::why_runtime_is_not_in_effect());
}

# SPDX-License-Identifier: MIT
#
# The attack gauntlet needs libraries that the hardening library itself does not. It is built by default only where all
# of them are present, so that a plain build needs nothing more than cppzmq, libzmq, libsodium and Catch2.

set(_ironhouse_gauntlet OFF)
if(PROJECT_IS_TOP_LEVEL)
    set(_ironhouse_gauntlet ON)
    foreach(_ironhouse_package IN ITEMS CLI11 fmt nlohmann_json)
        find_package(${_ironhouse_package} QUIET)
        if(NOT ${_ironhouse_package}_FOUND)
            message(STATUS "Ironhouse: no gauntlet, since ${_ironhouse_package} is not installed")
            set(_ironhouse_gauntlet OFF)
        endif()
    endforeach()
endif()
option(IRONHOUSE_BUILD_GAUNTLET "Build the attack gauntlet (needs CLI11, fmt, nlohmann-json)" ${_ironhouse_gauntlet})

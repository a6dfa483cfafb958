# SPDX-License-Identifier: MIT
#
# The programs beside the library (the command, the attack gauntlet, the benchmarks) need libraries that the hardening
# library itself does not. Each is built by default only where all of its own are present, so that a plain build needs
# nothing more than cppzmq, libzmq, libsodium and Catch2.

# ironhouse_program_option(<option> <what> <packages...>)
function(ironhouse_program_option option what)
    set(wanted ${PROJECT_IS_TOP_LEVEL})
    if(wanted)
        foreach(package IN LISTS ARGN)
            find_package(${package} QUIET)
            if(NOT ${package}_FOUND)
                message(STATUS "Ironhouse: no ${what}, since ${package} is not installed")
                set(wanted OFF)
            endif()
        endforeach()
    endif()
    list(JOIN ARGN ", " needs)
    option(${option} "Build the ${what} (needs ${needs})" ${wanted})
endfunction()

ironhouse_program_option(IRONHOUSE_BUILD_TOOLS "command-line tool" CLI11 fmt nlohmann_json)
ironhouse_program_option(IRONHOUSE_BUILD_GAUNTLET "attack gauntlet" CLI11 fmt nlohmann_json)
ironhouse_program_option(IRONHOUSE_BUILD_BENCH "benchmarks" CLI11 fmt nlohmann_json benchmark)

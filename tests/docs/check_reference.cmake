# SPDX-License-Identifier: MIT
#
# cmake -Droot=<repository> -Dwork=<folder> -Ddoxygen=<program> -P check_reference.cmake: builds the reference into the
# folder. A public name without a comment, a parameter without its line and a link to nowhere are errors.
#
# Two gaps are none: comparisons, which need no explanation, and a missing \return, since the first line of a property is
# already about what it returns.

cmake_minimum_required(VERSION 3.25)

if(NOT doxygen)
    if(DEFINED ENV{CI})
        message(FATAL_ERROR "no Doxygen, though CI is to check the reference (Debian: doxygen)")
    endif()
    message(STATUS "skipped: Doxygen is not installed (Debian: doxygen)")
    return()
endif()

set(version "")
if(EXISTS ${root}/include/ironhouse/detail/abi.hpp)
    file(STRINGS ${root}/include/ironhouse/detail/abi.hpp line REGEX "^#define IRONHOUSE_VERSION [0-9]+$")
    string(REGEX MATCH "[0-9]+$" number "${line}")
    math(EXPR major "${number} / 10000")
    math(EXPR minor "${number} / 100 % 100")
    math(EXPR patch "${number} % 100")
    set(version ${major}.${minor}.${patch})
endif()
file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work})
set(ENV{IRONHOUSE_VERSION} "${version}")
set(ENV{IRONHOUSE_REFERENCE} ${work})
execute_process(
    COMMAND ${doxygen} docs/reference/Doxyfile
    WORKING_DIRECTORY ${root}
    RESULT_VARIABLE result
    OUTPUT_QUIET
    ERROR_VARIABLE said)
if(NOT result EQUAL 0 OR NOT EXISTS ${work}/index.html)
    message(FATAL_ERROR "Doxygen ended with ${result}:\n${said}")
endif()

string(REPLACE ";" "," said "${said}")
string(REPLACE "[" "(" said "${said}")
string(REPLACE "]" ")" said "${said}")
string(REPLACE "${root}/" "" said "${said}")
string(REPLACE "\n" ";" lines "${said}")
execute_process(COMMAND ${doxygen} --version OUTPUT_VARIABLE doxygen_version)
set(wrong "")
foreach(line IN LISTS lines)
    # Other versions have warnings of their own; what they say of missing comments counts all the same.
    if(NOT doxygen_version MATCHES "^1[.]9[.]4" AND NOT line MATCHES "(is|are) not documented")
        continue()
    endif()
    if(line STREQUAL "" OR line MATCHES "return type of member .* is not documented$"
       OR line MATCHES "Member operator(==|<=>)[(].* is not documented.$")
        continue()
    endif()
    string(APPEND wrong "    ${line}\n")
endforeach()
if(wrong)
    message(FATAL_ERROR "what Doxygen misses or does not understand:\n${wrong}")
endif()

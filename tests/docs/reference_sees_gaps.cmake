# SPDX-License-Identifier: MIT
#
# cmake -Droot=<repository> -Dwork=<scratch> -Ddoxygen=<program> -P reference_sees_gaps.cmake: check_reference.cmake accepts
# a header whose public names have their comments, and refuses each kind of gap.

cmake_minimum_required(VERSION 3.25)

if(NOT doxygen)
    message(STATUS "skipped: Doxygen is not installed (Debian: doxygen)")
    return()
endif()

set(tree ${work}/tree)
file(REMOVE_RECURSE ${work})
file(COPY ${root}/docs/reference/Doxyfile DESTINATION ${tree}/docs/reference)
file(WRITE ${tree}/docs/reference/README.md "# Reference\n\nNothing.\n")
file(WRITE ${tree}/docs/errors/README.md "# Errors\n\nNone.\n")
file(WRITE ${tree}/docs/decisions/README.md "# Decisions\n\nNone.\n")
file(WRITE ${tree}/SECURITY.md "# Security\n\nYes.\n")

# judge(<lines>...): what is made of a header with these lines in the library's namespace; % stands for a semicolon.
function(judge)
    list(JOIN ARGN "\n" body)
    string(REPLACE "%" ";" body "${body}")
    file(WRITE ${tree}/include/ironhouse/core/probe.hpp
         "#pragma once\n\n/// \\file\n/// A probe.\n\nnamespace ironhouse::inline IRONHOUSE_ABI {\n${body}\n}\n")
    execute_process(
        COMMAND ${CMAKE_COMMAND} -Droot=${tree} -Dwork=${work}/html -Ddoxygen=${doxygen} -P
                ${CMAKE_CURRENT_LIST_DIR}/check_reference.cmake
        RESULT_VARIABLE result
        OUTPUT_VARIABLE said
        ERROR_VARIABLE said)
    set(result "${result}" PARENT_SCOPE)
    set(said "${said}" PARENT_SCOPE)
endfunction()

function(notices reason)
    judge(${ARGN})
    string(FIND "${said}" "${reason}" at)
    if(result EQUAL 0 OR at EQUAL -1)
        message(FATAL_ERROR "should be refused because ${reason}; instead (${result}): ${said}")
    endif()
endfunction()

judge("/// A function.\n/// \\param number  Any.\nvoid f(int number)%"
      "/// A class.\nclass box {\npublic:\n/// Its size.\nint size() const%"
      "friend bool operator==(const box&, const box&) = default%\nprivate:\nint hidden%\n}%"
      "namespace detail {\nvoid anything(int)%\n}")
if(NOT result EQUAL 0)
    message(FATAL_ERROR "a sound header was refused (${result}): ${said}")
endif()
file(READ ${work}/html/classironhouse_1_1box.html page)
if(NOT page MATCHES "ironhouse::box" OR page MATCHES "IRONHOUSE_ABI")
    message(FATAL_ERROR "a class does not read ironhouse::box")
endif()

notices("bare" "void bare()%")
notices("bare" "class bare {\npublic:\n/// Its size.\nint size() const%\n}%")
notices("bare" "/// A class.\nclass box {\npublic:\nint bare() const%\n}%")
notices("bare" "/// A struct.\nstruct box {\nint bare%\n}%")
notices("ironhouse::f" "/// A function.\nvoid f(int number)%")
notices("other" "/// A function.\n/// \\param number  Any.\nvoid f(int number, int other)%")
notices("nobody" "/// A function.\n/// \\param nobody  Not there.\nvoid f(int number)%")

# SPDX-License-Identifier: MIT
#
# cmake "-Dcompile=<compiler;flags...>" -Dcase=<file> -P expect_rejection.cmake
#
# Proves that a program which breaks a promise does not compile, and for the announced reason. The case says everything:
#
#     // CLAIM:  a queue cannot be left out.
#     // EXPECT: limits leave out .queue
#     #include <ironhouse/core/limits.hpp>
#     #ifdef VIOLATE
#     ...                   what must be refused
#     #else
#     ...                   the control: as close to it as a legal program can be
#     #endif
#
# Several violations share one control when they are numbered: "// EXPECT 1: ...", "// EXPECT 2: ..." and, in the code,
# "#if VIOLATE == 1", "#elif VIOLATE == 2" (the macro is always defined as the number). A violation may have several
# EXPECT lines: all of them are owed. EXPECT is plain text that every compiler's diagnostics contain: a static_assert's
# sentence, a concept, a function whose name is the reason. Compiler prose is the last resort; compilers run with
# LC_ALL=C, so that their quotes are plain.
#
# The control is compiled to an object, not only parsed, since code generation has faults of its own. The text must come
# from the compiler and not from the case: source lines are not echoed, the case's own path is cut out of what was said,
# and a text that stands in the case's own code is refused. Safe to run in parallel: each run has its own folder.
#
# What a page in docs/errors (or -Dpages=<folder>) quotes of this compiler's words must be what it says (error_pages.cmake).

cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/error_pages.cmake)

foreach(needed IN ITEMS compile case)
    if(NOT DEFINED ${needed} OR "${${needed}}" STREQUAL "")
        message(FATAL_ERROR "usage: cmake \"-Dcompile=<compiler;flags...>\" -Dcase=<file> -P expect_rejection.cmake")
    endif()
endforeach()
if(NOT EXISTS "${case}")
    message(FATAL_ERROR "there is no ${case}")
endif()
cmake_path(GET case FILENAME name)

# Characters that CMake's lists would split at are carried as others meanwhile.
string(ASCII 1 semicolon)
string(ASCII 2 opening)
string(ASCII 3 closing)

function(refuse why)
    string(REPLACE "${semicolon}" ";" why "${why}")
    string(REPLACE "${opening}" "[" why "${why}")
    string(REPLACE "${closing}" "]" why "${why}")
    string(REGEX REPLACE "\n$" "" why "${why}")
    string(REPLACE "\n" "\n    " why "${why}") # indented text is not folded
    message(FATAL_ERROR "${name}: ${why}")
endfunction()

# --- what the case says -----------------------------------------------------------------------------------------------

file(READ "${case}" text)
string(REPLACE ";" "${semicolon}" text "${text}")
string(REPLACE "[" "${opening}" text "${text}")
string(REPLACE "]" "${closing}" text "${text}")
string(REGEX REPLACE "\r?\n" ";" lines "${text}")

set(claims 0)
set(numbers)
set(code)
set(plain FALSE)
set(branches)
foreach(line IN LISTS lines)
    if(line MATCHES "^// CLAIM:[ ]*[^ ]")
        math(EXPR claims "${claims} + 1")
    elseif(line MATCHES "^// EXPECT( +([0-9]+))?:[ ]*(.*[^ ])[ ]*$")
        set(number 1)
        if(NOT "${CMAKE_MATCH_1}" STREQUAL "")
            set(number ${CMAKE_MATCH_2})
        else()
            set(plain TRUE)
        endif()
        list(APPEND numbers ${number})
        list(APPEND expected_${number} "${CMAKE_MATCH_3}")
    elseif(line MATCHES "^ *// *(CLAIM|EXPECT)")
        refuse("not understood: ${line}")
    elseif(NOT line MATCHES "^ *//")
        string(APPEND code "${line}\n")
        if(line MATCHES "^# *(el)?if.*VIOLATE *== *([0-9]+)")
            list(APPEND branches ${CMAKE_MATCH_2})
        elseif(line MATCHES "^# *if.*VIOLATE")
            list(APPEND branches 1)
        endif()
    endif()
endforeach()
if(NOT claims EQUAL 1)
    refuse("a case makes exactly one CLAIM, and this one ${claims}")
endif()
if(NOT numbers)
    refuse("has no EXPECT line, so any failure would prove it")
endif()
list(REMOVE_DUPLICATES numbers)
list(REMOVE_DUPLICATES branches)
list(SORT numbers COMPARE NATURAL)
list(SORT branches COMPARE NATURAL)
if(plain AND NOT numbers STREQUAL "1")
    refuse("number every EXPECT line, or none")
endif()
if(NOT numbers STREQUAL branches)
    refuse("expects violations ${numbers}, but its code has ${branches}")
endif()
foreach(number IN LISTS numbers)
    foreach(expected IN LISTS expected_${number})
        string(FIND "${code}" "${expected}" at)
        if(NOT at EQUAL -1)
            refuse("EXPECT ${number} stands in the case's own code, so that an echo would prove it: ${expected}")
        endif()
    endforeach()
endforeach()

# --- the control ------------------------------------------------------------------------------------------------------

set(ENV{LC_ALL} C)
set(scratch_root "$ENV{TMPDIR}")
if(scratch_root STREQUAL "")
    set(scratch_root /tmp)
endif()
string(RANDOM LENGTH 20 unique)
set(scratch "${scratch_root}/expect_rejection.${unique}")
file(MAKE_DIRECTORY "${scratch}")
execute_process(
    COMMAND ${compile} -c "${case}" -o "${scratch}/control.o"
    RESULT_VARIABLE control
    OUTPUT_VARIABLE said
    ERROR_VARIABLE said)
set(made FALSE)
if(EXISTS "${scratch}/control.o")
    set(made TRUE)
endif()
file(REMOVE_RECURSE "${scratch}")
if(NOT control STREQUAL "0" OR NOT made)
    refuse("the control does not build, so the case proves nothing:\n${said}")
endif()

# --- the violations ---------------------------------------------------------------------------------------------------

execute_process(COMMAND ${compile} --version OUTPUT_VARIABLE version)
set(no_echo -fno-diagnostics-show-caret)
if(version MATCHES "clang")
    set(no_echo -fno-caret-diagnostics)
endif()
if(NOT DEFINED pages)
    cmake_path(SET pages NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/../docs/errors")
endif()
file(GLOB shown_by "${pages}/*.md")
error_page_compiler(speaker "${compile}")
cmake_path(GET case STEM stem)

set(wrong)
foreach(number IN LISTS numbers)
    execute_process(
        COMMAND ${compile} ${no_echo} -fsyntax-only -DVIOLATE=${number} "${case}"
        RESULT_VARIABLE violation
        OUTPUT_VARIABLE said
        ERROR_VARIABLE said)
    if(violation STREQUAL "0")
        string(APPEND wrong "violation ${number} compiles\n")
        continue()
    endif()
    if(NOT violation STREQUAL "1")
        string(APPEND wrong "violation ${number} is no refusal; the compiler ended with ${violation}:\n${said}\n")
        continue()
    endif()
    string(REPLACE "${case}" "" heard "${said}")
    string(REPLACE ";" "${semicolon}" heard "${heard}")
    string(REPLACE "[" "${opening}" heard "${heard}")
    string(REPLACE "]" "${closing}" heard "${heard}")
    foreach(expected IN LISTS expected_${number})
        string(FIND "${heard}" "${expected}" at)
        if(at EQUAL -1)
            string(APPEND wrong "violation ${number} is refused, but not because of '${expected}':\n${said}\n")
        endif()
    endforeach()
    foreach(page IN LISTS shown_by)
        file(READ "${page}" text)
        error_page_fence(shown "${text}" "${speaker}: ${stem} ${number}")
        if(shown STREQUAL "NOTFOUND")
            continue()
        endif()
        error_page_excerpt(excerpt "${said}" "${case}" ${expected_${number}})
        if(NOT shown STREQUAL excerpt)
            cmake_path(GET page FILENAME page_name)
            string(APPEND wrong "docs/errors/${page_name} quotes other words (scripts/errors --update refreshes them):\n"
                   "${shown}than ${speaker} says:\n${excerpt}")
        endif()
    endforeach()
endforeach()
if(wrong)
    refuse("${wrong}")
endif()

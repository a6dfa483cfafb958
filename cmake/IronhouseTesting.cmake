# SPDX-License-Identifier: MIT
#
# Helpers of tests/ and examples/.

include_guard(GLOBAL)

# ctest begins with what is said to cost most, and what says nothing costs at least 0. So programs that wait for one another
# come first; then, one at a time, those that keep time and say "serial"; beside those, and after them, what only computes.
# That stands back for whoever wants the processor, so that what keeps time has the machine for itself whenever it does anything.
find_program(IRONHOUSE_NICE nice)
mark_as_advanced(IRONHOUSE_NICE)
if(IRONHOUSE_NICE)
    set(IRONHOUSE_STANDING_BACK ${IRONHOUSE_NICE} -n 19)
    set(IRONHOUSE_SERIAL COST -1 RESOURCE_LOCK machine)
else()
    set(IRONHOUSE_STANDING_BACK)
    set(IRONHOUSE_SERIAL COST -1 RUN_SERIAL ON)
endif()
set(IRONHOUSE_COMPUTING COST -3)

# Compilers that must-not-compile and header tests are run with: every one found, not only this build's.
find_program(IRONHOUSE_GXX g++)
find_program(IRONHOUSE_CLANGXX NAMES clang++ clang++-19 clang++-18 clang++-17 clang++-16 clang++-15 clang++-14)
mark_as_advanced(IRONHOUSE_GXX IRONHOUSE_CLANGXX)
set(IRONHOUSE_COMPILERS ${IRONHOUSE_GXX} ${IRONHOUSE_CLANGXX})
list(FILTER IRONHOUSE_COMPILERS EXCLUDE REGEX NOTFOUND$)

function(ironhouse_compiler_name result compiler)
    if(compiler MATCHES "clang")
        set(${result} clang PARENT_SCOPE)
    else()
        set(${result} gcc PARENT_SCOPE)
    endif()
endfunction()

# The arguments those compilers get: our warnings, and the include folders of everything we link. Folders that a compiler
# searches anyway are left out, since naming them again changes their order.
set(_ironhouse_folders "$<TARGET_PROPERTY:ironhouse,INTERFACE_INCLUDE_DIRECTORIES>")
set(_ironhouse_folders "$<FILTER:${_ironhouse_folders},EXCLUDE,^(${PROJECT_SOURCE_DIR}/include|/usr/include)/?$>")
set(_ironhouse_folders "$<$<BOOL:${_ironhouse_folders}>:-isystem$<JOIN:${_ironhouse_folders},;-isystem>>")
set(IRONHOUSE_COMPILE_LINE
    -std=c++20 ${IRONHOUSE_DEV_FLAGS} -I${PROJECT_SOURCE_DIR}/include -I${PROJECT_SOURCE_DIR}/tests
    ${_ironhouse_folders})

# ironhouse_read_wishes(<prefix> <sources...>): <prefix>_SERIAL, <prefix>_TIMEOUT, <prefix>_LABEL, <prefix>_WITHOUT from
# "// ctest:" comments.
function(ironhouse_read_wishes prefix)
    set(serial FALSE)
    set(timeout 60)
    set(label)
    set(without)
    foreach(source IN LISTS ARGN)
        file(STRINGS ${CMAKE_CURRENT_SOURCE_DIR}/${source} wishes REGEX "^// ctest: ")
        foreach(wish IN LISTS wishes)
            if(wish MATCHES "^// ctest: serial$")
                set(serial TRUE)
            elseif(wish MATCHES "^// ctest: timeout ([0-9]+)$")
                if(CMAKE_MATCH_1 GREATER timeout)
                    set(timeout ${CMAKE_MATCH_1})
                endif()
            elseif(wish MATCHES "^// ctest: label ([a-z]+)$")
                set(label ${CMAKE_MATCH_1})
            elseif(wish MATCHES "^// ctest: without ([a-z]+)$")
                set(without ${CMAKE_MATCH_1})
            else()
                message(FATAL_ERROR "${source}: not understood: ${wish}")
            endif()
        endforeach()
    endforeach()
    set(${prefix}_SERIAL ${serial} PARENT_SCOPE)
    set(${prefix}_TIMEOUT ${timeout} PARENT_SCOPE)
    set(${prefix}_LABEL "${label}" PARENT_SCOPE)
    set(${prefix}_WITHOUT "${without}" PARENT_SCOPE)
endfunction()

# ironhouse_share_headers(<target>): what nearly every test includes is compiled once. Each header is tested alone elsewhere.
# Not in folders that have C as well, where CMake takes the C compiler's name for such files.
function(ironhouse_share_headers target)
    set(of_this_compiler .gch)
    if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
        set(of_this_compiler .pch)
    endif()
    if(NOT CMAKE_PCH_EXTENSION STREQUAL of_this_compiler)
        return()
    endif()
    if(NOT TARGET ironhouse_test_headers)
        file(WRITE ${CMAKE_BINARY_DIR}/ironhouse_test_headers.cpp "")
        add_library(ironhouse_test_headers OBJECT ${CMAKE_BINARY_DIR}/ironhouse_test_headers.cpp)
        target_include_directories(ironhouse_test_headers PRIVATE ${PROJECT_SOURCE_DIR}/tests)
        target_link_libraries(ironhouse_test_headers PRIVATE ironhouse_dev ironhouse_catch)
        target_compile_definitions(ironhouse_test_headers
                                   PRIVATE IRONHOUSE_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
        target_precompile_headers(ironhouse_test_headers PRIVATE <ironhouse/ironhouse.hpp>
                                  ${PROJECT_SOURCE_DIR}/tests/catch.hpp)
    endif()
    target_precompile_headers(${target} REUSE_FROM ironhouse_test_headers)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # What GCC inlines of the standard library is then no system header's any more, and it warns of it.
        target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread
                                                 -Wno-restrict)
    endif()
endfunction()

# ironhouse_test_program(<name> <label> <sources...>): a Catch2 program, each of its test cases a test of its own.
function(ironhouse_test_program name label)
    add_executable(${name} ${ARGN})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(${name} PRIVATE ironhouse_dev ironhouse_catch)
    target_compile_definitions(${name} PRIVATE IRONHOUSE_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
    ironhouse_share_headers(${name})
    ironhouse_read_wishes(wish ${ARGN})
    if(wish_LABEL)
        set(label ${wish_LABEL})
    endif()
    if(TARGET ${label}) # the target that builds all programs of this label
        add_dependencies(${label} ${name})
    endif()
    set(order)
    if(wish_SERIAL)
        set(order ${IRONHOUSE_SERIAL})
    endif()
    set(selection)
    if(wish_WITHOUT)
        set(selection TEST_SPEC ~[${wish_WITHOUT}])
    endif()
    catch_discover_tests(
        ${name} ${selection}
        TEST_PREFIX "${name}: " ${IRONHOUSE_CATCH_ARGUMENTS}
        PROPERTIES LABELS ${label} TIMEOUT ${wish_TIMEOUT} ${order})
endfunction()

# ironhouse_syntax_test(<name> <source> [<compilers>...]): the source passes every compiler found, or those named, with all
# warnings as errors.
function(ironhouse_syntax_test name source)
    set(compilers ${ARGN})
    if(NOT compilers)
        set(compilers ${IRONHOUSE_COMPILERS})
    endif()
    foreach(compiler IN LISTS compilers)
        ironhouse_compiler_name(compiler_name ${compiler})
        add_test(NAME ${name}.${compiler_name} COMMAND ${IRONHOUSE_STANDING_BACK} ${compiler} "${IRONHOUSE_COMPILE_LINE}"
                                                       -fsyntax-only ${source}
                 COMMAND_EXPAND_LISTS)
        set_tests_properties(${name}.${compiler_name} PROPERTIES LABELS headers TIMEOUT 120 ${IRONHOUSE_COMPUTING})
    endforeach()
endfunction()

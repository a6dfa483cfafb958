# SPDX-License-Identifier: MIT
#
# cmake -Dwork=<scratch> -P layers_sees_violations.cmake: layers.cmake accepts a tree that keeps the rules, and refuses
# each tree that breaks one, for that reason.

cmake_minimum_required(VERSION 3.25)

set(head "// SPDX-License-Identifier: MIT\n#pragma once\n\n/// \\file\n/// Layer: any.\n\n")

# tree(<file> <text> [...]): a fresh tree of these headers, each under the usual head, and what layers.cmake says of it.
function(tree)
    file(REMOVE_RECURSE ${work})
    while(ARGN)
        list(POP_FRONT ARGN file text)
        file(WRITE ${work}/include/ironhouse/${file} "${head}${text}\n")
    endwhile()
    execute_process(
        COMMAND ${CMAKE_COMMAND} -Droot=${work} -P ${CMAKE_CURRENT_LIST_DIR}/layers.cmake
        RESULT_VARIABLE result
        OUTPUT_VARIABLE said
        ERROR_VARIABLE said)
    set(result "${result}" PARENT_SCOPE)
    # CMake folds long messages; the reason is looked for in one line.
    string(REGEX REPLACE "[ \n]+" " " said "${said}")
    set(said "${said}" PARENT_SCOPE)
endfunction()

macro(refuses reason)
    tree(${ARGN})
    string(FIND "${said}" "${reason}" at)
    if(result EQUAL 0 OR at EQUAL -1)
        message(FATAL_ERROR "should be refused because it ${reason}; instead (${result}): ${said}")
    endif()
endmacro()

tree(core/a.hpp "#define HERE 1\n#undef HERE\n#define IRONHOUSE_ABI v1" socket/b.hpp
     "#include <ironhouse/core/a.hpp>\n#include <zmq.h>" detail/c.hpp "#include <ironhouse/socket/b.hpp>")
if(NOT result EQUAL 0)
    message(FATAL_ERROR "a tree that keeps the rules was refused: ${said}")
endif()

refuses("a layer below its own" socket/b.hpp "//" core/a.hpp "#include <ironhouse/socket/b.hpp>")
refuses("the door only a user opens" insecure.hpp "//" core/a.hpp "#include <ironhouse/insecure.hpp>")
refuses("the door only a user opens" insecure.hpp "//" ironhouse.hpp "#include <ironhouse/insecure.hpp>")
refuses("includes the umbrella" ironhouse.hpp "//" core/a.hpp "#include <ironhouse/ironhouse.hpp>")
refuses("which does not exist" core/a.hpp "#include <ironhouse/core/gone.hpp>")
refuses("by quotes" core/b.hpp "//" core/a.hpp "#include \"b.hpp\"")
refuses("which is no layer" misc/a.hpp "//")
refuses("leaves macros behind: HERE" core/a.hpp "#define HERE 1")
refuses("imports a whole namespace" core/a.hpp "using namespace std$<SEMICOLON>")
refuses("is no header" core/a.hpp "//" core/a.txt "//")

file(WRITE ${work}/include/ironhouse/core/a.hpp "#pragma once\n")
execute_process(
    COMMAND ${CMAKE_COMMAND} -Droot=${work} -P ${CMAKE_CURRENT_LIST_DIR}/layers.cmake
    RESULT_VARIABLE result
    OUTPUT_VARIABLE said
    ERROR_VARIABLE said)
if(result EQUAL 0)
    message(FATAL_ERROR "a header without licence was accepted")
endif()
file(REMOVE_RECURSE ${work})

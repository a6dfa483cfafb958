# SPDX-License-Identifier: MIT
#
# cmake -Dbench=<program> -Dwork=<scratch> -P instructions.cmake: a message costs at most its bar, counted by a quick run of
# the benchmarks, and the figures are written as promised.

cmake_minimum_required(VERSION 3.25)

set(rows instructions-32B instructions-1KiB)
set(file ${work}/instructions.json)
file(REMOVE ${file})
list(TRANSFORM rows PREPEND "--only;" OUTPUT_VARIABLE only)
execute_process(COMMAND ${bench} --quick ${only} --json ${file} RESULT_VARIABLE result OUTPUT_VARIABLE said ERROR_VARIABLE said)
message("${said}")
if(NOT result EQUAL 0)
    message(FATAL_ERROR "the run ended with ${result}; 1 means that a bar is not held")
endif()

file(READ ${file} text)
string(JSON count LENGTH "${text}" rows)
list(LENGTH rows wanted)
if(NOT count EQUAL wanted)
    message(FATAL_ERROR "asked for ${wanted} rows, got ${count}:\n${text}")
endif()
math(EXPR last "${count} - 1")
foreach(i RANGE ${last})
    string(JSON id GET "${text}" rows ${i} id)
    list(GET rows ${i} expected)
    if(NOT id STREQUAL expected)
        message(FATAL_ERROR "row ${i} is ${id}, not ${expected}")
    endif()
    foreach(field IN ITEMS value baseline ratio bar)
        string(JSON type TYPE "${text}" rows ${i} ${field})
        if(NOT type STREQUAL "NUMBER")
            message(FATAL_ERROR "${id}: ${field} is ${type}, not a number")
        endif()
    endforeach()
    string(JSON type TYPE "${text}" rows ${i} held)
    string(JSON held GET "${text}" rows ${i} held)
    if(NOT type STREQUAL "BOOLEAN" OR NOT held)
        message(FATAL_ERROR "${id}: held is ${held}, though the run found every bar held")
    endif()
endforeach()

# What cannot be asked is said, and is no measurement.
execute_process(COMMAND ${bench} --only no-such-row RESULT_VARIABLE result OUTPUT_QUIET ERROR_QUIET)
if(result EQUAL 0 OR result EQUAL 1)
    message(FATAL_ERROR "a row that does not exist ended with ${result}")
endif()

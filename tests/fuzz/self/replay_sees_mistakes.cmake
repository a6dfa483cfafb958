# SPDX-License-Identifier: MIT
#
# A replay must fail when a promise is broken, by the first input that breaks it, and when there is nothing to replay.

cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work}/corpus)

function(run)
    execute_process(COMMAND ${replay} ${work}/corpus RESULT_VARIABLE result OUTPUT_VARIABLE said ERROR_VARIABLE said)
    set(result "${result}" PARENT_SCOPE)
    set(said "${said}" PARENT_SCOPE)
endfunction()

run()
if(result STREQUAL "0")
    message(FATAL_ERROR "an empty corpus passes:\n${said}")
endif()

file(WRITE ${work}/corpus/harmless "< and >")
run()
if(NOT result STREQUAL "0" OR NOT said MATCHES "1 files, 8 runs")
    message(FATAL_ERROR "an input that breaks nothing does not pass (${result}):\n${said}")
endif()

file(WRITE ${work}/corpus/breaking "whole<>, and cut after six bytes")
run()
if(result STREQUAL "0" OR NOT said MATCHES "broken promise: no input holds these two")
    message(FATAL_ERROR "a broken promise is not noticed (${result}):\n${said}")
endif()
file(REMOVE_RECURSE ${work})

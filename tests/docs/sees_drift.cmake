# SPDX-License-Identifier: MIT
#
# cmake -Droot=<repository> -Dwork=<scratch> -P sees_drift.cmake: check_readme.cmake notices each kind of drift.

cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE ${work})
file(READ ${root}/README.md text)

function(notices from to reason)
    string(REPLACE "${from}" "${to}" changed "${text}")
    if(changed STREQUAL text)
        message(FATAL_ERROR "the README has no '${from}' to change")
    endif()
    file(WRITE ${work}/README.md "${changed}")
    execute_process(
        COMMAND ${CMAKE_COMMAND} -Droot=${root} -Dreadme=${work}/README.md -P
                ${CMAKE_CURRENT_LIST_DIR}/check_readme.cmake
        RESULT_VARIABLE result
        OUTPUT_VARIABLE said
        ERROR_VARIABLE said)
    string(REGEX REPLACE "[ \n]+" " " said "${said}")
    string(FIND "${said}" "${reason}" at)
    if(result EQUAL 0 OR at EQUAL -1)
        message(FATAL_ERROR "'${to}' should be noticed because ${reason}; instead (${result}): ${said}")
    endif()
endfunction()

notices("one thousand widgets" "two thousand widgets" "does not stand like this in examples/01-hello-curve/client.cpp")
notices("<!-- examples/01-hello-curve/server.cpp -->" "" "does not say which file it is from")
notices("examples/01-hello-curve/keys.cpp -->" "examples/01-hello-curve/locks.cpp -->" "which does not exist")
notices("the keyring of those who may come in`" "the keyring of everybody`"
        "no header says: curve_server leaves out .clients")
notices("](docs/threat-model.md)" "](docs/threats.md)" "links to docs/threats.md")

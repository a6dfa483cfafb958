# SPDX-License-Identifier: MIT
#
# Builds and runs the consumer: how=installed installs the library first and compares what was installed with the disk;
# how=subdirectory takes the tree in as a subproject.

cmake_minimum_required(VERSION 3.25)

function(step what)
    execute_process(
        COMMAND ${ARGN}
        RESULT_VARIABLE result
        OUTPUT_VARIABLE said
        ERROR_VARIABLE said)
    if(NOT result EQUAL 0)
        message(FATAL_ERROR "${what} failed (${result}):\n${said}")
    endif()
    set(said "${said}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${work})
if(how STREQUAL "installed")
    step("installing" ${CMAKE_COMMAND} --install ${built} --prefix ${work}/prefix)
    file(GLOB_RECURSE installed RELATIVE ${work}/prefix/include ${work}/prefix/include/*)
    file(GLOB_RECURSE on_disk RELATIVE ${root}/include ${root}/include/*)
    if(NOT installed STREQUAL on_disk)
        set(missing ${on_disk})
        list(REMOVE_ITEM missing ${installed})
        list(REMOVE_ITEM installed ${on_disk})
        message(FATAL_ERROR "not installed: ${missing}; installed, but not in the tree: ${installed}")
    endif()
    set(where -DCMAKE_PREFIX_PATH=${work}/prefix)
else()
    set(where -DIRONHOUSE_TREE=${root})
endif()

step("configuring" ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${work}/build -G ${generator}
     -DCMAKE_CXX_COMPILER=${compiler} -DCMAKE_CXX_FLAGS=${flags} -DCMAKE_BUILD_TYPE=Debug ${where})
step("building" ${CMAKE_COMMAND} --build ${work}/build)
step("running" ${work}/build/consumer)
message(STATUS "${said}")
file(REMOVE_RECURSE ${work})

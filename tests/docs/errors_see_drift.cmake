# SPDX-License-Identifier: MIT
#
# cmake -Droot=<repository> -Dwork=<scratch> -P errors_see_drift.cmake: check_errors.cmake and reference_pages.cmake notice
# each kind of drift.

cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE ${work})
file(COPY ${root}/docs/errors DESTINATION ${work})
file(COPY ${root}/docs/reference DESTINATION ${work})

function(judge reason)
    execute_process(
        COMMAND ${CMAKE_COMMAND} -Droot=${root} -Dpages=${work}/${folder} ${ARGN}
        RESULT_VARIABLE result
        OUTPUT_VARIABLE said
        ERROR_VARIABLE said)
    string(REGEX REPLACE "[ \n]+" " " said "${said}")
    string(FIND "${said}" "${reason}" at)
    if(result EQUAL 0 OR at EQUAL -1)
        message(FATAL_ERROR "should be noticed because ${reason}; instead (${result}): ${said}")
    endif()
endfunction()

# notices(<page> <from> <to> <reason>)
function(notices page from to reason)
    file(READ ${work}/${page} text)
    string(REPLACE "${from}" "${to}" changed "${text}")
    if(changed STREQUAL text)
        message(FATAL_ERROR "${page} has no '${from}' to change")
    endif()
    file(WRITE ${work}/${page} "${changed}")
    cmake_path(GET page PARENT_PATH folder)
    if(folder MATCHES "^errors")
        judge("${reason}" -P ${CMAKE_CURRENT_LIST_DIR}/check_errors.cmake)
    else()
        set(folder reference)
        judge("${reason}" -Dcheck=ON -P ${root}/cmake/reference_pages.cmake)
    endif()
    file(WRITE ${work}/${page} "${text}")
endfunction()

set(page errors/zero_is_not_a_limit.md)
notices(${page} "= 0_messages" "= 1_messages" "shows other code than limit_is_never_zero has")
set(listed "- `0 is not a limit: libzmq reads it as no limit at all`")
notices(${page} "${listed}" "- `0 is no limit`" "no page is about: 0 is not a limit")
notices(${page} "${listed}" "- `0 is no limit`" "is about what no header says: 0 is no limit")
notices(${page} "/limit_is_never_zero.cpp)" "/limit_is_never_one.cpp)" "limit_is_never_one.cpp, which does not exist")
notices(${page} "/limit_is_never_zero.cpp)" "/limit_is_never_negative.cpp)"
        "no page that names limit_is_never_zero says: 0 is not a limit")
notices(${page} "/limit_is_never_zero.cpp)" "/limit_is_never_negative.cpp)"
        "names limit_is_never_negative, which is refused for other reasons")
notices(${page} "<!-- clang 14: " "<!-- clang 15: " "does not quote clang 14 on limit_is_never_zero 2")
notices(${page} "## Meaning" "## Sense" "has no '## Meaning'")
notices(errors/README.md "](zero_is_not_a_limit.md)" "](zero.md)" "README.md does not list every diagnostic")
notices(errors/run-time.md "`is outside`" "`is beside`" "quotes what no header says: is beside")

notices(reference/core/units.md "| `frames` |" "| `lines` |" "shows other names than core/units.hpp declares")
notices(reference/core/units.md "tests/unit/core/units.cpp)" "tests/unit/core/unit.cpp)"
        "does not link tests/unit/core/units.cpp")
notices(reference/keys/README.md "](keypair.md)" "](pair.md)" "does not link keypair.md")
notices(reference/keys/README.md "certificate::generate(\"server\")" "certificate::generate(\"s\")"
        "shows code that does not stand like this")
notices(reference/socket/socket.md "<!-- also: detail/socket_core.hpp -->" ""
        "no page is <!-- also: detail/socket_core.hpp -->")

foreach(gone IN ITEMS errors/sendable.md reference/core/units.md)
    file(READ ${work}/${gone} text)
    file(REMOVE ${work}/${gone})
    if(gone MATCHES "^errors")
        set(folder errors)
        judge("no page that names thread_shares_socket says: sendable" -P ${CMAKE_CURRENT_LIST_DIR}/check_errors.cmake)
    else()
        set(folder reference)
        judge("core/units.hpp has no page" -Dcheck=ON -P ${root}/cmake/reference_pages.cmake)
    endif()
    file(WRITE ${work}/${gone} "${text}")
endforeach()

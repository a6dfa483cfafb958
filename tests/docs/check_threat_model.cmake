# SPDX-License-Identifier: MIT
#
# cmake -Droot=<repository> -P check_threat_model.cmake: every header, test and gauntlet row that docs/threat-model.md
# names is there, and so is every threat of the table of contents below.

cmake_minimum_required(VERSION 3.25)

file(READ ${root}/docs/threat-model.md text)
string(REPLACE ";" "," text "${text}")
string(REPLACE "[" "(" text "${text}")
string(REPLACE "]" ")" text "${text}")

set(wrong)
set(named 0)
string(REGEX MATCHALL "(unit|wire|interop|tools|fuzz|must_not_compile|data|core|keys|security|sentry|socket|threads|detail)/[a-z0-9_/.]*[a-z0-9_]"
                      paths "${text}")
foreach(path IN LISTS paths)
    math(EXPR named "${named} + 1")
    if(path MATCHES "[.]hpp$")
        set(file ${root}/include/ironhouse/${path})
    elseif(path MATCHES "^must_not_compile/")
        set(file ${root}/tests/${path}.cpp)
    else()
        set(file ${root}/tests/${path})
    endif()
    if(NOT EXISTS ${file})
        string(APPEND wrong "there is no ${path}\n")
    endif()
endforeach()

file(READ ${root}/gauntlet/attacks.cpp attacks)
string(REGEX MATCHALL "gauntlet( `[A-Za-z0-9-]+`,?)+" rows "${text}")
foreach(row IN LISTS rows)
    string(REGEX MATCHALL "`[^`]+`" ids "${row}")
    foreach(id IN LISTS ids)
        math(EXPR named "${named} + 1")
        string(REPLACE "`" "\"" id "${id}")
        string(FIND "${attacks}" "${id}" at)
        if(at EQUAL -1)
            string(APPEND wrong "the gauntlet has no row ${id}\n")
        endif()
    endforeach()
endforeach()

foreach(threat IN ITEMS M1.1 M1.2 M1.3 M1.5 M2.2 M2.3 M2.4 T1.1 T3.1 T3.2 T3.4 T4.1 T4.2 T5.1 T6.1 T7.1 T7.2 T8.1 T8.2 B1 B2 B3 B4 B7 B8 B9 B10)
    if(NOT text MATCHES "\n\\| ([A-Z0-9., ]+, )?${threat}(, [^|]+)? \\|")
        string(APPEND wrong "no row is about ${threat}\n")
    endif()
endforeach()

if(wrong)
    message(FATAL_ERROR "docs/threat-model.md:\n${wrong}")
endif()
message(STATUS "${named} names")

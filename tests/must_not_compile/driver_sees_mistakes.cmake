# SPDX-License-Identifier: MIT
#
# cmake "-Dcompile=<compiler;flags...>" -Dwork=<scratch> -P driver_sees_mistakes.cmake: expect_rejection.cmake accepts a
# case that proves something, and refuses each that does not, for that reason.

cmake_minimum_required(VERSION 3.25)

cmake_path(SET driver NORMALIZE ${CMAKE_CURRENT_LIST_DIR}/../../cmake/expect_rejection.cmake)
file(REMOVE_RECURSE ${work})

# judge(<text>): what the driver makes of a case with this text.
function(judge text)
    file(WRITE ${work}/no_such_reason.cpp "${text}")
    execute_process(
        COMMAND ${CMAKE_COMMAND} "-Dcompile=${compile}" -Dcase=${work}/no_such_reason.cpp ${pages} -P ${driver}
        RESULT_VARIABLE result
        OUTPUT_VARIABLE said
        ERROR_VARIABLE said)
    set(result "${result}" PARENT_SCOPE)
    # CMake folds long messages; the reason is looked for in one line.
    string(REGEX REPLACE "[ \n]+" " " said "${said}")
    set(said "${said}" PARENT_SCOPE)
endfunction()

macro(accepts text)
    judge("${text}")
    if(NOT result EQUAL 0)
        message(FATAL_ERROR "a sound case was refused (${result}): ${said}\n${text}")
    endif()
endmacro()

macro(refuses reason text)
    judge("${text}")
    string(FIND "${said}" "${reason}" at)
    if(result EQUAL 0 OR at EQUAL -1)
        message(FATAL_ERROR "should be refused because ${reason}; instead (${result}): ${said}\n${text}")
    endif()
endmacro()

# Two reasons, in a header, since a reason in the case itself would prove nothing.
file(WRITE ${work}/promise.hpp "
template <int> inline constexpr bool none = false;
template <int N> void odd() { static_assert(none<N>, \"the [odd] reason; given\"); }
template <int N> void even() { static_assert(none<N>, \"the even reason\"); }
")
set(claim "// CLAIM:  something.\n")
set(odd "// EXPECT: the [odd] reason; given\n")
set(include "#include \"promise.hpp\"\n")
set(one "#ifdef VIOLATE\nvoid f() { odd<1>(); }\n#endif\n")
set(two "#if VIOLATE == 1\nvoid f() { odd<1>(); }\n#elif VIOLATE == 2\nvoid f() { even<2>(); }\n#endif\n")
set(both "// EXPECT 1: the [odd] reason; given\n// EXPECT 2: the even reason\n")

accepts("${claim}${odd}${include}${one}")
accepts("${claim}${both}${include}${two}")
accepts("${claim}${both}// EXPECT 2: error\n${include}${two}")
refuses("the control does not build" "${claim}${odd}${include}${one}int broken = no_such_name\;\n")
refuses("violation 1 compiles" "${claim}${odd}${include}#ifdef VIOLATE\n#endif\n")
refuses("violation 1 is refused, but not because of 'the even reason'"
        "${claim}// EXPECT: the even reason\n${include}${one}")
refuses("violation 2 is refused, but not because of 'the [odd] reason; given'"
        "${claim}// EXPECT 1: the [odd] reason; given\n// EXPECT 2: the [odd] reason; given\n${include}${two}")
refuses("violation 2 is refused, but not because of 'missing too'"
        "${claim}${both}// EXPECT 2: missing too\n${include}${two}")
refuses("violation 1 is refused, but not because of 'no_such_reason.cpp'"
        "${claim}// EXPECT: no_such_reason.cpp\n${include}${one}")
refuses("exactly one CLAIM" "${odd}${include}${one}")
refuses("exactly one CLAIM" "${claim}${claim}${odd}${include}${one}")
refuses("no EXPECT line" "${claim}${include}${one}")
refuses("not understood" "${claim}// EXPECT:\n${include}${one}")
refuses("number every EXPECT line, or none" "${claim}${odd}// EXPECT 2: the even reason\n${include}${two}")
refuses("but its code has 1" "${claim}${both}${include}${one}")
refuses("but its code has 1;2" "${claim}${odd}${include}${two}")
refuses("stands in the case's own code"
        "${claim}// EXPECT: void f\n${include}#ifdef VIOLATE\nvoid f() { odd<1>()\; }\n#endif\n")

# What a page quotes is what the compiler says.
include(${CMAKE_CURRENT_LIST_DIR}/../../cmake/error_pages.cmake)
error_page_compiler(speaker "${compile}")
function(quote words)
    file(WRITE ${work}/pages/page.md "<!-- ${speaker}: no_such_reason 1 -->\n```text\n${words}```\n")
endfunction()
set(pages -Dpages=${work}/pages)
quote("promise.hpp: error: another reason\n")
refuses("page.md quotes other words" "${claim}${odd}${include}${one}")
string(REGEX MATCH "says: (.*)$" told "${said}")
if(NOT told MATCHES "promise.hpp: error: .*the .odd. reason" OR told MATCHES "promise.hpp:[0-9]")
    message(FATAL_ERROR "the compiler's words are not brought into the form of a page: ${said}")
endif()

file(REMOVE_RECURSE ${work})

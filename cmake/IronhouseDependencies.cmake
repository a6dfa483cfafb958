# SPDX-License-Identifier: MIT
#
# Finds libzmq, cppzmq and libsodium however this system ships them, and gives each one name. Used by the build and by
# the installed package, so that both find the same things. Touches no network.

# A project that takes Ironhouse in with add_subdirectory links these from its own directories.
set(_ironhouse_targets_global "${CMAKE_FIND_PACKAGE_TARGETS_GLOBAL}")
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)

find_package(PkgConfig QUIET)
set(_ironhouse_missing)

# libzmq: its own package files, or pkg-config where a distribution leaves those out.
if(NOT TARGET ironhouse::libzmq)
    find_package(ZeroMQ CONFIG QUIET)
    if(TARGET libzmq)
        set(_ironhouse_zmq libzmq)
    elseif(TARGET libzmq-static)
        set(_ironhouse_zmq libzmq-static)
    elseif(PKG_CONFIG_FOUND)
        pkg_check_modules(IRONHOUSE_LIBZMQ QUIET IMPORTED_TARGET GLOBAL libzmq)
        if(TARGET PkgConfig::IRONHOUSE_LIBZMQ)
            set(_ironhouse_zmq PkgConfig::IRONHOUSE_LIBZMQ)
        endif()
    endif()
    if(_ironhouse_zmq)
        add_library(ironhouse::libzmq INTERFACE IMPORTED GLOBAL)
        target_link_libraries(ironhouse::libzmq INTERFACE ${_ironhouse_zmq})
    else()
        list(APPEND _ironhouse_missing
             "libzmq was not found (Debian: libzmq3-dev), neither as a CMake package nor by pkg-config")
    endif()
endif()

# cppzmq: one header; its package files where there are any.
if(NOT TARGET ironhouse::cppzmq)
    if(TARGET ironhouse::libzmq) # cppzmq's own package files end the configuration where libzmq is missing
        find_package(cppzmq CONFIG QUIET)
    endif()
    if(TARGET cppzmq)
        add_library(ironhouse::cppzmq INTERFACE IMPORTED GLOBAL)
        target_link_libraries(ironhouse::cppzmq INTERFACE cppzmq)
    else()
        find_path(IRONHOUSE_CPPZMQ_INCLUDE_DIR zmq.hpp)
        mark_as_advanced(IRONHOUSE_CPPZMQ_INCLUDE_DIR)
        if(IRONHOUSE_CPPZMQ_INCLUDE_DIR)
            add_library(ironhouse::cppzmq INTERFACE IMPORTED GLOBAL)
            target_include_directories(ironhouse::cppzmq INTERFACE ${IRONHOUSE_CPPZMQ_INCLUDE_DIR})
        else()
            list(APPEND _ironhouse_missing
                 "cppzmq was not found (Debian: cppzmq-dev): no CMake package and no zmq.hpp")
        endif()
    endif()
endif()

# libsodium: pkg-config, or the name vcpkg gives it.
if(NOT TARGET ironhouse::libsodium)
    if(PKG_CONFIG_FOUND)
        pkg_check_modules(IRONHOUSE_LIBSODIUM QUIET IMPORTED_TARGET GLOBAL libsodium)
    endif()
    if(TARGET PkgConfig::IRONHOUSE_LIBSODIUM)
        set(_ironhouse_sodium PkgConfig::IRONHOUSE_LIBSODIUM)
    else()
        find_package(unofficial-sodium CONFIG QUIET)
        if(TARGET unofficial-sodium::sodium)
            set(_ironhouse_sodium unofficial-sodium::sodium)
        endif()
    endif()
    if(_ironhouse_sodium)
        add_library(ironhouse::libsodium INTERFACE IMPORTED GLOBAL)
        target_link_libraries(ironhouse::libsodium INTERFACE ${_ironhouse_sodium})
    else()
        list(APPEND _ironhouse_missing
             "libsodium was not found (Debian: libsodium-dev), neither by pkg-config nor from vcpkg")
    endif()
endif()

find_package(Threads QUIET)
if(NOT Threads_FOUND)
    list(APPEND _ironhouse_missing "no threads library was found, or the project enables neither C nor C++")
endif()

# All that is missing at once, with what to install. Whoever called find_package decides whether that ends the
# configuration; for a build it is the end.
if(_ironhouse_missing)
    list(JOIN _ironhouse_missing "; " _ironhouse_missing)
    if(_ironhouse_is_a_package)
        set(ironhouse_FOUND FALSE)
        set(ironhouse_NOT_FOUND_MESSAGE "${_ironhouse_missing}")
    else()
        message(FATAL_ERROR "Ironhouse: ${_ironhouse_missing}")
    endif()
endif()

set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL "${_ironhouse_targets_global}")
unset(_ironhouse_targets_global)
unset(_ironhouse_zmq)
unset(_ironhouse_sodium)
unset(_ironhouse_missing)

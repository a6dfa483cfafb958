# SPDX-License-Identifier: MIT
#
# Debian packages, by `cpack` in the build folder: ironhouse-dev (all architectures) from the component "dev", and
# ironhouse-tools from the component "tools" where the command was built.

find_program(IRONHOUSE_GZIP gzip)
mark_as_advanced(IRONHOUSE_GZIP)
if(NOT IRONHOUSE_GZIP)
    message(STATUS "Ironhouse: no Debian packages, since gzip is not installed")
    return()
endif()

set(_ironhouse_packages dev)
if(TARGET ironhouse_tool)
    list(APPEND _ironhouse_packages tools)
endif()

# What Debian's policy wants under /usr/share/doc of each package. Left out of a plain `cmake --install`.
set(_ironhouse_debian ${PROJECT_SOURCE_DIR}/packaging/debian)
set(_ironhouse_debian_built ${PROJECT_BINARY_DIR}/debian)
file(MAKE_DIRECTORY ${_ironhouse_debian_built})

# compress(<file> <to>): as gzip -9n, which writes neither name nor time and so the same bytes every time.
function(compress file to)
    execute_process(COMMAND ${IRONHOUSE_GZIP} -9nc INPUT_FILE ${file} OUTPUT_FILE ${to} COMMAND_ERROR_IS_FATAL ANY)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
endfunction()
compress(${_ironhouse_debian}/changelog ${_ironhouse_debian_built}/changelog.Debian.gz)
compress(${PROJECT_SOURCE_DIR}/CHANGELOG.md ${_ironhouse_debian_built}/changelog.gz)
foreach(component IN LISTS _ironhouse_packages)
    install(FILES ${_ironhouse_debian}/copyright ${_ironhouse_debian_built}/changelog.Debian.gz
                  ${_ironhouse_debian_built}/changelog.gz
            DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/ironhouse-${component}
            COMPONENT ${component} EXCLUDE_FROM_ALL)
endforeach()
if(TARGET ironhouse_tool)
    compress(${PROJECT_SOURCE_DIR}/packaging/ironhouse.1 ${_ironhouse_debian_built}/ironhouse.1.gz)
    # The one file that policy wants compressed; packages take it instead of the plain one.
    install(FILES ${_ironhouse_debian_built}/ironhouse.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT tools
            EXCLUDE_FROM_ALL)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_PACKAGE_NAME ironhouse)
# Policy wants an address. Who distributes the packages gives their own: cpack -D CPACK_PACKAGE_CONTACT=...
if(NOT CPACK_PACKAGE_CONTACT)
    set(CPACK_PACKAGE_CONTACT "The Ironhouse authors <ironhouse@localhost.localdomain>")
endif()
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL ${_ironhouse_packages})
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS # whatever the umask
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_DEV_PACKAGE_NAME ironhouse-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libzmq3-dev, cppzmq-dev, libsodium-dev")
set(CPACK_DEBIAN_DEV_PACKAGE_SUGGESTS "ironhouse-tools, pkg-config, cmake")
set(CPACK_DEBIAN_DEV_DESCRIPTION
    "A header-only C++20 library over cppzmq, libzmq and libsodium. A program
that leaves out a key, a queue limit, a size limit or an owner does not
compile, and one that compiles keeps its promises while it is under attack.
.
This package holds the headers, and what CMake and pkg-config need to
find them.")

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME ironhouse-tools)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_TOOLS_DESCRIPTION
    "The command ironhouse makes and shows key files that CZMQ and pyzmq read as
well, prepares what an external client needs, finds out whether an endpoint
really enforces CURVE, and tells which known weaknesses apply to the
installed libzmq.")

include(CPack)

# SPDX-License-Identifier: MIT
#
# Headers, what find_package(ironhouse) and pkg-config read, and documentation: the component "dev". Nothing of it depends on
# the machine or on where it lies, so that an installed tree can be moved. The command is the component "tools".

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(_ironhouse_package_dir ${CMAKE_INSTALL_DATADIR}/cmake/ironhouse)

install(TARGETS ironhouse EXPORT ironhouse FILE_SET HEADERS COMPONENT dev)
install(EXPORT ironhouse NAMESPACE ironhouse:: FILE ironhouse-targets.cmake DESTINATION ${_ironhouse_package_dir}
        COMPONENT dev)

configure_package_config_file(
    ${CMAKE_CURRENT_SOURCE_DIR}/cmake/ironhouse-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/ironhouse-config.cmake
    INSTALL_DESTINATION ${_ironhouse_package_dir}
    NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# Before 1.0 every minor version may change names.
write_basic_package_version_file(
    ${CMAKE_CURRENT_BINARY_DIR}/ironhouse-config-version.cmake
    COMPATIBILITY SameMinorVersion
    ARCH_INDEPENDENT)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ironhouse-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/ironhouse-config-version.cmake
              ${CMAKE_CURRENT_SOURCE_DIR}/cmake/IronhouseDependencies.cmake
        DESTINATION ${_ironhouse_package_dir}
        COMPONENT dev)

# --- pkg-config -------------------------------------------------------------------------------------------------------

# From where the .pc file lies to the prefix, so that the tree can be moved. A folder outside the prefix stays where it is.
set(_ironhouse_pc_dir ${CMAKE_INSTALL_DATADIR}/pkgconfig)
file(RELATIVE_PATH IRONHOUSE_PC_UP /prefix/${_ironhouse_pc_dir} /prefix)
string(REGEX REPLACE "/$" "" IRONHOUSE_PC_UP "${IRONHOUSE_PC_UP}")
set(IRONHOUSE_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
    set(IRONHOUSE_PC_INCLUDEDIR "${CMAKE_INSTALL_INCLUDEDIR}")
endif()

# cppzmq is one header. Where its .pc file is missing, as in some distributions, nothing needs to be said if compilers find
# the header anyway, and its folder otherwise.
set(IRONHOUSE_PC_REQUIRES "libzmq >= 4.3, libsodium")
set(IRONHOUSE_PC_CFLAGS "-I\${includedir}")
if(PKG_CONFIG_FOUND)
    pkg_check_modules(_IRONHOUSE_CPPZMQ_PC QUIET cppzmq)
endif()
if(_IRONHOUSE_CPPZMQ_PC_FOUND)
    string(APPEND IRONHOUSE_PC_REQUIRES ", cppzmq")
elseif(IRONHOUSE_CPPZMQ_INCLUDE_DIR AND NOT IRONHOUSE_CPPZMQ_INCLUDE_DIR IN_LIST
                                        CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
    string(APPEND IRONHOUSE_PC_CFLAGS " -I${IRONHOUSE_CPPZMQ_INCLUDE_DIR}")
endif()
list(TRANSFORM CMAKE_DL_LIBS PREPEND "-l" OUTPUT_VARIABLE _ironhouse_pc_libs)
list(JOIN _ironhouse_pc_libs " " _ironhouse_pc_libs)
string(STRIP "${_ironhouse_pc_libs} -pthread" IRONHOUSE_PC_LIBS)

configure_file(cmake/ironhouse.pc.in ${CMAKE_CURRENT_BINARY_DIR}/ironhouse.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ironhouse.pc DESTINATION ${_ironhouse_pc_dir} COMPONENT dev)

# --- documentation and licence ----------------------------------------------------------------------------------------

# Not CMAKE_INSTALL_DOCDIR, which is the outer project's where there is one.
set(_ironhouse_doc_dir ${CMAKE_INSTALL_DATAROOTDIR}/doc/ironhouse)
install(FILES README.md CHANGELOG.md SECURITY.md DESTINATION ${_ironhouse_doc_dir} COMPONENT dev)
install(DIRECTORY docs DESTINATION ${_ironhouse_doc_dir} COMPONENT dev FILES_MATCHING PATTERN "*.md")
# Not in Debian's packages, which have a file "copyright" instead.
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/ironhouse COMPONENT licence)
if(TARGET ironhouse_tool)
    # Packages have it compressed.
    install(FILES packaging/ironhouse.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT manual)
endif()

# SPDX-License-Identifier: MIT
#
# Headers, and what find_package(ironhouse) reads.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(_ironhouse_package_dir ${CMAKE_INSTALL_DATADIR}/cmake/ironhouse)

install(TARGETS ironhouse EXPORT ironhouse FILE_SET HEADERS)
install(EXPORT ironhouse NAMESPACE ironhouse:: FILE ironhouse-targets.cmake DESTINATION ${_ironhouse_package_dir})

configure_package_config_file(
    ${CMAKE_CURRENT_SOURCE_DIR}/cmake/ironhouse-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/ironhouse-config.cmake
    INSTALL_DESTINATION ${_ironhouse_package_dir}
    NO_SET_AND_CHECK_MACRO)
# Before 1.0 every minor version may change names.
write_basic_package_version_file(
    ${CMAKE_CURRENT_BINARY_DIR}/ironhouse-config-version.cmake
    COMPATIBILITY SameMinorVersion
    ARCH_INDEPENDENT)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ironhouse-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/ironhouse-config-version.cmake
              ${CMAKE_CURRENT_SOURCE_DIR}/cmake/IronhouseDependencies.cmake
        DESTINATION ${_ironhouse_package_dir})
install(FILES ${CMAKE_CURRENT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/ironhouse)

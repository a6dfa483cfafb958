# SPDX-License-Identifier: MIT
#
# Builds and runs a program against Ironhouse, however it comes:
#   how=installed      find_package, from an installed tree that was moved after it was installed
#   how=pkg_config     the compiler and what pkg-config says, from that tree
#   how=subdirectory   add_subdirectory
#   how=fetch_content  FetchContent, from a local copy
#   how=debian         find_package, from the unpacked Debian packages
#   how=asked          no program: what find_package says to wrong versions, components, and where something is missing

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

# The tree as it was installed, then moved: nothing in it may point to where it was built or first put.
function(install_and_move)
    step("installing" ${CMAKE_COMMAND} --install ${built} --prefix ${work}/first)
    file(RENAME ${work}/first ${work}/prefix)
    file(GLOB_RECURSE files ${work}/prefix/share/*)
    foreach(file IN LISTS files)
        file(READ ${file} text)
        foreach(folder IN ITEMS ${root} ${built} ${work})
            string(FIND "${text}" "${folder}/" at)
            if(NOT at EQUAL -1)
                message(FATAL_ERROR "${file} points to ${folder}")
            endif()
        endforeach()
    endforeach()
    if(tool AND NOT EXISTS ${work}/prefix/bin/ironhouse)
        message(FATAL_ERROR "the command was built, but not installed")
    endif()
endfunction()

# The headers below a prefix are those of the tree.
function(compare_headers include)
    file(GLOB_RECURSE installed RELATIVE ${include} ${include}/*)
    file(GLOB_RECURSE on_disk RELATIVE ${root}/include ${root}/include/*)
    if(NOT installed STREQUAL on_disk)
        set(missing ${on_disk})
        list(REMOVE_ITEM missing ${installed})
        list(REMOVE_ITEM installed ${on_disk})
        message(FATAL_ERROR "not installed: ${missing}; installed, but not in the tree: ${installed}")
    endif()
endfunction()

function(run program)
    step("running" ${program})
    if(NOT said STREQUAL "as installed\n")
        message(FATAL_ERROR "${program} says: ${said}")
    endif()
endfunction()

# Configures, builds and runs the project beside this file, with further arguments for the configuration.
function(build_with_cmake)
    step("configuring" ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${work}/build -G ${generator}
         -DCMAKE_CXX_COMPILER=${compiler} -DCMAKE_CXX_FLAGS=${flags} -DCMAKE_BUILD_TYPE=Debug ${ARGN})
    step("building" ${CMAKE_COMMAND} --build ${work}/build)
    run(${work}/build/consumer)
    # A library that comes along with a program is none of what the program installs.
    step("installing the program" ${CMAKE_COMMAND} --install ${work}/build --prefix ${work}/theirs)
    file(GLOB_RECURSE theirs RELATIVE ${work}/theirs ${work}/theirs/*)
    if(NOT theirs STREQUAL "bin/consumer")
        message(FATAL_ERROR "a program that uses Ironhouse installs ${theirs}")
    endif()
endfunction()

# Asks pkg-config about a tree and builds without CMake, as its manual says.
function(build_with_pkg_config prefix)
    set(ENV{PKG_CONFIG_PATH} ${prefix}/share/pkgconfig)
    step("asking pkg-config" ${pkg_config} --print-errors --modversion ironhouse)
    if(NOT said STREQUAL "${version}\n")
        message(FATAL_ERROR "pkg-config knows version ${said} instead of ${version}")
    endif()
    step("asking pkg-config" ${pkg_config} --cflags --libs ironhouse)
    separate_arguments(told UNIX_COMMAND "${said}")
    separate_arguments(compiler_flags NATIVE_COMMAND "${flags}")
    file(MAKE_DIRECTORY ${work})
    step("compiling" ${compiler} ${compiler_flags} -std=c++20 ${CMAKE_CURRENT_LIST_DIR}/main.cpp -o ${work}/consumer
         ${told})
    run(${work}/consumer)

    # The standard is the program's choice, so it can be forgotten: that is said first, before all that follows from it.
    execute_process(
        COMMAND ${compiler} ${compiler_flags} -std=c++17 -fsyntax-only ${CMAKE_CURRENT_LIST_DIR}/main.cpp ${told}
        OUTPUT_VARIABLE said
        ERROR_VARIABLE said)
    string(FIND "${said}" "error: " at)
    string(SUBSTRING "${said}" ${at} 80 first)
    if(NOT first MATCHES "^error: (#error )?\"Ironhouse needs C[+][+]20 or later")
        message(FATAL_ERROR "the first error in C++17 is not about C++17:\n${said}")
    endif()
endfunction()

# ask(<questions> [further arguments for the configuration]): what CMake says, in one line.
function(ask questions)
    file(REMOVE_RECURSE ${work}/asks)
    execute_process(
        COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/asks -B ${work}/asks -G ${generator}
                -DCMAKE_CXX_COMPILER=${compiler} -DCMAKE_PREFIX_PATH=${work}/prefix "-Dquestions=${questions}" ${ARGN}
        OUTPUT_VARIABLE said
        ERROR_VARIABLE said)
    string(REGEX REPLACE "[ \n]+" " " said "${said}") # CMake breaks lines where it likes
    set(said "${said}" PARENT_SCOPE)
endfunction()

function(expect expected)
    string(FIND "${said}" "${expected}" at)
    if(at EQUAL -1)
        message(FATAL_ERROR "find_package does not say '${expected}':\n${said}")
    endif()
endfunction()

# field(<package> <control field> <regular expression>)
function(field package name expected)
    step("reading ${package}" dpkg-deb -f ${package} ${name})
    string(STRIP "${said}" said)
    if(NOT said MATCHES "^(${expected})$")
        message(FATAL_ERROR "${package}: ${name} is '${said}' instead of '${expected}'")
    endif()
endfunction()

file(REMOVE_RECURSE ${work})
if(how STREQUAL "installed")
    install_and_move()
    compare_headers(${work}/prefix/include)
    build_with_cmake(-DCMAKE_PREFIX_PATH=${work}/prefix)

elseif(how STREQUAL "pkg_config")
    install_and_move()
    build_with_pkg_config(${work}/prefix)

elseif(how STREQUAL "subdirectory")
    build_with_cmake(-DIRONHOUSE_TREE=${root})

elseif(how STREQUAL "fetch_content")
    build_with_cmake(-DIRONHOUSE_FETCH=ON -DFETCHCONTENT_SOURCE_DIR_IRONHOUSE=${root}
                     -DFETCHCONTENT_FULLY_DISCONNECTED=ON)
    # Where a library passes it on, it is installed along with it.
    step("configuring a library" ${CMAKE_COMMAND} -DIRONHOUSE_INSTALL=ON ${work}/build)
    step("installing a library" ${CMAKE_COMMAND} --install ${work}/build --prefix ${work}/prefix)
    compare_headers(${work}/prefix/include)
    file(READ ${work}/prefix/share/cmake/theirs/theirs-config.cmake theirs)
    if(NOT theirs MATCHES "INTERFACE_LINK_LIBRARIES \"ironhouse::ironhouse\"")
        message(FATAL_ERROR "a library that passes Ironhouse on does not say so:\n${theirs}")
    endif()
    ask(${version})
    expect("-- ${version}: ${version}")
    file(GLOB documents RELATIVE ${work}/prefix/share/doc ${work}/prefix/share/doc/*)
    if(NOT documents STREQUAL "ironhouse")
        message(FATAL_ERROR "documentation is installed as that of ${documents}")
    endif()

elseif(how STREQUAL "asked")
    install_and_move()
    string(REGEX MATCH "^[0-9]+[.][0-9]+" series ${version})
    string(REGEX REPLACE "^[0-9]+[.]" "" minor ${series})
    math(EXPR next "${minor} + 1")
    # Before 1.0 another minor version is another interface, older or newer. There are no components, and one that may be
    # missing is no reason to fail.
    set(good "${version} EXACT" "${series}" "${series}...<0.${next}" "OPTIONAL_COMPONENTS seal")
    set(wrong 0.0 0.${next} 1.0 ${series}.99 "${version} COMPONENTS seal")
    ask("${good};${wrong}")
    foreach(question IN LISTS good)
        expect("-- ${question}: ${version}")
    endforeach()
    foreach(question IN LISTS wrong)
        expect("-- ${question}: none")
    endforeach()
    ask("0.${next} REQUIRED")
    expect("compatible with requested version \"0.${next}\"")
    ask("REQUIRED COMPONENTS seal")
    expect("there is no component \"seal\"")
    # What is missing is named, together with what to install; all of it at once, also where it may be missing.
    set(nowhere -DCMAKE_DISABLE_FIND_PACKAGE_ZeroMQ=ON -DCMAKE_DISABLE_FIND_PACKAGE_cppzmq=ON
                -DCMAKE_FIND_ROOT_PATH=/nonexistent -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY)
    set(ENV{PKG_CONFIG_LIBDIR} ${work}/no-package-config-files)
    foreach(question IN ITEMS ${series} "${series} REQUIRED")
        ask("${question}" ${nowhere})
        foreach(package IN ITEMS libzmq3-dev cppzmq-dev libsodium-dev)
            expect("was not found (Debian: ${package})")
        endforeach()
    endforeach()

elseif(how STREQUAL "debian")
    # The mask of whoever packs decides about nothing.
    step("packing" sh -c "umask 002 && exec \"$@\"" sh ${CMAKE_CPACK_COMMAND} --config ${built}/CPackConfig.cmake -B ${work}/packed)
    set(dev ${work}/packed/ironhouse-dev_${version}-1_all.deb)
    file(GLOB packages RELATIVE ${work}/packed ${work}/packed/*.deb)
    set(expected "^ironhouse-dev_${version}-1_all[.]deb$")
    if(tool)
        set(expected "^ironhouse-dev_${version}-1_all[.]deb;ironhouse-tools_${version}-1_[a-z0-9]+[.]deb$")
    endif()
    if(NOT packages MATCHES "${expected}")
        message(FATAL_ERROR "packed: ${packages}")
    endif()
    field(${dev} Package ironhouse-dev)
    field(${dev} Version ${version}-1)
    field(${dev} Architecture all)
    field(${dev} Section libdevel)
    field(${dev} Depends "libzmq3-dev, cppzmq-dev, libsodium-dev")
    field(${dev} Maintainer "[^<>]+ <[^<>@ ]+@[^<>@ ]+>")
    foreach(package IN LISTS packages)
        # Everything belongs to root, nobody else may write it, and every path is one that the package is to have.
        step("listing ${package}" dpkg-deb -c ${work}/packed/${package})
        string(REGEX MATCHALL "[^\n]+" lines "${said}")
        foreach(line IN LISTS lines)
            if(NOT line MATCHES "^[-d]rw[-x]r-[-x]r-[-x] root/root " AND NOT line MATCHES "^l")
                message(FATAL_ERROR "${package}: ${line}")
            endif()
            if(NOT line MATCHES " [.]/(usr/((include|share)/.*|share/|include/|bin/(ironhouse)?)?)?$")
                message(FATAL_ERROR "${package} has what belongs nowhere: ${line}")
            endif()
        endforeach()
        string(REGEX REPLACE "_.*" "" name ${package})
        foreach(document IN ITEMS copyright changelog.Debian.gz)
            string(FIND "${said}" "./usr/share/doc/${name}/${document}" at)
            if(at EQUAL -1)
                message(FATAL_ERROR "${package} lacks ${document}")
            endif()
        endforeach()
        step("unpacking ${package}" dpkg-deb -x ${work}/packed/${package} ${work}/prefix)
    endforeach()
    step("reading the changelog" gzip -dc ${work}/prefix/usr/share/doc/ironhouse-dev/changelog.Debian.gz)
    if(NOT said MATCHES "^ironhouse [(]${version}-1[)] ")
        message(FATAL_ERROR "packaging/debian/changelog does not begin with version ${version}-1:\n${said}")
    endif()
    compare_headers(${work}/prefix/usr/include)
    build_with_cmake(-DCMAKE_PREFIX_PATH=${work}/prefix/usr)
    if(tool)
        file(GLOB tools ${work}/packed/ironhouse-tools_*.deb)
        field(${tools} Depends ".*libzmq5.*") # by dpkg-shlibdeps, from what the program is linked with
        step("running the packaged command" ${work}/prefix/usr/bin/ironhouse --help)
        string(REGEX MATCHALL "\n  [a-z]+  " commands "${said}")
        if(NOT commands MATCHES "keygen")
            message(FATAL_ERROR "the packaged command does not say what it can do:\n${said}")
        endif()
        step("reading the manual page" gzip -dc ${work}/prefix/usr/share/man/man1/ironhouse.1.gz)
        foreach(command IN LISTS commands)
            string(STRIP "${command}" command)
            if(NOT said MATCHES "\n[.]B ${command}\n")
                message(FATAL_ERROR "packaging/ironhouse.1 leaves out ${command}")
            endif()
        endforeach()
    endif()

else()
    message(FATAL_ERROR "how=${how} is none of the ways")
endif()
file(REMOVE_RECURSE ${work})

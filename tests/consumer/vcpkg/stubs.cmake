# Replaces vcpkg for one portfile, if vcpkg itself is not available:
#
#   cmake -DSOURCE=<checkout> -DPORT_DIR=<directory of the port> -DWORK=<scratch> -P stubs.cmake
#
# The functions do the same as those of vcpkg, as far as this port needs them, and the checks of vcpkg after an
# installation are repeated here. The installation is in WORK/packages/mapvec.
cmake_minimum_required(VERSION 3.20)

cmake_path(GET PORT_DIR FILENAME PORT)
set(CURRENT_BUILDTREES_DIR "${WORK}/buildtrees")
set(CURRENT_PACKAGES_DIR "${WORK}/packages/${PORT}")
file(READ "${PORT_DIR}/vcpkg.json" manifest)
string(JSON VERSION GET "${manifest}" version)
string(JSON name GET "${manifest}" name)

file(STRINGS "${SOURCE}/include/mapvec/version.hpp" lines REGEX "#define MAPVEC_VERSION_")
string(REGEX REPLACE "[^;0-9]" "" numbers "${lines}")
string(REPLACE ";" "." header_version "${numbers}")
if(NOT VERSION STREQUAL header_version)
    message(FATAL_ERROR "vcpkg.json says ${VERSION}, version.hpp says ${header_version}")
endif()

function(vcpkg_from_github)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "OUT_SOURCE_PATH;REPO;REF;SHA512;HEAD_REF" "PATCHES")
    foreach(needed IN ITEMS OUT_SOURCE_PATH REPO REF SHA512 HEAD_REF)
        if(NOT DEFINED arg_${needed})
            message(FATAL_ERROR "vcpkg_from_github needs ${needed}")
        endif()
    endforeach()
    if(NOT arg_REF STREQUAL "v${VERSION}")
        message(FATAL_ERROR "the port of version ${VERSION} takes ${arg_REF}")
    endif()
    set(${arg_OUT_SOURCE_PATH} "${SOURCE}" PARENT_SCOPE)
endfunction()

function(run)
    execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
endfunction()

# Configures a release build, and a debug build unless VCPKG_BUILD_TYPE says release.
function(vcpkg_cmake_configure)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "SOURCE_PATH" "OPTIONS")
    run("${CMAKE_COMMAND}" -S "${arg_SOURCE_PATH}" -B "${CURRENT_BUILDTREES_DIR}/rel" ${arg_OPTIONS}
        -DCMAKE_BUILD_TYPE=Release "-DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR}")
    if(NOT VCPKG_BUILD_TYPE STREQUAL "release")
        run("${CMAKE_COMMAND}" -S "${arg_SOURCE_PATH}" -B "${CURRENT_BUILDTREES_DIR}/dbg" ${arg_OPTIONS}
            -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR}/debug")
    endif()
endfunction()

function(vcpkg_cmake_install)
    foreach(build IN ITEMS rel dbg)
        if(EXISTS "${CURRENT_BUILDTREES_DIR}/${build}")
            run("${CMAKE_COMMAND}" --build "${CURRENT_BUILDTREES_DIR}/${build}" --target install)
        endif()
    endforeach()
endfunction()

# The package files of mapvec are installed where vcpkg expects them. This script does not move them.
function(vcpkg_cmake_config_fixup)
    if(ARGN OR NOT EXISTS "${CURRENT_PACKAGES_DIR}/share/${PORT}/${PORT}-config.cmake")
        message(FATAL_ERROR "expected the package files in share/${PORT}")
    endif()
endfunction()

function(vcpkg_install_copyright)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "COMMENT" "FILE_LIST")
    file(INSTALL ${arg_FILE_LIST} DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}" RENAME copyright)
endfunction()

include("${PORT_DIR}/portfile.cmake")

# The checks of vcpkg after an installation.
if(NOT name STREQUAL PORT)
    message(FATAL_ERROR "the directory ${PORT} holds the port ${name}")
endif()
foreach(needed IN ITEMS share/mapvec/copyright share/mapvec/usage include/mapvec/version.hpp)
    if(NOT EXISTS "${CURRENT_PACKAGES_DIR}/${needed}")
        message(FATAL_ERROR "the port does not install ${needed}")
    endif()
endforeach()
file(GLOB top RELATIVE "${CURRENT_PACKAGES_DIR}" "${CURRENT_PACKAGES_DIR}/*")
file(GLOB shares RELATIVE "${CURRENT_PACKAGES_DIR}" "${CURRENT_PACKAGES_DIR}/share/*")
if(NOT top STREQUAL "include;share" OR NOT shares STREQUAL "share/mapvec")
    message(FATAL_ERROR "a header-only port installs include and share/mapvec, this one: ${top}; ${shares}")
endif()

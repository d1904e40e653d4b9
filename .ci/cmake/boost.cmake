# Boost's headers, 1.74 or newer, as the target Boost::headers. mapvec's own build includes this file, and so does the
# installed mapvec-config.cmake.

set(mapvec_boost_hint
    "mapvec needs the headers of Boost, 1.74 or newer. Install them (Debian, Ubuntu: libboost-dev; Fedora: boost-devel; \
macOS: brew install boost; vcpkg: boost-interprocess), or say where they are: -DBOOST_ROOT=<directory>.")

# Sets mapvec_boost_found. Defines Boost::headers, in the caller's directory only.
function(mapvec_look_for_boost)
    set(mapvec_boost_found TRUE PARENT_SCOPE)
    if(NOT TARGET Boost::headers)
        find_package(Boost 1.74 QUIET CONFIG)
    endif()
    if(TARGET Boost::headers)
        return()
    endif()

    # Headers without the package files of Boost: an unpacked archive, or a system package without them.
    find_path(MAPVEC_BOOST_INCLUDE_DIR boost/interprocess/mapped_region.hpp
        HINTS "${BOOST_ROOT}" "$ENV{BOOST_ROOT}" "${BOOST_INCLUDEDIR}" PATH_SUFFIXES include)
    mark_as_advanced(MAPVEC_BOOST_INCLUDE_DIR)
    set(version 0)
    if(MAPVEC_BOOST_INCLUDE_DIR)
        file(STRINGS "${MAPVEC_BOOST_INCLUDE_DIR}/boost/version.hpp" line REGEX "^#define BOOST_VERSION [0-9]+")
        string(REGEX REPLACE "[^0-9]" "" version "${line}")
    endif()
    if(version LESS 107400)
        set(mapvec_boost_found FALSE PARENT_SCOPE)
        return()
    endif()
    add_library(Boost::headers INTERFACE IMPORTED)
    target_include_directories(Boost::headers SYSTEM INTERFACE "${MAPVEC_BOOST_INCLUDE_DIR}")
endfunction()

# Downloads the headers of Boost. FetchContent gets the archive and not its address: without network, the error then
# names the package to install.
function(mapvec_fetch_boost)
    include(FetchContent)
    set(archive "${CMAKE_BINARY_DIR}/boost_1_86_0.tar.bz2")
    set(sha256 1bed88e40401b2cb7a1f76d4bab499e352fa4d0c5f31c0dbae64e24d34d7513b)
    if(NOT FETCHCONTENT_SOURCE_DIR_MAPVEC_BOOST)
        message(STATUS "mapvec: Boost is not installed; fetching its headers")
        set(status 0 "no error")
        if(NOT EXISTS "${archive}")
            file(DOWNLOAD https://archives.boost.io/release/1.86.0/source/boost_1_86_0.tar.bz2 "${archive}.part"
                STATUS status INACTIVITY_TIMEOUT 30)
        endif()
        list(GET status 0 code)
        list(GET status 1 reason)
        if(NOT code EQUAL 0)
            file(REMOVE "${archive}.part")
            message(FATAL_ERROR "${mapvec_boost_hint} (Downloading them failed: ${reason}.)")
        endif()
        if(EXISTS "${archive}.part")
            file(RENAME "${archive}.part" "${archive}")
        endif()
    endif()
    FetchContent_Declare(mapvec_boost URL "${archive}" URL_HASH SHA256=${sha256}
        SOURCE_SUBDIR headers-only)  # a directory that does not exist, so that Boost is not configured
    FetchContent_MakeAvailable(mapvec_boost)
    add_library(Boost::headers INTERFACE IMPORTED)
    target_include_directories(Boost::headers SYSTEM INTERFACE "${mapvec_boost_SOURCE_DIR}")
endfunction()

# Header-only: a debug build would be the same.
set(VCPKG_BUILD_TYPE release)

vcpkg_from_github(
    OUT_SOURCE_PATH SOURCE_PATH
    REPO mapvec/mapvec
    REF "v${VERSION}"
    SHA512 0  # of the archive of the release; vcpkg prints the right value
    HEAD_REF main
)

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -DMAPVEC_TESTS=OFF
        -DMAPVEC_BENCH=OFF
        -DMAPVEC_EXAMPLES=OFF
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup()

file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")

# Installs the headers, the licence and the CMake package. Needs no build.
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_DATADIR}/mapvec")

if(mapvec_has_file_set)
    install(TARGETS mapvec EXPORT mapvec-targets FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
else()
    install(TARGETS mapvec EXPORT mapvec-targets)
    install(DIRECTORY include/mapvec DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.inc")
endif()
install(EXPORT mapvec-targets NAMESPACE mapvec:: DESTINATION "${package_dir}")
install(FILES LICENSE DESTINATION "${package_dir}")

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/mapvec-config.cmake.in"
    "${PROJECT_BINARY_DIR}/mapvec-config.cmake" INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change names, so a package that needs 0.1 does not accept 0.2.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/mapvec-config-version.cmake"
    COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/mapvec-config.cmake" "${PROJECT_BINARY_DIR}/mapvec-config-version.cmake"
    DESTINATION "${package_dir}")
install(FILES "${CMAKE_CURRENT_LIST_DIR}/boost.cmake" DESTINATION "${package_dir}" RENAME mapvec-boost.cmake)

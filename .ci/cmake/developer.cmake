# Warnings and sanitizers, for mapvec's own programs only. Targets of users do not get them.
add_library(mapvec_developer INTERFACE)
target_link_libraries(mapvec_developer INTERFACE mapvec::mapvec)

if(MSVC)
    target_compile_options(mapvec_developer INTERFACE /W4 /permissive- /utf-8 /bigobj /Zc:__cplusplus)
    target_compile_definitions(mapvec_developer INTERFACE NOMINMAX _CRT_SECURE_NO_WARNINGS)
    if(MAPVEC_WERROR)
        target_compile_options(mapvec_developer INTERFACE /WX)
    endif()
else()
    target_compile_options(mapvec_developer INTERFACE
        -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
        target_compile_options(mapvec_developer INTERFACE -Wno-restrict)  # GCC bug 105651: "x" + std::string
    endif()
    if(MAPVEC_WERROR)
        target_compile_options(mapvec_developer INTERFACE -Werror)
    endif()
endif()

if(MAPVEC_SANITIZE)
    set(sanitize "-fsanitize=${MAPVEC_SANITIZE}")
    target_compile_options(mapvec_developer INTERFACE ${sanitize} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(mapvec_developer INTERFACE ${sanitize})
endif()

# mapvec_program(<target> <source>...): an executable with the developers' flags.
function(mapvec_program target)
    add_executable(${target} ${ARGN})
    target_link_libraries(${target} PRIVATE mapvec_developer)
    set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
endfunction()

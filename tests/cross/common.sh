# Shared by the cross builds. Source it after .ci/setup.sh.

# cross_test <name> [ctest argument]...: builds the tests with the toolchain file on standard input, and runs them.
# Without arguments it leaves out the crash and fuzz programs, and the model of a store: they take too long there.
cross_test() {
    local name=$1 build=$build_root/$1 target=all
    shift
    if [ $# = 0 ]; then
        target=mapvec_tests
        set -- -E '^(crash|fuzz_replay)_|test_vector_store_model'
    fi
    install_basics
    install_catch
    mkdir -p "$build"
    cat - >"$build/toolchain.cmake"
    borrow_headers "$build"
    configure "$build" -DCMAKE_TOOLCHAIN_FILE="$build/toolchain.cmake" -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_CXX_FLAGS_RELEASE="-O1 -DNDEBUG" "${together[@]}" \
        -DCMAKE_PROJECT_mapvec_INCLUDE="$build/borrowed.cmake" -DMAPVEC_TESTS=ON -DMAPVEC_EXAMPLES=OFF
    cmake --build "$build" --target "$target"
    echo "$name: built, now running"
    ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$cores" "$@"
}

# The headers of Boost and Catch2 on this machine work for other machines; its other headers must not be visible.
# (Catch2 3 is a compiled library; if it is installed, Catch2 is fetched and built.)
borrow_headers() {
    local dir=$1
    mkdir -p "$dir/include"
    ln -sfn /usr/include/boost "$dir/include/boost"
    cat >"$dir/borrowed.cmake" <<CMAKE
add_library(Boost::headers INTERFACE IMPORTED GLOBAL)
target_include_directories(Boost::headers INTERFACE "$dir/include")
CMAKE
    if [ -e /usr/include/catch2/catch.hpp ]; then
        ln -sfn /usr/include/catch2 "$dir/include/catch2"
        cat >>"$dir/borrowed.cmake" <<CMAKE
add_library(Catch2::Catch2 INTERFACE IMPORTED GLOBAL)
target_include_directories(Catch2::Catch2 INTERFACE "$dir/include")
set(Catch2_VERSION 2.13)
CMAKE
    else
        echo 'set(CMAKE_DISABLE_FIND_PACKAGE_Catch2 ON)' >>"$dir/borrowed.cmake"
    fi
}

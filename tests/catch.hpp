// Every test includes this file: Catch2, version 3 or 2.13, as found by the build.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

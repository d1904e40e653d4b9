// The compilers and options that mapvec needs. prologue.inc includes this before the code of every header. An
// unsuitable compiler stops at one readable line: the #include behind it ends the compilation. (Clang before 16
// compiles vectors, but not payloads: see codec/aggregate.hpp.)
#pragma once

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 11
#error "mapvec needs GCC 11 or newer, or Clang 16 or newer"
#include <the_error_above_says_what_is_missing>
#elif defined(_MSC_VER) && !defined(__clang__) && _MSC_VER < 1930
#error "mapvec needs Visual Studio 2022 or newer"
#include <the_error_above_says_what_is_missing>
#endif

#if (defined(_MSVC_LANG) && _MSVC_LANG < 202002L) || (!defined(_MSVC_LANG) && __cplusplus < 202002L)
#error "mapvec needs C++20: compile with -std=c++20 or newer (Visual C++: /std:c++20)"
#include <the_error_above_says_what_is_missing>
#endif

#if !defined(__cpp_exceptions)
#error "mapvec reports errors by exceptions: compile without -fno-exceptions (Visual C++: with /EHsc)"
#include <the_error_above_says_what_is_missing>
#endif

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "mapvec maps little-endian files: processors of another byte order cannot read them"
#include <the_error_above_says_what_is_missing>
#endif

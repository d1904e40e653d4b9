// What differs between systems, behind functions that read the same everywhere. No other file
// asks which system it is compiled for.
//
// A function that can fail returns 0 or the system's error number; system_error() turns it into
// an Error that names the file.
#pragma once

#if defined(_WIN32)
#include <mapvec/detail/platform/windows.hpp>
#else
#include <mapvec/detail/platform/posix.hpp>
#endif

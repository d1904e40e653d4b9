// The differences between operating systems, behind functions with the same interface. No other file asks for the
// operating system.
//
// A function that can fail returns 0 or the error number of the system. system_error() converts the number to an Error
// that names the file.
#pragma once

#if defined(_WIN32)
#include <mapvec/detail/platform/windows.hpp>
#else
#include <mapvec/detail/platform/posix.hpp>
#endif

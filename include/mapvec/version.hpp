// The version of mapvec; CMakeLists.txt reads it from here.
//
// MAJOR changes when code that compiled may no longer compile or behaves otherwise,
// MINOR when something is added, PATCH when only faults are mended. Before 1.0 MINOR
// may change names, too. The version of the file format is another number, and an old
// file opens for ever: see storage/file_format.hpp.
#pragma once

#define MAPVEC_VERSION_MAJOR 0
#define MAPVEC_VERSION_MINOR 1
#define MAPVEC_VERSION_PATCH 0

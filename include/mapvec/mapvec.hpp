// All of mapvec but hnsw_index.hpp and the formats in io/, which are included by themselves. Include less where compile
// time matters:
//
//     mmap_vector_store.hpp   vectors only
//     payload_store.hpp       payloads only
//     search.hpp              exact search over any rows, no file
//     collection.hpp          all of them
#pragma once

#include "collection.hpp"
#include "error.hpp"
#include "mmap_vector_store.hpp"
#include "payload_store.hpp"
#include "query.hpp"
#include "search.hpp"
#include "search_batch.hpp"
#include "version.hpp"

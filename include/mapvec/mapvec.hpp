// All of mapvec except mapvec/io/: stores, searches and indexes.
#pragma once

#include <mapvec/collection.hpp>
#include <mapvec/collection_indexes.hpp>
#include <mapvec/error.hpp>
#include <mapvec/field_index.hpp>
#include <mapvec/hnsw_index.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/options.hpp>
#include <mapvec/payload_store.hpp>
#include <mapvec/query.hpp>
#include <mapvec/recovery.hpp>
#include <mapvec/search.hpp>
#include <mapvec/search_batch.hpp>
#include <mapvec/unicode_char.hpp>
#include <mapvec/va_index.hpp>
#include <mapvec/version.hpp>

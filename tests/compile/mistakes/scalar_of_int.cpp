// first error: (template )?constraints? (failure|not satisfied) for .*MmapVectorStore
#include <mapvec/mapvec.hpp>
#include <memory>
#include <string_view>

mapvec::MmapVectorStore<3, int> rows;

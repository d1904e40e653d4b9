// first error: no matching (member )?function for call to .*search
#include <mapvec/mapvec.hpp>
#include <memory>
#include <string_view>

std::vector<float> query(3);
mapvec::MmapVectorStore<3> rows;
void mistake() { (void)search(rows, mapvec::KnnQuery{query, 10}, mapvec::Cosine{}); }

// first error: append_rows|std::vector<std::vector<float>
#include <mapvec/mapvec.hpp>
#include <memory>
#include <string_view>

std::vector<float> query(3);
mapvec::MmapVectorStore<3> rows;
void mistake() { rows.append_rows(std::vector<std::vector<float>>(2)); }

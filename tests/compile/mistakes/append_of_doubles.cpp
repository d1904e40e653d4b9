// first error: append|no viable conversion.*double
#include <mapvec/mapvec.hpp>
#include <memory>
#include <string_view>

std::vector<float> query(3);
mapvec::MmapVectorStore<3> rows;
void mistake() { rows.append(std::vector<double>(3)); }

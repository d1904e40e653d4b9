// first error: cannot store a pointer, reference or view
#include <mapvec/mapvec.hpp>
#include <memory>
#include <string_view>

mapvec::PayloadStore<std::string_view> store;

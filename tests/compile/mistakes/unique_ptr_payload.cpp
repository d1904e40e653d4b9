// first error: cannot store a smart pointer
#include <mapvec/mapvec.hpp>
#include <memory>
#include <string_view>

struct Owner {
    std::unique_ptr<int> value;
};
mapvec::PayloadStore<Owner> store;

// first error: cannot store a pointer, reference or view
#include <mapvec/mapvec.hpp>
#include <memory>
#include <string_view>

struct Link {
    const char* text;
};
mapvec::PayloadStore<Link> store;

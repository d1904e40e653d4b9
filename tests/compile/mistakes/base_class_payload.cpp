// first error: fields of a struct with a base class
#include <mapvec/mapvec.hpp>
#include <memory>
#include <string_view>

#include <string>
struct Named {
    std::string name;
};
struct City : Named {
    int population;
};
mapvec::Collection<3, City> cities;

// first error: fields of a class with private members
#include <mapvec/mapvec.hpp>
#include <memory>
#include <string_view>

#include <string>
class City {
  public:
    explicit City(std::string name) : name_(std::move(name)) {}

  private:
    std::string name_;
};
mapvec::Collection<3, City> cities;

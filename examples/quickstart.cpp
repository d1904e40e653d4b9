#include <iostream>
#include <mapvec/mapvec.hpp>
#include <string>
#include <vector>

struct Fruit {
    std::string name;
    double price;
};

int main() {
    using Fruits = mapvec::Collection<2, Fruit>;  // vectors of two floats, each with a Fruit
    auto fruits = Fruits::open_or_create("fruits");
    if (fruits.empty()) {  // the first run stores them
        fruits.append(std::vector{0.9f, 0.1f}, {"apple", 0.50});
        fruits.append(std::vector{0.8f, 0.3f}, {"pear", 0.60});
        fruits.append(std::vector{0.1f, 0.9f}, {"chili", 0.20});
        fruits.commit();  // durable, all or nothing
    }

    const std::vector apple{0.9f, 0.1f};
    for (mapvec::Hit hit : fruits.search(mapvec::RingQuery{apple, 0.5f, 0.4f}))  // between 0.1 and 0.9 away
        std::cout << fruits.payload(hit.id).name << " at " << hit.distance() << '\n';
}

// "Every city between 500 and 550 km from Paris", answered by a Collection<3, City>.
//
//     store_cities(directory, places);                               // create, append, commit, close
//     Ring ring{paris.point, 500, 50};
//     std::vector<RingCity> found = cities_in_ring(directory, ring);  // reopen, range query, nearest first
//
// Cities are points on the unit sphere. geo.hpp explains why a ring on the globe is a ring in space.
#pragma once

#include <algorithm>
#include <filesystem>
#include <iomanip>
#include <mapvec/collection.hpp>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "cities.hpp"
#include "geo.hpp"

using CityStore = mapvec::Collection<3, City>;

// Cities at least `distance_km` and at most `distance_km + width_km` from the centre.
struct Ring {
    geo::Point centre;
    double distance_km = 500;
    double width_km = 50;

    [[nodiscard]] double outer_km() const { return std::min(distance_km + width_km, geo::farthest_km); }
};

struct RingCity {
    City city;
    geo::Point point;
    double km = 0;  // from the ring's centre
};

class RingError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// Throws for distances that do not exist on Earth.
inline void check_ring(const Ring& ring) {
    if (!(ring.distance_km >= 0 && ring.distance_km <= geo::farthest_km))
        throw RingError("the distance must lie between 0 and 20015 km, half the way around the Earth");
    if (!(ring.width_km > 0 && ring.width_km <= geo::farthest_km))
        throw RingError("the width must be more than 0 and at most 20015 km");
}

inline void store_cities(const std::filesystem::path& directory, const std::vector<Place>& places) {
    auto store = CityStore::create(directory);
    for (const Place& place : places) store.append(geo::unit_vector(place.point), place.city);
    store.commit();
    store.close();
}

// Reads the store only. REQUIRES: check_ring(ring) has succeeded.
[[nodiscard]] inline std::vector<RingCity> cities_in_ring(const std::filesystem::path& directory, const Ring& ring) {
    const auto store = CityStore::open(directory, mapvec::OpenMode::read_only);
    const geo::Vector centre = geo::unit_vector(ring.centre);
    const mapvec::RangeQuery query{centre, static_cast<float>(geo::chord_from_km(ring.distance_km)),
                                   static_cast<float>(geo::chord_from_km(ring.outer_km()))};
    std::vector<RingCity> found;
    for (const mapvec::Hit& hit : store.search(query)) {
        const auto at = store.vector(hit.id);
        found.push_back(
            {store.payload(hit.id), geo::point_of(at[0], at[1], at[2]), geo::km_from_chord(hit.distance())});
    }
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.km < b.km; });
    return found;
}

// "2138551" as "2,138,551".
[[nodiscard]] inline std::string grouped(std::uint64_t number) {
    const std::string digits = std::to_string(number);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
        text += digits[i];
    }
    return text;
}

// Pads the text to `width` letters of UTF-8.
[[nodiscard]] inline std::string padded(std::string text, std::size_t width) {
    const auto letters = static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
    if (letters < width) text.append(width - letters, ' ');
    return text;
}

inline void print_table(std::ostream& out, const std::vector<RingCity>& cities) {
    if (cities.empty()) return;
    const auto flags = out.flags();
    const auto precision = out.precision(1);
    out << std::fixed << "      km  city                              country    population\n";
    for (const RingCity& found : cities)
        out << std::setw(8) << found.km << "  " << padded(found.city.name, 34) << padded(found.city.country, 7)
            << std::setw(14) << grouped(found.city.population) << '\n';
    out << '\n';
    out.flags(flags);
    out.precision(precision);
}

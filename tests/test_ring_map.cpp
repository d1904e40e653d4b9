// The example ring_map finds the right cities. The test computes them in another way: from the angles in double
// precision (Vincenty's formula), for every city, without a store.
#include <cmath>
#include <filesystem>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "ring_map.hpp"
#include "scratch.hpp"
#include "world_map.hpp"

namespace test_ring_map {

namespace {

namespace fs = std::filesystem;
constexpr double earth_radius = 6371.0088;
constexpr double edge_km = 0.005;  // a float's rounding on a sphere of this size is below a metre

double independent_km(geo::Point a, geo::Point b) {
    const double radian = std::acos(-1.0) / 180;
    const double p = a.latitude * radian, q = b.latitude * radian, turn = (b.longitude - a.longitude) * radian;
    const double across = std::cos(q) * std::sin(turn);
    const double up = std::cos(p) * std::sin(q) - std::sin(p) * std::cos(q) * std::cos(turn);
    const double along = std::sin(p) * std::sin(q) + std::cos(p) * std::cos(q) * std::cos(turn);
    return earth_radius * std::atan2(std::hypot(across, up), along);
}

const std::vector<Place>& places() {
    static const std::vector<Place> all = read_cities(fs::path(MAPVEC_EXAMPLE_DATA) / "cities.csv");
    return all;
}

// All cities, stored once for all tests.
const fs::path& store() {
    static const ScratchDirectory scratch;
    static const fs::path path = scratch / "cities";
    static const bool stored = (store_cities(path, places()), true);
    REQUIRE(stored);
    return path;
}

// Name with country, and population. Few cities share all three; the map counts them.
using Name = std::pair<std::string, std::uint64_t>;

std::multiset<Name> names(const std::vector<RingCity>& found) {
    std::multiset<Name> result;
    for (const RingCity& city : found) result.emplace(city.city.name + ", " + city.city.country, city.city.population);
    return result;
}

// The cities that the ring must hold and may hold. A city at the very edge may be in it. Returns the number of hits.
std::size_t require_right_cities(const Ring& ring) {
    std::multiset<Name> must, may;
    for (const Place& place : places()) {
        const double km = independent_km(ring.centre, place.point);
        const Name name{place.city.name + ", " + place.city.country, place.city.population};
        const double inside = std::min(km - ring.distance_km, ring.distance_km + ring.width_km - km);
        if (inside > edge_km) must.insert(name);
        if (inside > -edge_km) may.insert(name);
    }
    const std::multiset<Name> found = names(cities_in_ring(store(), ring));
    CAPTURE(ring.centre.latitude, ring.centre.longitude, ring.distance_km, ring.width_km);
    REQUIRE(std::includes(found.begin(), found.end(), must.begin(), must.end()));
    REQUIRE(std::includes(may.begin(), may.end(), found.begin(), found.end()));
    return found.size();
}

std::string message_of(const std::string& place) {
    try {
        return "found " + find_place(places(), place).city.name;
    } catch (const CityError& error) {
        return error.what();
    }
}

std::size_t count(const std::string& text, const std::string& word) {
    std::size_t times = 0;
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++times;
    return times;
}

}  // namespace

TEST_CASE("ring_map finds exactly the cities between 500 and 550 km from Paris") {
    const Ring ring{find_place(places(), "Paris").point, 500, 50};
    REQUIRE(require_right_cities(ring) == 225);

    const auto found = cities_in_ring(store(), ring);
    REQUIRE(found.size() == 225);  // counted from the CSV file by another program
    const auto all = names(found);
    REQUIRE(all.count({"Birmingham, GB", 984333}) == 1);
    REQUIRE(all.count({"Heilbronn, DE", 120733}) == 1);
    REQUIRE(all.count({"London, GB", 7556900}) == 0);  // 344 km
}

TEST_CASE("ring_map finds the right cities anywhere on the globe, at any distance") {
    std::mt19937 random(7);
    std::uniform_real_distribution<double> latitude(-90, 90), longitude(-180, 180), distance(0, geo::farthest_km);
    std::size_t found = 0;
    for (int i = 0; i < 60; ++i) {
        const double from = distance(random);
        const double width = std::min(distance(random) / (i % 2 == 0 ? 1 : 100), geo::farthest_km - from);
        found += require_right_cities({{latitude(random), longitude(random)}, from, width});
    }
    REQUIRE(found > places().size());  // the rings were not empty
    REQUIRE(require_right_cities({{90, 0}, 0, 3000}) > 0);
    REQUIRE(require_right_cities({{-17.7, 180}, 1000, 2000}) > 0);  // across the date line
    REQUIRE(require_right_cities({{0, 0}, 0, geo::farthest_km}) == places().size());
}

TEST_CASE("ring_map tells each city's distance and place as they are, nearest first") {
    const Ring ring{find_place(places(), "Tokyo").point, 100, 900};
    const auto found = cities_in_ring(store(), ring);
    REQUIRE(found.size() > 100);
    double last = 0;
    for (const RingCity& city : found) {
        REQUIRE(std::abs(city.km - independent_km(ring.centre, city.point)) < edge_km);
        REQUIRE(city.km >= last);
        last = city.km;
    }
}

TEST_CASE("a distance over ground becomes a chord and comes back") {
    for (const double km : {0.0, 0.001, 1.0, 525.0, 10000.0, geo::farthest_km})
        REQUIRE(std::abs(geo::km_from_chord(geo::chord_from_km(km)) - km) < 1e-3);
    const geo::Point paris{48.85341, 2.3488}, sydney{-33.86785, 151.20732};
    REQUIRE(std::abs(geo::great_circle_km(paris, sydney) - independent_km(paris, sydney)) < 1e-6);
    const geo::Point there = geo::destination(paris, geo::bearing(paris, sydney), independent_km(paris, sydney));
    REQUIRE(independent_km(there, sydney) < 1e-6);
}

TEST_CASE("a city is found by its name, and the largest of a name wins unless a country is named") {
    REQUIRE(find_place(places(), "Paris").city.country == "FR");
    REQUIRE(find_place(places(), "paris, us").city.country == "US");
    REQUIRE(places_named(places(), "London").size() >= 2);
    REQUIRE(find_place(places(), "Washington, D.C.").city.country == "US");
}

TEST_CASE("an unknown city is answered with similar names") {
    REQUIRE(message_of("Pariss").find("did you mean Paris, FR") != std::string::npos);
    REQUIRE(message_of("Birmin").find("Birmingham, GB") != std::string::npos);
    const std::string nothing = message_of("Xqzvwkjxqzvwkj");
    REQUIRE(nothing.find("Xqzvwkjxqzvwkj") != std::string::npos);
    REQUIRE(nothing.find("did you mean") == std::string::npos);
}

TEST_CASE("the table has numbers in groups of three, and one width for names of any alphabet") {
    for (const auto& [number, text] : std::vector<std::pair<std::uint64_t, std::string>>{
             {0, "0"}, {999, "999"}, {1000, "1,000"}, {15434, "15,434"}, {2138551, "2,138,551"}})
        REQUIRE(grouped(number) == text);
    std::ostringstream table, plain;
    print_table(table, {{{"Mérignac", "FR", 69791}, {}, 500.71}});
    print_table(plain, {{{"Merignac", "FR", 69791}, {}, 500.71}});
    REQUIRE(table.str().size() == plain.str().size() + 1);  // é is two bytes and one letter
    REQUIRE(table.str().find("   500.7  Mérignac") != std::string::npos);
}

TEST_CASE("a distance that no two places have is refused") {
    const double nan = std::nan("");
    for (const auto& [distance, width] : std::vector<std::pair<double, double>>{
             {-1, 50}, {20016, 50}, {nan, 50}, {500, 0}, {500, -1}, {500, nan}, {500, 20016}})
        REQUIRE_THROWS_AS(check_ring({{0, 0}, distance, width}), RingError);
    REQUIRE_NOTHROW(check_ring({{0, 0}, 0, 20015}));
}

TEST_CASE("an error about the file of cities names the damaged line and the reason") {
    const auto problem = [](const std::string& line) -> std::string {
        try {
            return parse_city(line, "cities.csv:7").city.name + " was taken";
        } catch (const CityError& error) {
            return error.what();
        }
    };
    REQUIRE(problem("\"Washington, D.C.\",US,38.9,-77.0,601723") == "Washington, D.C. was taken");
    REQUIRE(problem("Paris,FR,48.9,2.3") == "cities.csv:7: expected 5 fields, found 4");
    REQUIRE(problem("Paris,FR,48.9x,2.3,1") == "cities.csv:7: latitude: expected a number, found \"48.9x\"");
    REQUIRE(problem("Paris,FR,48.9,nan,1") == "cities.csv:7: longitude: expected a number, found \"nan\"");
    REQUIRE(problem("Paris,FR,98.9,2.3,1").find("no such place on Earth") != std::string::npos);
    REQUIRE(problem("Paris,FR,48.9,2.3,-1").find("no such place on Earth") != std::string::npos);
    REQUIRE_THROWS_AS(read_cities("no such file.csv"), CityError);
}

TEST_CASE("the map holds every city as a dot and every city of the ring twice, in the world and in the lens") {
    const Ring ring{find_place(places(), "Paris").point, 500, 50};
    const auto found = cities_in_ring(store(), ring);
    std::ostringstream out;
    write_world_map(out, places(), {"<Paris> & \"FR\"", ring}, found);
    const std::string svg = out.str();

    const std::size_t land = svg.find("class=\"land\"");
    const std::string dots = svg.substr(land, svg.find("/>", land) - land);
    REQUIRE(count(dots, "h0") == places().size());
    REQUIRE(count(svg, "class=\"hit\"") == 2 * found.size());
    REQUIRE(svg.find("&lt;Paris&gt; &amp; &quot;FR&quot;") != std::string::npos);
    REQUIRE(svg.find("GeoNames (geonames.org), CC BY 4.0") != std::string::npos);
    REQUIRE(svg.find("\"nan") == std::string::npos);
    REQUIRE(svg.ends_with("</svg>\n"));
}

}  // namespace test_ring_map

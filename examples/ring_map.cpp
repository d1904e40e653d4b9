// ring_map: every city between two distances from a place, as a table and as a map.
//
// Stores the cities in a collection, closes it, opens it again and searches it. `ring_map --help` lists the options.
#include "ring_map.hpp"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <random>
#include <span>
#include <sstream>
#include <string_view>

#include "world_map.hpp"

namespace {

namespace fs = std::filesystem;

constexpr std::string_view help = R"(Usage: ring_map [options] [place] [distance] [width]

Prints every city that is at least <distance> and at most <distance> + <width> km from <place>,
and draws a map of the world with them.

  place       the name of a city of 15,000 people or more, "Paris, US" for the one in that country
              (default: Paris)
  distance    in km, 0 to 20015 (default: 500)
  width       in km, more than 0 (default: 50)

  --svg FILE     where to draw the map (default: ring_map.svg)
  --data FILE    the cities: name,country,latitude,longitude,population (default: the ones that came along)
  --store DIR    keep the collection in this new directory (default: a temporary one, removed at the end)
  --help         this text

Exit codes: 0 done, 1 the system refused something, 2 an argument has no meaning.
)";

struct Arguments {
    std::string place = "Paris";
    double distance_km = 500;
    double width_km = 50;
    fs::path svg = "ring_map.svg";
    fs::path data = fs::path(MAPVEC_EXAMPLE_DATA) / "cities.csv";
    std::optional<fs::path> store;
    bool help = false;
};

fs::path& option(Arguments& arguments, std::string_view name) {
    if (name == "--svg") return arguments.svg;
    if (name == "--data") return arguments.data;
    if (name == "--store") return arguments.store.emplace();
    throw RingError("there is no option " + std::string(name) + "; see --help");
}

Arguments parse(std::span<char*> words) {
    Arguments arguments;
    std::vector<std::string> plain;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string word = words[i];
        if (word == "--help" || word == "-h")
            arguments.help = true;
        else if (word.starts_with("--")) {
            fs::path& value = option(arguments, word);
            if (++i == words.size()) throw RingError(word + " needs a value; see --help");
            value = words[i];
        } else
            plain.push_back(word);
    }
    if (plain.size() > 3) throw RingError("expected place, distance and width, found more; see --help");
    if (!plain.empty()) arguments.place = plain[0];
    if (plain.size() > 1) arguments.distance_km = parse_number(plain[1], "distance");
    if (plain.size() > 2) arguments.width_km = parse_number(plain[2], "width");
    return arguments;
}

// The directory of the store: the user's, or a temporary one that the destructor removes.
class StoreDirectory {
  public:
    explicit StoreDirectory(const std::optional<fs::path>& chosen) : temporary_(!chosen) {
        path_ = chosen ? *chosen : fs::temp_directory_path() / ("ring_map-" + std::to_string(std::random_device{}()));
    }
    StoreDirectory(const StoreDirectory&) = delete;
    StoreDirectory& operator=(const StoreDirectory&) = delete;
    ~StoreDirectory() {
        std::error_code ignored;  // a file that stays in the temporary directory is not an error
        if (temporary_) fs::remove_all(path_, ignored);
    }
    [[nodiscard]] const fs::path& path() const { return path_; }

  private:
    fs::path path_;
    bool temporary_;
};

// The place with this name. Prints a note if there are several.
const Place& choose(const std::vector<Place>& places, const std::string& name) {
    const Place& place = find_place(places, name);
    const std::size_t namesakes = places_named(places, name).size();
    if (namesakes > 1)
        std::cout << "There are " << namesakes << " cities called " << place.city.name << "; this is the largest, in "
                  << place.city.country << ". Another: \"" << place.city.name << ", <country>\".\n";
    return place;
}

void draw(const fs::path& file, const std::vector<Place>& places, const MapTitle& title,
          const std::vector<RingCity>& found) {
    std::ofstream out(file);
    write_world_map(out, places, title, found);
    if (!out.flush()) throw std::runtime_error(file.string() + ": the map cannot be written");
}

std::string milliseconds(std::chrono::steady_clock::duration time) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(1) << std::chrono::duration<double, std::milli>(time).count() << " ms";
    return text.str();
}

void run(const Arguments& arguments) {
    Ring ring{{}, arguments.distance_km, arguments.width_km};
    check_ring(ring);
    const std::vector<Place> places = read_cities(arguments.data);
    const Place& centre = choose(places, arguments.place);
    ring.centre = centre.point;

    const StoreDirectory directory(arguments.store);
    const auto start = std::chrono::steady_clock::now();
    store_cities(directory.path(), places);
    const auto stored = std::chrono::steady_clock::now();
    const std::vector<RingCity> found = cities_in_ring(directory.path(), ring);
    const auto answered = std::chrono::steady_clock::now();

    print_table(std::cout, found);
    draw(arguments.svg, places, {centre.city.name + ", " + centre.city.country, ring}, found);
    std::cout << found.size() << " of " << grouped(places.size()) << " cities lie between " << ring.distance_km
              << " and " << ring.outer_km() << " km from " << centre.city.name << ", " << centre.city.country
              << ".\nStored in " << milliseconds(stored - start) << "; reopened and answered in "
              << milliseconds(answered - stored) << ". Map: " << arguments.svg.string()
              << "\nCity data: GeoNames (geonames.org), CC BY 4.0.\n";
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const Arguments arguments = parse(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
        if (arguments.help)
            std::cout << help;
        else
            run(arguments);
        if (!std::cout.flush()) throw std::runtime_error("standard output cannot be written");
        return EXIT_SUCCESS;
    } catch (const RingError& error) {
        std::cerr << "ring_map: " << error.what() << '\n';
        return 2;
    } catch (const CityError& error) {
        std::cerr << "ring_map: " << error.what() << '\n';
        return 2;
    } catch (const std::exception& error) {
        std::cerr << "ring_map: " << error.what() << '\n';
        return EXIT_FAILURE;
    }
}

// Reads the cities of examples/data/cities.csv, and finds a city by its name.
//
//     std::vector<Place> places = read_cities("cities.csv");
//     const Place& paris = find_place(places, "Paris");        // the largest of that name
//     const Place& other = find_place(places, "Paris, US");    // the one in a country
//
// Throws CityError; its text names the problem and the line or the city.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "geo.hpp"

struct City {
    std::string name;
    std::string country;  // two letters, ISO 3166
    std::uint64_t population = 0;
};

struct Place {
    City city;
    geo::Point point;
};

class CityError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// The fields of one line. A quoted field may contain commas, and two quotes for one.
[[nodiscard]] inline std::vector<std::string> split_csv(std::string_view line) {
    std::vector<std::string> fields(1);
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const bool doubled = quoted && line[i] == '"' && i + 1 < line.size() && line[i + 1] == '"';
        if (doubled)
            fields.back() += line[i++];
        else if (line[i] == '"')
            quoted = !quoted;
        else if (line[i] == ',' && !quoted)
            fields.emplace_back();
        else
            fields.back() += line[i];
    }
    return fields;
}

// The whole text as a finite number. Throws CityError that names `what`.
[[nodiscard]] inline double parse_number(const std::string& text, const std::string& what) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !std::isfinite(value))
        throw CityError(what + ": expected a number, found \"" + text + "\"");
    return value;
}

[[nodiscard]] inline Place parse_city(const std::string& line, const std::string& where) {
    std::vector<std::string> fields = split_csv(line);
    if (fields.size() != 5) throw CityError(where + ": expected 5 fields, found " + std::to_string(fields.size()));
    const geo::Point point{parse_number(fields[2], where + ": latitude"),
                           parse_number(fields[3], where + ": longitude")};
    const double population = parse_number(fields[4], where + ": population");
    if (std::abs(point.latitude) > 90 || std::abs(point.longitude) > 180 || population < 0 || population > 1e10)
        throw CityError(where + ": no such place on Earth: " + line);
    return {{std::move(fields[0]), std::move(fields[1]), static_cast<std::uint64_t>(population)}, point};
}

[[nodiscard]] inline std::vector<Place> read_cities(const std::filesystem::path& path) {
    std::ifstream file(path);
    if (!file) throw CityError(path.string() + ": cannot be opened; --data names the file of cities");
    std::string line;
    std::getline(file, line);
    if (line != "name,country,latitude,longitude,population")
        throw CityError(path.string() + ":1: expected name,country,latitude,longitude,population, found \"" + line +
                        "\"");
    std::vector<Place> places;
    for (std::size_t number = 2; std::getline(file, line); ++number)
        places.push_back(parse_city(line, path.string() + ":" + std::to_string(number)));
    if (places.empty()) throw CityError(path.string() + ": expected cities, found none");
    return places;
}

[[nodiscard]] inline std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

// The edit distance: the number of letters to insert, remove or change to get from one text to the other.
[[nodiscard]] inline std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = std::exchange(row[j + 1], std::min({changed, row[j] + 1, row[j + 1] + 1}));
        }
    }
    return row.back();
}

// Up to three similar names: first names that begin with `name`, then names within a few letters of it.
[[nodiscard]] inline std::vector<std::string> similar_names(const std::vector<Place>& places, std::string_view name) {
    constexpr std::size_t begins = 1, hopeless = 4;
    const std::string wanted = lower(name);
    std::vector<std::pair<std::size_t, const Place*>> candidates;
    for (const Place& place : places) {
        const std::string found = lower(place.city.name);
        const std::size_t distance =
            wanted.size() > 2 && found.starts_with(wanted) ? begins : edit_distance(wanted, found);
        if (distance < std::min(hopeless, wanted.size())) candidates.emplace_back(distance, &place);
    }
    std::stable_sort(candidates.begin(), candidates.end(), [](auto a, auto b) { return a.first < b.first; });
    std::vector<std::string> names;
    for (const auto& [distance, place] : candidates) {
        const std::string text = place->city.name + ", " + place->city.country;
        if (names.size() < 3 && std::find(names.begin(), names.end(), text) == names.end()) names.push_back(text);
    }
    return names;
}

// All places of this name, the largest first. "Paris, US" asks for one country. Case is ignored for A to Z.
[[nodiscard]] inline std::vector<const Place*> places_named(const std::vector<Place>& places, std::string_view name) {
    const std::string wanted = lower(name);
    std::vector<const Place*> found;
    for (const Place& place : places) {
        const std::string plain = lower(place.city.name);
        if (plain == wanted || plain + ", " + lower(place.city.country) == wanted) found.push_back(&place);
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const Place* a, const Place* b) { return a->city.population > b->city.population; });
    return found;
}

// The largest place of this name.
[[nodiscard]] inline const Place& find_place(const std::vector<Place>& places, std::string_view name) {
    const std::vector<const Place*> found = places_named(places, name);
    if (!found.empty()) return *found.front();
    std::string message = "no city of 15,000 people or more is called \"" + std::string(name) + "\"";
    const std::vector<std::string> similar = similar_names(places, name);
    for (std::size_t i = 0; i < similar.size(); ++i)
        message += (i == 0 ? "; did you mean " : i + 1 == similar.size() ? " or " : ", ") + similar[i];
    throw CityError(message + (similar.empty() ? "" : "?"));
}

// A map of a ring: the world with every city as a faint dot, and an enlarged lens with the ring.
//
//     write_world_map(stream, places, {"Paris", ring}, cities_in_ring(directory, ring));
//
// The world uses an equirectangular projection, where the ring looks squeezed. The lens in the corner uses an azimuthal
// equidistant projection, where it is a circle. Complexity: linear in the number of cities; about 350 KB of SVG for all
// of them.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <iomanip>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "geo.hpp"
#include "ring_map.hpp"

struct MapTitle {
    std::string place;
    Ring ring;
};

namespace world_map {

inline constexpr double width = 1600, height = 800, top = 84, north = 84, south = -60;
inline constexpr double lens_x = 236, lens_y = 596, lens_radius = 186;

struct Pixel {
    double x = 0, y = 0;
};

[[nodiscard]] inline Pixel on_world(geo::Point point) {
    const double scale = (height - top) / (north - south);
    return {(point.longitude + 180) / 360 * width, top + (north - point.latitude) * scale};
}

// Keeps distances and directions from the centre.
struct Lens {
    geo::Point centre;
    double reach_km = 0;

    [[nodiscard]] double scale() const { return lens_radius / reach_km; }
    [[nodiscard]] bool shows(geo::Point point) const { return geo::great_circle_km(centre, point) < reach_km; }
    [[nodiscard]] Pixel at(geo::Point point) const {
        const double r = geo::great_circle_km(centre, point) * scale();
        const double direction = geo::radians(geo::bearing(centre, point));
        return {lens_x + r * std::sin(direction), lens_y - r * std::cos(direction)};
    }
};

[[nodiscard]] inline std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == '&')
            result += "&amp;";
        else if (c == '<')
            result += "&lt;";
        else if (c == '>')
            result += "&gt;";
        else if (c == '"')
            result += "&quot;";
        else
            result += c;
    }
    return result;
}

// A dot is a line of length 0 with round ends: the shortest SVG for thousands of circles.
inline void dot(std::ostream& out, Pixel p) { out << 'M' << p.x << ' ' << p.y << "h0"; }

inline void begin(std::ostream& out) {
    out << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << width << ' ' << height
        << "\" font-family=\"Helvetica, Arial, 'Liberation Sans', sans-serif\">\n"
           "<style>.land{stroke:#6680a6;stroke-width:1.5;stroke-linecap:round;opacity:.85;fill:none}"
           ".near{stroke:#8ea6c8;stroke-width:2.6;stroke-linecap:round;opacity:.75;fill:none}"
           ".grid{stroke:#1d2c44;stroke-width:1;fill:none}"
           ".edge{stroke:#ffb454;stroke-width:1;fill:none;opacity:.8}"
           ".hit{fill:#ffb454;stroke:#0b1525;stroke-width:.5}.centre{fill:#fff}"
           ".name{fill:#fff3df;font-size:12px;paint-order:stroke;stroke:#0b1525;stroke-width:3px;"
           "stroke-linejoin:round}</style>\n"
           "<rect width=\""
        << width << "\" height=\"" << height << "\" fill=\"#0b1525\"/>\n";
}

inline void grid(std::ostream& out) {
    out << "<path class=\"grid\" d=\"";
    for (int longitude = -150; longitude <= 150; longitude += 30)
        out << 'M' << on_world({0, double(longitude)}).x << ' ' << top << 'V' << height;
    for (int latitude = -30; latitude <= 60; latitude += 30)
        out << "M0 " << on_world({double(latitude), 0}).y << 'H' << width;
    out << "\"/>\n";
}

inline void all_cities(std::ostream& out, const std::vector<Place>& places) {
    out << "<path class=\"land\" d=\"";
    for (const Place& place : places) dot(out, on_world(place.point));
    out << "\"/>\n";
}

// A circle on the globe. The path is interrupted at the date line.
inline void circle(std::ostream& out, geo::Point centre, double km) {
    out << "<path class=\"edge\" d=\"";
    double last = 1e9;
    for (int bearing = 0; bearing <= 360; ++bearing) {
        const Pixel p = on_world(geo::destination(centre, bearing, km));
        out << (std::abs(p.x - last) > width / 2 ? 'M' : 'L') << p.x << ' ' << p.y;
        last = p.x;
    }
    out << "\"/>\n";
}

// Larger cities make larger dots.
[[nodiscard]] inline double dot_radius(const City& city, double smallest, double largest) {
    const double share = (std::log10(double(city.population) + 1) - 4) / 3;
    return std::clamp(smallest + share * (largest - smallest), smallest, largest);
}

inline void disc(std::ostream& out, std::string_view style, Pixel p, double radius) {
    out << "<circle class=\"" << style << "\" cx=\"" << p.x << "\" cy=\"" << p.y << "\" r=\"" << radius << "\"/>\n";
}

// The position of a name: its baseline begins at `at`.
struct NameBox {
    Pixel at;
    double width = 0;

    [[nodiscard]] bool touches(const NameBox& other) const {
        return std::abs(at.y - other.at.y) < 15 && at.x < other.at.x + other.width + 6 && other.at.x < at.x + width + 6;
    }
    [[nodiscard]] bool in_lens() const {
        const double x = std::max(std::abs(at.x - lens_x), std::abs(at.x + width - lens_x));
        const double y = std::max(std::abs(at.y - 10 - lens_y), std::abs(at.y + 3 - lens_y));
        return std::hypot(x, y) < lens_radius;
    }
};

// An upper estimate of the width of a text in sans-serif at 12 pixels.
[[nodiscard]] inline double width_of(std::string_view name) {
    return 7.2 * double(std::count_if(name.begin(), name.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// The names of the largest cities, as many as find room in the lens without touching each other: on the far side of
// the centre if they fit there.
inline void names(std::ostream& out, const Lens& lens, const NameBox& centre, std::vector<RingCity> cities) {
    constexpr std::size_t most = 14;
    std::stable_sort(cities.begin(), cities.end(),
                     [](const auto& a, const auto& b) { return a.city.population > b.city.population; });
    std::vector<NameBox> taken{centre};
    const auto has_room = [&taken](const NameBox& box) {
        return box.in_lens() &&
               std::none_of(taken.begin(), taken.end(), [&box](const NameBox& other) { return box.touches(other); });
    };
    for (const RingCity& found : cities) {
        const Pixel p = lens.at(found.point);
        const double room = width_of(found.city.name);
        const NameBox left{{p.x - 7 - room, p.y + 4}, room}, right{{p.x + 7, p.y + 4}, room};
        const NameBox& outer = p.x < lens_x ? left : right;
        const NameBox& box = has_room(outer) ? outer : p.x < lens_x ? right : left;
        if (taken.size() > most || !has_room(box)) continue;
        const bool ends_at_dot = &box == &left;
        out << "<text class=\"name\" x=\"" << p.x + (ends_at_dot ? -7 : 7) << "\" y=\"" << p.y + 4
            << "\" text-anchor=\"" << (ends_at_dot ? "end" : "start") << "\">" << escaped(found.city.name)
            << "</text>\n";
        taken.push_back(box);
    }
}

inline void lens(std::ostream& out, const std::vector<Place>& places, const MapTitle& title,
                 const std::vector<RingCity>& hits) {
    const Ring& ring = title.ring;
    const Lens lens{ring.centre, std::min(ring.outer_km() * 1.25, geo::farthest_km)};
    const double middle = (ring.distance_km + ring.outer_km()) / 2, band = ring.outer_km() - ring.distance_km;
    out << "<circle cx=\"" << lens_x << "\" cy=\"" << lens_y << "\" r=\"" << lens_radius
        << "\" fill=\"#101d33\" stroke=\"#33496b\" stroke-width=\"1.5\"/>\n<circle cx=\"" << lens_x << "\" cy=\""
        << lens_y << "\" r=\"" << middle * lens.scale() << "\" fill=\"none\" stroke=\"#ffb454\" stroke-opacity=\".16\""
        << " stroke-width=\"" << band * lens.scale() << "\"/>\n<path class=\"near\" d=\"";
    for (const Place& place : places)
        if (lens.shows(place.point)) dot(out, lens.at(place.point));
    out << "\"/>\n";
    for (const RingCity& hit : hits) disc(out, "hit", lens.at(hit.point), dot_radius(hit.city, 2.4, 6));
    disc(out, "centre", lens.at(ring.centre), 4);
    out << "<text class=\"name\" x=\"" << lens_x << "\" y=\"" << lens_y - 10 << "\" text-anchor=\"middle\">"
        << escaped(title.place) << "</text>\n";
    const double room = width_of(title.place);
    names(out, lens, {{lens_x - room / 2, lens_y - 10}, room}, hits);
}

inline void text(std::ostream& out, const MapTitle& title, std::size_t hits) {
    std::ostringstream heading;
    heading << "Cities between " << title.ring.distance_km << " and " << title.ring.outer_km() << " km from "
            << title.place;
    out << "<text x=\"32\" y=\"46\" fill=\"#fff3df\" font-size=\"28\" font-weight=\"bold\">" << escaped(heading.str())
        << "</text>\n<text x=\"32\" y=\"70\" fill=\"#8ea6c8\" font-size=\"15\">" << hits
        << (hits == 1 ? " city" : " cities")
        << " of 15,000 people or more, found by a range query over points on the unit sphere</text>\n<text x=\""
        << width - 16 << "\" y=\"" << height - 12
        << "\" fill=\"#5f7596\" font-size=\"12\" text-anchor=\"end\">City data: GeoNames (geonames.org), CC BY 4.0. "
           "Drawn by mapvec's ring_map.</text>\n";
}

}  // namespace world_map

inline void write_world_map(std::ostream& out, const std::vector<Place>& places, const MapTitle& title,
                            const std::vector<RingCity>& hits) {
    std::ostringstream svg;
    svg << std::fixed << std::setprecision(1);
    world_map::begin(svg);
    world_map::grid(svg);
    world_map::all_cities(svg, places);
    world_map::circle(svg, title.ring.centre, title.ring.distance_km);
    world_map::circle(svg, title.ring.centre, title.ring.outer_km());
    for (const RingCity& hit : hits)
        world_map::disc(svg, "hit", world_map::on_world(hit.point), world_map::dot_radius(hit.city, 1.6, 3.4));
    world_map::disc(svg, "centre", world_map::on_world(title.ring.centre), 2.4);
    world_map::lens(svg, places, title, hits);
    world_map::text(svg, title, hits.size());
    svg << "</svg>\n";
    out << svg.str();
}

// Places on the globe as points in space, so that a vector search can find them.
//
//     geo::Vector paris = geo::unit_vector({48.853, 2.349});
//     double chord = geo::chord_from_km(500);            // 500 km over ground, as a straight line
//     double km = geo::km_from_chord(chord);             // 500 again
//
// The globe is a sphere with the mean radius of the Earth, so distances are right to half a percent. On the unit sphere
// the straight distance (the chord) grows with the distance over ground, so a ring on the globe is a ring in space:
// chord = 2 sin(d / 2R).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace geo {

struct Point {
    double latitude = 0;   // degrees, north is positive
    double longitude = 0;  // degrees, east is positive
};

using Vector = std::array<float, 3>;

inline constexpr double earth_radius_km = 6371.0088;
inline constexpr double farthest_km = std::numbers::pi * earth_radius_km;  // half of the circumference

[[nodiscard]] constexpr double radians(double degrees) { return degrees * std::numbers::pi / 180; }
[[nodiscard]] constexpr double degrees(double radians) { return radians * 180 / std::numbers::pi; }

[[nodiscard]] inline Vector unit_vector(Point point) {
    const double latitude = radians(point.latitude), longitude = radians(point.longitude);
    return {static_cast<float>(std::cos(latitude) * std::cos(longitude)),
            static_cast<float>(std::cos(latitude) * std::sin(longitude)), static_cast<float>(std::sin(latitude))};
}

// The inverse of unit_vector(), exact to about a metre, because the vector holds floats.
[[nodiscard]] inline Point point_of(double x, double y, double z) {
    return {degrees(std::atan2(z, std::hypot(x, y))), degrees(std::atan2(y, x))};
}

// REQUIRES: 0 <= km <= farthest_km.
[[nodiscard]] inline double chord_from_km(double km) { return 2 * std::sin(km / (2 * earth_radius_km)); }

[[nodiscard]] inline double km_from_chord(double chord) {
    return 2 * earth_radius_km * std::asin(std::clamp(chord / 2, 0.0, 1.0));
}

// The point that lies `km` away in the direction `bearing` (degrees, clockwise from north).
[[nodiscard]] inline Point destination(Point from, double bearing, double km) {
    const double angle = km / earth_radius_km, direction = radians(bearing);
    const double latitude = radians(from.latitude), longitude = radians(from.longitude);
    const double sine =
        std::sin(latitude) * std::cos(angle) + std::cos(latitude) * std::sin(angle) * std::cos(direction);
    const double east = std::sin(direction) * std::sin(angle) * std::cos(latitude);
    const double north = std::cos(angle) - std::sin(latitude) * sine;
    const double turned = degrees(longitude + std::atan2(east, north));
    return {degrees(std::asin(std::clamp(sine, -1.0, 1.0))), std::remainder(turned, 360.0)};
}

// The direction from one point to another (degrees, clockwise from north).
[[nodiscard]] inline double bearing(Point from, Point to) {
    const double latitude = radians(from.latitude), other = radians(to.latitude);
    const double turn = radians(to.longitude - from.longitude);
    return degrees(
        std::atan2(std::sin(turn) * std::cos(other),
                   std::cos(latitude) * std::sin(other) - std::sin(latitude) * std::cos(other) * std::cos(turn)));
}

// The distance over ground (haversine).
[[nodiscard]] inline double great_circle_km(Point a, Point b) {
    const double up = std::sin(radians(b.latitude - a.latitude) / 2);
    const double across = std::sin(radians(b.longitude - a.longitude) / 2);
    const double h = up * up + std::cos(radians(a.latitude)) * std::cos(radians(b.latitude)) * across * across;
    return 2 * earth_radius_km * std::asin(std::sqrt(std::min(h, 1.0)));
}

}  // namespace geo

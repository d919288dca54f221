// Points on the globe. Control core only.
#pragma once

#include <compare>

namespace holdfast::control {

struct Coordinates {
  double latitude = 0;   // degrees, -90..90
  double longitude = 0;  // degrees, -180..180
  auto operator<=>(const Coordinates&) const = default;
};

/// Great circle on a sphere of the mean radius, 6371.0088 km; 0..20015.1.
double DistanceKm(const Coordinates& a, const Coordinates& b) noexcept;

/// The point of the grid that is nearest in degrees: multiples of `grid_degrees` (0.05..10) from 0.
/// Longitude -180 is 180; a pole has longitude 0, so that equal places are equal numbers.
Coordinates RoundToGrid(const Coordinates& place, double grid_degrees) noexcept;

}  // namespace holdfast::control

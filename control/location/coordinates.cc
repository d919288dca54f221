#include "control/location/coordinates.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace holdfast::control {
namespace {

constexpr double kMeanRadiusKm = 6371.0088;

double Radians(double degrees) noexcept {
  return degrees * std::numbers::pi / 180;
}

}  // namespace

// Haversine: exact enough near by, where the law of cosines loses its digits, and clamped for
// antipodes.
double DistanceKm(const Coordinates& a, const Coordinates& b) noexcept {
  const double up = std::sin(Radians(b.latitude - a.latitude) / 2);
  const double along = std::sin(Radians(b.longitude - a.longitude) / 2);
  const double h =
      (up * up) + (std::cos(Radians(a.latitude)) * std::cos(Radians(b.latitude)) * along * along);
  return 2 * kMeanRadiusKm * std::asin(std::sqrt(std::clamp(h, 0.0, 1.0)));
}

Coordinates RoundToGrid(const Coordinates& place, double grid_degrees) noexcept {
  const auto nearest = [grid_degrees](double degrees) {
    return (std::round(degrees / grid_degrees) * grid_degrees) + 0.0;  // -0 becomes 0
  };
  const double latitude = std::clamp(nearest(place.latitude), -90.0, 90.0);
  if (std::abs(latitude) == 90) {
    return {latitude, 0};
  }
  double longitude = nearest(place.longitude);
  if (longitude > 180) {
    longitude -= 360;
  } else if (longitude <= -180) {
    longitude += 360;
  }
  return {latitude, longitude};
}

}  // namespace holdfast::control

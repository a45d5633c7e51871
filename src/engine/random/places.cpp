#include "random/places.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace margmix {

namespace {

constexpr double kEarthRadius = 6371.0088;  // mean radius, km (Moritz 2000)

// Unit vectors of longitudes and latitudes, times the radius.
MatrixXd on_sphere(const MatrixXd& degrees) {
  if (degrees.rows() != 2) throw std::invalid_argument("longitude and latitude are two rows");
  constexpr double radian = EIGEN_PI / 180;
  MatrixXd out(3, degrees.cols());
  for (Index i = 0; i < degrees.cols(); ++i) {
    const double lon = radian * degrees(0, i), lat = radian * degrees(1, i);
    out.col(i) << std::cos(lat) * std::cos(lon), std::cos(lat) * std::sin(lon), std::sin(lat);
  }
  return kEarthRadius * out;
}

}  // namespace

Places::Places(const MatrixXd& coordinates, const std::string& metric, std::vector<int> block)
    : at_(metric == "euclidean" ? coordinates : on_sphere(coordinates)),
      great_circle_(metric == "great_circle"),
      block_(std::move(block)) {
  for (int b : block_) blocks_ = std::max(blocks_, b + 1);
}

double Places::arc(double chord) {
  return 2 * kEarthRadius * std::asin(std::min(1.0, chord / (2 * kEarthRadius)));
}

namespace {

Index nearest_to_middle(const Places& places, const std::vector<int>& members) {
  Index best = members[0];
  double least = kInf;
  // the one with the smallest sum of distances to a few of the others
  const std::size_t step = std::max<std::size_t>(1, members.size() / 100);
  for (int i : members) {
    double sum = 0;
    for (std::size_t k = 0; k < members.size(); k += step) sum += places.distance(i, members[k]);
    if (sum < least) least = sum, best = i;
  }
  return best;
}

}  // namespace

MaximinOrder maximin_order(const Places& places) {
  MaximinOrder out;
  out.apart = VectorXd::Constant(places.size(), kInf);
  std::vector<std::vector<int>> members(places.blocks());
  for (Index i = 0; i < places.size(); ++i) members[places.block(i)].push_back(static_cast<int>(i));
  for (auto& left : members) {
    if (left.empty()) continue;
    Index next = nearest_to_middle(places, left);
    while (true) {
      out.order.push_back(static_cast<int>(next));
      left.erase(std::find(left.begin(), left.end(), static_cast<int>(next)));
      if (left.empty()) break;
      const Index last = next;
      next = left[0];
      for (int i : left) {
        out.apart[i] = std::min(out.apart[i], places.distance(i, last));
        if (out.apart[i] > out.apart[next]) next = i;
      }
    }
  }
  return out;
}

std::vector<std::vector<int>> nearest_before(const Places& places, const std::vector<int>& order,
                                             Index count, const std::vector<char>& of,
                                             const std::vector<char>& candidate) {
  std::vector<std::vector<int>> out(places.size());
  std::vector<std::vector<int>> before(places.blocks());
  std::vector<std::pair<double, int>> found;  // a heap, the furthest first
  for (int i : order) {
    auto& earlier = before[places.block(i)];
    if (of[i] && count > 0) {
      found.clear();
      double furthest = kInf;  // squared, and a little more
      for (int j : earlier) {
        if (places.squared_chord(i, j) > furthest) continue;
        const std::pair<double, int> next(places.distance(i, j), j);
        if (static_cast<Index>(found.size()) == count) {
          if (!(next < found.front())) continue;
          std::pop_heap(found.begin(), found.end());
          found.back() = next;
        } else {
          found.push_back(next);
        }
        std::push_heap(found.begin(), found.end());
        if (static_cast<Index>(found.size()) == count)
          furthest = (1 + 1e-12) * places.squared_chord(i, found.front().second);
      }
      for (const auto& place : found) out[i].push_back(place.second);
      std::sort(out[i].begin(), out[i].end());
    }
    if (candidate[i]) earlier.push_back(i);
  }
  return out;
}

}  // namespace margmix

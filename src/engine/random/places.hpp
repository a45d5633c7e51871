// Places of a spatial field, their distances and an order in which each is far from those before
// it.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "core/types.hpp"

namespace margmix {

// Coordinates in 1 to 3 dimensions, or longitude and latitude in degrees; fields of different
// blocks are independent.
class Places {
 public:
  // "euclidean": in the unit of the coordinates. In km on a sphere of the earth's mean radius:
  // "great_circle", along the surface; "chordal", straight through it.
  // `coordinates`: dimensions x places.
  Places(const MatrixXd& coordinates, const std::string& metric, std::vector<int> block);

  Index size() const { return at_.cols(); }
  int block(Index i) const { return block_[i]; }
  int blocks() const { return blocks_; }
  double distance(Index i, Index j) const {
    const double chord = std::sqrt(squared_chord(i, j));
    return great_circle_ ? arc(chord) : chord;
  }
  // of the straight line between two places
  double squared_chord(Index i, Index j) const {
    const double *a = at_.data() + i * at_.rows(), *b = at_.data() + j * at_.rows();
    double sum = 0;
    for (Index k = 0; k < at_.rows(); ++k) sum += (a[k] - b[k]) * (a[k] - b[k]);
    return sum;
  }

 private:
  static double arc(double chord);

  MatrixXd at_;  // in the space where distances, or chords, are Euclidean
  bool great_circle_ = false;
  std::vector<int> block_;
  int blocks_ = 0;
};

// Maximin order (Guinness 2018, Technometrics 60, 415-429) within each block: the place nearest to
// the middle of its block, then always the one furthest from all before it. `order` has the places
// block by block; `apart` by place the distance to the nearest before it, infinite for the first.
struct MaximinOrder {
  std::vector<int> order;
  VectorXd apart;
};
MaximinOrder maximin_order(const Places& places);

// For each place of `of` its `count` nearest (fewer if there are not so many) among those of its
// block that are candidates and stand before it in `order`; by place, in ascending number.
std::vector<std::vector<int>> nearest_before(const Places& places, const std::vector<int>& order,
                                             Index count, const std::vector<char>& of,
                                             const std::vector<char>& candidate);

}  // namespace margmix

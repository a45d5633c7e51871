// Gaps between visits, and what correlations rho^gap make of them.
#pragma once

#include <algorithm>
#include <cmath>

#include "gee/correlation.hpp"

namespace margmix {

// The gaps between adjacent rows of a cluster, in units.
class Gaps {
 public:
  explicit Gaps(const Layout& layout) {
    if (!layout.time) return;
    gap_.assign(layout.rows(), 0.0);
    std::vector<double> seen;
    for (Index i = 0; i < layout.clusters(); ++i)
      for (Index j = layout.first(i) + 1; j < layout.start[i + 1]; ++j)
        seen.push_back(gap_[j] = layout.time[j] - layout.time[j - 1]);
    whole_ = std::all_of(seen.begin(), seen.end(), [](double d) { return d == std::round(d); });
    regular_ = std::all_of(seen.begin(), seen.end(), [](double d) { return d == 1.0; });
    seen.erase(std::remove(seen.begin(), seen.end(), 0.0), seen.end());
    if (!seen.empty() && !regular_) {
      std::nth_element(seen.begin(), seen.begin() + seen.size() / 2, seen.end());
      unit_ = seen[seen.size() / 2];
      for (double& d : gap_) d /= unit_;
    }
    if (regular_) gap_.clear();
  }

  double operator[](Index row) const { return regular_ ? 1.0 : gap_[row]; }
  bool regular() const { return regular_; }                 // all gaps are 1
  bool signed_rho() const { return whole_ && unit_ == 1; }  // rho^gap has a meaning for rho < 0
  double unit() const { return unit_; }

 private:
  std::vector<double> gap_;  // by row; 0 in the first of a cluster
  double unit_ = 1;
  bool regular_ = true, whole_ = true;
};

// rho^d and its derivative in rho.
inline double power(double rho, double d) { return d == 0 ? 1.0 : d == 1 ? rho : std::pow(rho, d); }
inline double power_derivative(double rho, double d) {
  return d == 0 ? 0.0 : d == 1 ? 1.0 : d * std::pow(rho, d - 1);
}

// Sums over all pairs j < k of a cluster in one sweep. For row k, with f = rho^D and g its
// derivative over the distance D to each earlier row: of f e_j, g e_j, f^2, f g and g^2.
struct PairSums {
  double fe = 0, ge = 0, ff = 0, fg = 0, gg = 0;

  // From row k - 1, with residual e, to row k, a gap d later.
  void advance(double e, double rho, double d) {
    const double r = power(rho, d), s = power_derivative(rho, d);
    fe += e;
    ff += 1;
    ge = ge * r + fe * s;
    fe *= r;
    gg = gg * r * r + 2 * r * s * fg + s * s * ff;
    fg = fg * r * r + r * s * ff;
    ff *= r * r;
  }
};

}  // namespace margmix

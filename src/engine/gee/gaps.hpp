// Gaps between visits.
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

}  // namespace margmix

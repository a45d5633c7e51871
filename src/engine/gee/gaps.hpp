// Gaps between visits, and what correlations rho^gap make of them.
#pragma once

#include <algorithm>
#include <cmath>

#include "gee/correlation.hpp"

namespace margmix {

enum class TimeUnit { median, shortest };

// The gaps between adjacent rows of a cluster, in units: the median or the shortest gap. Where all
// gaps are whole numbers and some are 1, the shortest gap keeps them as they are.
class Gaps {
 public:
  Gaps(const Layout& layout, TimeUnit kind) {
    if (!layout.time) return;
    gap_.assign(layout.rows(), 0.0);
    std::vector<double> seen;
    for (Index i = 0; i < layout.clusters(); ++i)
      for (Index j = layout.first(i) + 1; j < layout.start[i + 1]; ++j)
        seen.push_back(gap_[j] = layout.time[j] - layout.time[j - 1]);
    const auto all = [&seen](auto holds) { return std::all_of(seen.begin(), seen.end(), holds); };
    regular_ = all([](double d) { return d == 1; });
    if (!regular_) set_unit(seen, kind);
    whole_ = unit_ == 1 && all([](double d) { return d == std::round(d); });
    regular_ = regular_ || all([this](double d) { return d == unit_; });
    if (regular_) gap_.clear();
  }

  double operator[](Index row) const { return regular_ ? 1.0 : gap_[row]; }
  bool regular() const { return regular_; }   // all gaps are one unit
  bool signed_rho() const { return whole_; }  // rho^gap has a meaning for rho < 0
  double unit() const { return unit_; }
  double median() const { return median_; }  // in units

 private:
  void set_unit(std::vector<double> gaps, TimeUnit kind) {
    gaps.erase(std::remove(gaps.begin(), gaps.end(), 0.0), gaps.end());
    if (gaps.empty()) return;
    std::nth_element(gaps.begin(), gaps.begin() + gaps.size() / 2, gaps.end());
    const double median = gaps[gaps.size() / 2];
    const double shortest = *std::min_element(gaps.begin(), gaps.end());
    unit_ = kind == TimeUnit::median ? median : std::max(shortest, kShortest * median);
    median_ = median / unit_;
    for (double& d : gap_) d /= unit_;
  }

  static constexpr double kShortest = 1e-6;
  std::vector<double> gap_;  // by row; 0 in the first of a cluster
  double unit_ = 1, median_ = 1;
  bool regular_ = true, whole_ = true;  // whole: in units of 1
};

// rho^d and its derivative in rho; for d < 1 that has no value at 0.
inline double power(double rho, double d) { return d == 0 ? 1.0 : d == 1 ? rho : std::pow(rho, d); }
inline double power_derivative(double rho, double d) {
  if (d == 0 || (rho == 0 && d < 1)) return 0;
  return d == 1 ? 1.0 : d * std::pow(rho, d - 1);
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

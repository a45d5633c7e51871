// Gaps between visits, and what correlations rho^gap make of them.
#pragma once

#include <algorithm>
#include <cmath>

#include "gee/correlation.hpp"

namespace margmix {

enum class TimeUnit { median, shortest };

// The gaps of each row. Where all gaps are whole numbers and some are 1, the shortest gap keeps
// them as they are. `shared`: the facts of all clusters, of which these are some; or null.
class Gaps {
 public:
  Gaps(const Layout& layout, TimeUnit kind, const SharedFacts* shared) {
    if (!layout.time) return;
    gap_.assign(layout.rows(), 0.0);
    std::vector<double> seen;
    for (Index i = 0; i < layout.clusters(); ++i)
      for (Index j = layout.first(i) + 1; j < layout.start[i + 1]; ++j)
        seen.push_back(gap_[j] = layout.time[j] - layout.time[j - 1]);
    facts_ = shared ? shared->gaps : find_facts(seen, layout, kind);
    if (facts_.unit != 1)
      for (double& d : gap_) d /= facts_.unit;
    if (facts_.regular) gap_.clear();
  }

  double operator[](Index row) const { return facts_.regular ? 1.0 : gap_[row]; }
  bool regular() const { return facts_.regular; }
  bool signed_rho() const { return facts_.whole; }  // rho^gap has a meaning for rho < 0
  double unit() const { return facts_.unit; }
  double median() const { return facts_.median; }
  const GapFacts& facts() const { return facts_; }

 private:
  static GapFacts find_facts(const std::vector<double>& seen, const Layout& layout, TimeUnit kind) {
    const auto all = [&seen](auto holds) { return std::all_of(seen.begin(), seen.end(), holds); };
    GapFacts facts;
    facts.regular = all([](double d) { return d == 1; });
    if (!facts.regular) set_unit(layout.count ? counted(seen, layout) : seen, kind, facts);
    facts.whole = facts.unit == 1 && all([](double d) { return d == std::round(d); });
    facts.regular = facts.regular || all([&facts](double d) { return d == facts.unit; });
    return facts;
  }

  static void set_unit(std::vector<double> gaps, TimeUnit kind, GapFacts& facts) {
    gaps.erase(std::remove(gaps.begin(), gaps.end(), 0.0), gaps.end());
    if (gaps.empty()) return;
    std::nth_element(gaps.begin(), gaps.begin() + gaps.size() / 2, gaps.end());
    const double median = gaps[gaps.size() / 2];
    const double shortest = *std::min_element(gaps.begin(), gaps.end());
    facts.unit = kind == TimeUnit::median ? median : std::max(shortest, kShortest * median);
    facts.median = median / facts.unit;
  }

  // Every gap as often as its cluster stands for others.
  static std::vector<double> counted(const std::vector<double>& seen, const Layout& layout) {
    std::vector<double> all;
    auto gap = seen.begin();
    for (Index i = 0; i < layout.clusters(); ++i)
      for (Index j = 1; j < layout.size(i); ++j, ++gap)
        all.insert(all.end(), static_cast<std::size_t>(layout.count[i]), *gap);
    return all;
  }

  static constexpr double kShortest = 1e-6;
  std::vector<double> gap_;  // by row; 0 in the first of a cluster
  GapFacts facts_;
};

// rho^d and its derivative in rho; for d < 1 that has no value at 0.
inline double power(double rho, double d) { return d == 0 ? 1.0 : d == 1 ? rho : std::pow(rho, d); }
inline double power_derivative(double rho, double d) {
  if (d == 0 || (rho == 0 && d < 1)) return 0;
  return d == 1 ? 1.0 : d * std::pow(rho, d - 1);
}

// rho^d, and its derivative in rho.
struct Power {
  double f, g;
};
inline Power power_of(double rho, double d) { return {power(rho, d), power_derivative(rho, d)}; }

// Sums over all pairs j < k of a cluster in one sweep. For row k, with f = rho^D and g its
// derivative over the distance D to each earlier row: of f e_j, g e_j, f^2, f g and g^2.
struct PairSums {
  double fe = 0, ge = 0, ff = 0, fg = 0, gg = 0;

  // From row k - 1, with residual e, to row k; `over` the gap between them.
  void advance(double e, const Power& over) {
    const double r = over.f, s = over.g;
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

// R_jk = rho^|t_j - t_k|: a first-order Markov chain, also with gaps and real times. Given its
// past a row depends on the row before only, with step correlation r = rho^gap, so that L^-1 is
// bidiagonal: z_j = (e_j - r_j e_{j-1}) / sqrt(1 - r_j^2).
//
// Times are measured in units of the shortest gap, so that rho^gap has a bounded slope everywhere
// (in units of the median gap it would be infinite at 0 for shorter gaps, and a search that comes
// near would stay there). Inside, rho is the correlation over one unit; report() turns it into that
// over time 1. Starts and bounds are correlations over the median gap, which most rows have.
#pragma once

#include <algorithm>
#include <cmath>

#include "gee/gaps.hpp"

namespace margmix {

class AR1 final : public Correlation {
 public:
  explicit AR1(const Layout& layout, const SharedFacts* shared = nullptr)
      : layout_(layout), gaps_(layout, TimeUnit::shortest, shared) {
    if (!gaps_.regular()) step_.resize(layout.rows());
    set(initial());
  }

  Index parameters() const override { return 1; }
  SharedFacts shared() const override { return {0, {}, gaps_.facts()}; }
  bool only_positive() const override { return !gaps_.signed_rho(); }
  VectorXd initial() const override {
    return VectorXd::Constant(1, gaps_.regular() ? 0.0 : over_one_unit(0.3));
  }

  bool iterative(const MomentRule& rule) const override {
    return rule.all_lags || !gaps_.regular();
  }

  void assign(const VectorXd& alpha) override {
    rho_ = alpha[0];
    if (gaps_.regular()) return;
    for (Index j = 0; j < layout_.rows(); ++j) step_[j] = power(rho_, gaps_[j]);
  }

  VectorXd feasible(const VectorXd& alpha, double smallest) const override {
    const double most = over_one_unit(1 - smallest);
    return alpha.cwiseMax(gaps_.signed_rho() ? -most : 0).cwiseMin(most);
  }

  void whiten(Index i, RowsRef rows) const override {
    const Index first = layout_.first(i);
    for (Index c = 0; c < rows.cols(); ++c) {
      double* x = rows.col(c).data();
      for (Index j = rows.rows() - 1; j > 0; --j) {
        const double r = step(first + j);
        x[j] = (x[j] - r * x[j - 1]) / std::sqrt(1 - r * r);
      }
    }
  }

  void whiten_transposed(Index i, RowsRef rows) const override {
    const Index first = layout_.first(i), n = rows.rows();
    for (Index c = 0; c < rows.cols(); ++c) {
      double* x = rows.col(c).data();
      for (Index j = 0; j < n; ++j) {
        if (j > 0) x[j] /= std::sqrt(1 - step(first + j) * step(first + j));
        if (j + 1 == n) break;
        const double r = step(first + j + 1);
        x[j] -= r / std::sqrt(1 - r * r) * x[j + 1];
      }
    }
  }

  double log_determinant(Index i) const override {
    double sum = 0;
    for (Index j = layout_.first(i) + 1; j < layout_.start[i + 1]; ++j)
      sum += std::log1p(-step(j) * step(j));
    return sum;
  }

  double entry(Index i, Index j, Index k) const override {
    const Index first = layout_.first(i);
    if (j > k) std::swap(j, k);
    double r = 1;
    for (Index l = j + 1; l <= k && r != 0; ++l) r *= step(first + l);
    return r;
  }

  Index correlations_after(Index i, Index j, Index n, double least, double* out) const override {
    const Index first = layout_.first(i);
    double r = 1;
    Index count = 0;
    for (Index k = j + 1; k < n && std::fabs(r) > least; ++k) out[count++] = r *= step(first + k);
    return count;
  }

  // One Gauss-Newton step of least squares of e_j e_k / phi on rho^|t_j - t_k|, over adjacent
  // pairs or over all of them; with adjacent pairs at gap 1 it is the moment estimate itself.
  void add_moments(Index i, const double* e, const MomentRule& rule,
                   MomentSums& sums) const override {
    const Index n = layout_.size(i), first = layout_.first(i);
    if (n < 2) return;
    const auto over_gap = [&](Index k) { return power_of(rho_, gaps_[first + k]); };
    const auto over_one = [&](Index) { return Power{rho_, 1}; };
    const Step own = gaps_.regular() ? pairs(rule, n, e, over_one) : pairs(rule, n, e, over_gap);
    sums.num[0] += own.num;
    sums.off[0] += own.off;
    sums.den[0] += own.den;
    sums.pairs[0] += rule.all_lags ? 0.5 * double(n) * double(n - 1) : double(n - 1);
  }

  // Least squares in rho: a step goes at most half of the way to the ends of its range, unless that
  // is as good as the end.
  VectorXd estimate(const MomentSums& sums, double phi, const MomentRule& rule) const override {
    VectorXd alpha = Correlation::estimate(sums, phi, rule);
    if (gaps_.regular() && !rule.all_lags) return alpha;
    const double lower = gaps_.signed_rho() ? -1 : 0;
    if (sums.den[0] <= 0) alpha[0] = rho_ != 0 ? 0 : 0.1;
    if (lower == 0 && alpha[0] < 0 && rho_ < 1e-8) return VectorXd::Zero(1);
    alpha[0] = std::max(alpha[0], 0.5 * (rho_ + lower));
    alpha[0] = std::min(alpha[0], 0.5 * (rho_ + 1));
    return alpha;
  }

  VectorXd report(const VectorXd& alpha) const override {
    if (gaps_.unit() == 1) return alpha;
    return alpha.array().max(0.0).pow(1 / gaps_.unit());
  }
  VectorXd report_derivative(const VectorXd& alpha) const override {
    const double u = 1 / gaps_.unit();
    return gaps_.unit() == 1 ? VectorXd::Ones(1) : VectorXd(u * alpha.array().pow(u - 1));
  }

 private:
  // rho with which the correlation over the median gap is r.
  double over_one_unit(double r) const { return std::pow(r, 1 / gaps_.median()); }
  double step(Index row) const { return gaps_.regular() ? rho_ : step_[row]; }

  // Sums over pairs, with f = rho^gap and its slope g: of g e_j e_k, g (g rho - f), g^2.
  struct Step {
    double num = 0, off = 0, den = 0;
  };

  // `over(k)`: f and g of the gap between rows k - 1 and k.
  template <class Over>
  Step pairs(const MomentRule& rule, Index n, const double* e, Over over) const {
    Step own;
    PairSums sums;
    for (Index k = 1; k < n; ++k) {
      if (!rule.all_lags) sums = PairSums();
      sums.advance(e[k - 1], over(k));
      own.num += e[k] * sums.ge;
      own.off += rho_ * sums.gg - sums.fg;
      own.den += sums.gg;
    }
    return own;
  }

  Layout layout_;
  Gaps gaps_;
  double rho_ = 0;
  std::vector<double> step_;  // rho^gap by row, where gaps differ
};

}  // namespace margmix

// Exponential decay: R_jk = alpha r^|t_j - t_k| for j != k, at the same time alpha. It is the
// correlation of h z(t) + noise, h = sqrt(alpha), noise of variance 1 - alpha, z a Markov process
// of variance 1, so that a Kalman filter gives the innovations L^-1 e in O(n).
#pragma once

#include <cmath>

#include "gee/gaps.hpp"

namespace margmix {

class ExponentialDecay final : public Correlation {
 public:
  explicit ExponentialDecay(const Layout& layout, const SharedFacts* shared = nullptr)
      : layout_(layout), gaps_(layout, TimeUnit::median, shared), filter_(layout.rows()) {
    set(initial());
  }

  Index parameters() const override { return 2; }  // alpha, r over one unit
  Index sums() const override { return 3; }
  SharedFacts shared() const override { return {0, {}, gaps_.facts()}; }
  VectorXd initial() const override { return Eigen::Vector2d(0, 0.5); }
  bool bounded_at_zero(Index c) const override { return c == 0; }
  bool only_positive() const override { return true; }
  bool iterative(const MomentRule&) const override { return true; }

  void assign(const VectorXd& alpha) override {
    alpha_ = alpha[0];
    r_ = alpha[1];
    h_ = std::sqrt(std::max(0.0, alpha_));
    for (Index i = 0; i < layout_.clusters(); ++i) {
      double P = 1;  // variance of z given the past
      for (Index j = layout_.first(i); j < layout_.start[i + 1]; ++j) {
        Step& s = filter_[j];
        s.carry = j == layout_.first(i) ? 0.0 : power(r_, gaps_[j]);
        if (j > layout_.first(i)) P = s.carry * s.carry * P + 1 - s.carry * s.carry;
        const double F = alpha_ * P + 1 - alpha_;  // variance of the innovation
        s.gain = P * h_ / F;
        s.scale = 1 / std::sqrt(F);
        P *= 1 - s.gain * h_;
      }
    }
  }

  VectorXd feasible(const VectorXd& alpha, double smallest) const override {
    VectorXd a = alpha;
    a[0] = std::min(std::max(a[0], 0.0), 1 - smallest);
    a[1] = std::min(std::max(a[1], 0.0), 1.0);
    return a;
  }

  void whiten(Index i, RowsRef rows) const override {
    const Step* filter = filter_.data() + layout_.first(i);
    for (Index c = 0; c < rows.cols(); ++c) {
      double* x = rows.col(c).data();
      double a = 0;
      for (Index j = 0; j < rows.rows(); ++j) {
        a *= filter[j].carry;
        const double innovation = x[j] - h_ * a;
        a += filter[j].gain * innovation;
        x[j] = innovation * filter[j].scale;
      }
    }
  }

  // The adjoint of whiten(), last row first.
  void whiten_transposed(Index i, RowsRef rows) const override {
    const Step* filter = filter_.data() + layout_.first(i);
    for (Index c = 0; c < rows.cols(); ++c) {
      double* x = rows.col(c).data();
      double a = 0;
      for (Index j = rows.rows() - 1; j >= 0; --j) {
        const double innovation = x[j] * filter[j].scale + filter[j].gain * a;
        x[j] = innovation;
        a = filter[j].carry * (a - h_ * innovation);
      }
    }
  }

  double log_determinant(Index i) const override {
    double sum = 0;
    for (Index j = layout_.first(i); j < layout_.start[i + 1]; ++j)
      sum -= 2 * std::log(filter_[j].scale);
    return sum;
  }

  double entry(Index i, Index j, Index k) const override {
    if (j == k) return 1;
    if (j > k) std::swap(j, k);
    double r = alpha_;
    for (Index l = j + 1; l <= k && r != 0; ++l) r *= filter_[layout_.first(i) + l].carry;
    return r;
  }

  Index correlations_after(Index i, Index j, Index n, double least, double* out) const override {
    double r = alpha_;
    Index count = 0;
    for (Index k = j + 1; k < n && r > least; ++k)
      out[count++] = r *= filter_[layout_.first(i) + k].carry;
    return count;
  }

  // Least squares of e_j e_k / phi on alpha f, f = r^D with derivative g over the distance D: sums
  // of f e_j e_k, g e_j e_k (num) and of f^2, f g, g^2 (den), over all pairs in one sweep.
  void add_moments(Index i, const double* e, const MomentRule&, MomentSums& sums) const override {
    const Index n = layout_.size(i), first = layout_.first(i);
    PairSums pairs;
    for (Index k = 1; k < n; ++k) {
      pairs.advance(e[k - 1], power_of(r_, gaps_[first + k]));
      sums.num[0] += e[k] * pairs.fe;
      sums.num[1] += e[k] * pairs.ge;
      sums.den[0] += pairs.ff;
      sums.den[1] += pairs.fg;
      sums.den[2] += pairs.gg;
    }
    sums.pairs[0] += 0.5 * double(n) * double(n - 1);
  }

  // A Gauss-Newton step in (alpha, r) from where they are. r goes at most half of the way to 0 or
  // 1, and alpha is the best one for the r that is reached, so that it is also where r ends at 1.
  // Without a correlation r has no meaning and stays.
  VectorXd estimate(const MomentSums& sums, double phi, const MomentRule& rule) const override {
    const double kappa = correction(sums.pairs[0], rule) / phi;
    const double ff = sums.den[0], fg = alpha_ * sums.den[1], gg = alpha_ * alpha_ * sums.den[2];
    const double determinant = ff * gg - fg * fg;
    if (!(determinant > 1e-10 * ff * gg))
      return Eigen::Vector2d(ff > 0 ? kappa * sums.num[0] / ff : 0.0, r_);
    const double a = kappa * sums.num[0] - alpha_ * ff;
    const double b = alpha_ * (kappa * sums.num[1] - alpha_ * sums.den[1]);
    const double step = (ff * b - fg * a) / determinant;
    const double r = std::min(std::max(r_ + step, 0.5 * r_), 0.5 * (1 + r_));
    return Eigen::Vector2d(alpha_ + (a - fg * (r - r_)) / ff, r);
  }

  VectorXd report(const VectorXd& alpha) const override {
    return Eigen::Vector2d(alpha[0], std::pow(std::max(0.0, alpha[1]), 1 / gaps_.unit()));
  }
  VectorXd report_derivative(const VectorXd& alpha) const override {
    const double u = 1 / gaps_.unit();
    return Eigen::Vector2d(1, u == 1 ? 1.0 : u * std::pow(alpha[1], u - 1));
  }

 private:
  struct Step {
    double carry, gain, scale;  // r^gap, Kalman gain, 1 / sd of the innovation
  };

  Layout layout_;
  Gaps gaps_;
  std::vector<Step> filter_;
  double alpha_ = 0, r_ = 0.5, h_ = 0;
};

}  // namespace margmix

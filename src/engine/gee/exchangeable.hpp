// R = (1 - alpha) I + alpha 11': equal correlation of all pairs. Its eigenvalues are 1 - alpha and
// 1 + (n - 1) alpha, so that a symmetric root of R^-1 only shifts a column by a multiple of its
// sum.
#pragma once

#include <cmath>

#include "gee/correlation.hpp"

namespace margmix {

class Exchangeable final : public Correlation {
 public:
  explicit Exchangeable(const Layout& layout) : layout_(layout), largest_(layout.largest()) {
    set(VectorXd::Zero(1));
  }

  Index parameters() const override { return 1; }
  bool bounded_at_zero(Index) const override { return true; }

  void assign(const VectorXd& alpha) override {
    alpha_ = alpha[0];
    scale_ = 1 / std::sqrt(1 - alpha_);
  }

  VectorXd feasible(const VectorXd& alpha, double smallest) const override {
    const double lower = largest_ > 1 ? -(1 - smallest) / double(largest_ - 1) : -(1 - smallest);
    return alpha.cwiseMax(lower).cwiseMin(1 - smallest);
  }

  // R^-1/2 = (I - k 11') / sqrt(1 - alpha), k = (1 - sqrt((1 - alpha) / (1 + (n - 1) alpha))) / n
  void whiten(Index, RowsRef rows) const override {
    const Index n = rows.rows();
    const double k = (1 - std::sqrt((1 - alpha_) / (1 + double(n - 1) * alpha_))) / double(n);
    for (Index c = 0; c < rows.cols(); ++c) {
      auto x = rows.col(c);
      const double shift = k * x.sum();
      x.array() = (x.array() - shift) * scale_;
    }
  }
  void whiten_transposed(Index i, RowsRef rows) const override { whiten(i, rows); }

  double log_determinant(Index i) const override {
    const double n = double(layout_.size(i));
    return (n - 1) * std::log1p(-alpha_) + std::log1p((n - 1) * alpha_);
  }

  double entry(Index, Index j, Index k) const override { return j == k ? 1.0 : alpha_; }

  void add_moments(Index i, const double* e, const MomentRule&, MomentSums& sums) const override {
    const Index n = layout_.size(i);
    if (n < 2) return;
    const VectorMap residual(e, n);
    const double total = residual.sum(), pairs = 0.5 * double(n) * double(n - 1);
    sums.num[0] += 0.5 * (total * total - residual.squaredNorm());
    sums.den[0] += pairs;
    sums.pairs[0] += pairs;
  }

 private:
  Layout layout_;
  Index largest_;
  double alpha_ = 0, scale_ = 1;
};

}  // namespace margmix

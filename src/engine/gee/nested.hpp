// Nested exchangeable: correlation alpha_1 in the same inner unit, alpha_0 between inner units of a
// cluster. R = D + alpha_0 11' with D block diagonal, its blocks (1 - alpha_1) I + (alpha_1 -
// alpha_0) 11'. A symmetric root W of D^-1 works block by block; with g = W1,
//   R^-1 = W (I + alpha_0 gg')^-1 W,  (I + alpha_0 gg')^-1/2 = I - kappa gg'.
#pragma once

#include <cmath>

#include "gee/correlation.hpp"

namespace margmix {

class NestedExchangeable final : public Correlation {
 public:
  explicit NestedExchangeable(const Layout& layout) : layout_(layout) {
    first_unit_.push_back(0);
    for (Index i = 0; i < layout.clusters(); ++i) {
      for (Index j = layout.first(i); j < layout.start[i + 1];) {
        Index k = j + 1;
        while (k < layout.start[i + 1] && layout.inner[k] == layout.inner[j]) ++k;
        sizes_.push_back(k - j);
        j = k;
      }
      first_unit_.push_back(static_cast<Index>(sizes_.size()));
    }
    set(VectorXd::Zero(2));
  }

  Index parameters() const override { return 2; }
  bool bounded_at_zero(Index) const override { return true; }

  void assign(const VectorXd& alpha) override {
    within_ = alpha[0];
    between_ = alpha[1];
  }

  // R - sI = (D - sI) + alpha_0 11' is definite if D - sI is and 1 + alpha_0 1'(D - sI)^-1 1 > 0.
  VectorXd feasible(const VectorXd& alpha, double smallest) const override {
    return shrink(alpha, [&](const VectorXd& a) {
      if (1 - a[0] < smallest) return false;
      for (Index i = 0; i < layout_.clusters(); ++i) {
        double sum = 0;
        for (Index b = first_unit_[i]; b < first_unit_[i + 1]; ++b) {
          const double lambda = 1 - a[0] + double(sizes_[b]) * (a[0] - a[1]) - smallest;
          if (lambda <= 0) return false;
          sum += double(sizes_[b]) / lambda;
        }
        if (1 + a[1] * sum < 0) return false;
      }
      return true;
    });
  }

  void whiten(Index i, RowsRef rows) const override {
    for (Index c = 0; c < rows.cols(); ++c) {
      double* x = rows.col(c).data();
      root(i, x);
      rank_one(i, x);
    }
  }
  void whiten_transposed(Index i, RowsRef rows) const override {
    for (Index c = 0; c < rows.cols(); ++c) {
      double* x = rows.col(c).data();
      rank_one(i, x);
      root(i, x);
    }
  }

  double log_determinant(Index i) const override {
    double sum = std::log1p(between_ * g_squared(i));
    for (Index b = first_unit_[i]; b < first_unit_[i + 1]; ++b)
      sum += double(sizes_[b] - 1) * std::log1p(-within_) + std::log(lambda(b));
    return sum;
  }

  double entry(Index i, Index j, Index k) const override {
    const Index first = layout_.first(i);
    if (j == k) return 1;
    return layout_.inner[first + j] == layout_.inner[first + k] ? within_ : between_;
  }

  void add_moments(Index i, const double* e, const MomentRule&, MomentSums& sums) const override {
    double total = 0, squares = 0, unit_squares = 0, unit_pairs = 0;
    const double* x = e;
    for (Index b = first_unit_[i]; b < first_unit_[i + 1]; ++b) {
      double unit = 0;
      for (Index j = 0; j < sizes_[b]; ++j, ++x) {
        unit += *x;
        squares += *x * *x;
      }
      total += unit;
      unit_squares += unit * unit;
      unit_pairs += 0.5 * double(sizes_[b]) * double(sizes_[b] - 1);
    }
    const double n = double(layout_.size(i)), pairs = 0.5 * n * (n - 1) - unit_pairs;
    sums.num[0] += 0.5 * (unit_squares - squares);
    sums.num[1] += 0.5 * (total * total - unit_squares);
    for (auto* count : {&sums.den, &sums.pairs}) {
      (*count)[0] += unit_pairs;
      (*count)[1] += pairs;
    }
  }

 private:
  double lambda(Index unit) const {
    return 1 - within_ + double(sizes_[unit]) * (within_ - between_);
  }

  double g_squared(Index i) const {
    double sum = 0;
    for (Index b = first_unit_[i]; b < first_unit_[i + 1]; ++b)
      sum += double(sizes_[b]) / lambda(b);
    return sum;
  }

  // x <- W x
  void root(Index i, double* x) const {
    const double scale = 1 / std::sqrt(1 - within_);
    for (Index b = first_unit_[i]; b < first_unit_[i + 1]; x += sizes_[b], ++b) {
      const Index n = sizes_[b];
      const double k = (1 - std::sqrt((1 - within_) / lambda(b))) / double(n);
      Eigen::Map<VectorXd> block(x, n);
      block.array() = (block.array() - k * block.sum()) * scale;
    }
  }

  // x <- (I - kappa gg') x, kappa = (1 - (1 + alpha_0 |g|^2)^(-1/2)) / |g|^2
  void rank_one(Index i, double* x) const {
    const double g2 = g_squared(i), kappa = (1 - 1 / std::sqrt(1 + between_ * g2)) / g2;
    double gx = 0;
    double* y = x;
    for (Index b = first_unit_[i]; b < first_unit_[i + 1]; y += sizes_[b], ++b)
      gx += VectorMap(y, sizes_[b]).sum() / std::sqrt(lambda(b));
    for (Index b = first_unit_[i]; b < first_unit_[i + 1]; x += sizes_[b], ++b)
      Eigen::Map<VectorXd>(x, sizes_[b]).array() -= kappa * gx / std::sqrt(lambda(b));
  }

  Layout layout_;
  std::vector<Index> sizes_;       // rows of the inner units, cluster by cluster
  std::vector<Index> first_unit_;  // first unit of each cluster, and the end
  double within_ = 0, between_ = 0;
};

}  // namespace margmix

// m-dependence: correlation alpha_l at lag l <= m, 0 beyond. R is a band matrix and so is its
// Cholesky factor; rows of a cluster are m + 1 operations each. A factor belongs to a pattern of
// visits; clusters without gaps share the factor of the longest, whose leading part is theirs.
#pragma once

#include <cmath>

#include "gee/patterns.hpp"

namespace margmix {

class MDependent final : public Correlation {
 public:
  MDependent(const Layout& layout, Index m) : layout_(layout), m_(m), of_(layout.clusters()) {
    const Patterns patterns(layout, true);
    std::vector<Index> place(patterns.count(), -1);
    Index longest = 0;
    for (Index k = 0; k < patterns.count(); ++k) {
      const auto& visits = patterns.visits(k);
      const Index n = static_cast<Index>(visits.size());
      if (visits.empty() || visits.back() == n - 1) {
        longest = std::max(longest, n);
      } else {
        place[k] = static_cast<Index>(visits_.size()) + 1;
        visits_.push_back(visits);
      }
    }
    std::vector<int> regular(longest);
    for (Index j = 0; j < longest; ++j) regular[j] = static_cast<int>(j);
    visits_.insert(visits_.begin(), regular);
    for (Index i = 0; i < layout.clusters(); ++i)
      of_[i] = std::max<Index>(0, place[patterns.of(i)]);
    set(VectorXd::Zero(m_));
  }

  Index parameters() const override { return m_; }
  SharedFacts shared() const override {
    std::vector<int> lags(m_);
    for (Index l = 0; l < m_; ++l) lags[l] = static_cast<int>(l + 1);
    return {0, lags, {}};
  }

  void assign(const VectorXd& alpha) override {
    alpha_ = alpha;
    factors_.resize(visits_.size());
    for (std::size_t k = 0; k < visits_.size(); ++k) factor(visits_[k], alpha, 0, factors_[k]);
  }

  VectorXd feasible(const VectorXd& alpha, double smallest) const override {
    MatrixXd L;
    return shrink(alpha, [&](const VectorXd& a) {
      for (const auto& visits : visits_)
        if (!factor(visits, a, smallest, L)) return false;
      return true;
    });
  }

  bool shrinks() const override { return true; }

  void whiten(Index i, RowsRef rows) const override {
    const MatrixXd& L = factors_[of_[i]];
    for (Index c = 0; c < rows.cols(); ++c) {
      double* x = rows.col(c).data();
      for (Index j = 0; j < rows.rows(); ++j) {
        double sum = x[j];
        for (Index l = 1; l <= std::min(m_, j); ++l) sum -= L(l, j) * x[j - l];
        x[j] = sum / L(0, j);
      }
    }
  }

  void whiten_transposed(Index i, RowsRef rows) const override {
    const MatrixXd& L = factors_[of_[i]];
    for (Index c = 0; c < rows.cols(); ++c) {
      double* x = rows.col(c).data();
      for (Index j = rows.rows() - 1; j >= 0; --j) {
        x[j] /= L(0, j);
        for (Index l = 1; l <= std::min(m_, j); ++l) x[j - l] -= L(l, j) * x[j];
      }
    }
  }

  double log_determinant(Index i) const override {
    return 2 * factors_[of_[i]].row(0).head(layout_.size(i)).array().log().sum();
  }

  double entry(Index i, Index j, Index k) const override {
    const Index first = layout_.first(i);
    return correlation(
        std::abs(layout_.wave_of(first + j, first) - layout_.wave_of(first + k, first)), alpha_);
  }

  Index correlations_after(Index i, Index j, Index n, double, double* out) const override {
    const Index count = std::min(m_, n - j - 1);
    for (Index l = 0; l < count; ++l) out[l] = entry(i, j, j + 1 + l);
    return count;
  }

  void add_moments(Index i, const double* e, const MomentRule&, MomentSums& sums) const override {
    for_each_pair(i, [&](Index c, Index j, Index k) { sums.add_pair(c, e[j] * e[k]); });
  }

  void add_products(Index i, const double* e, MatrixXd& sums) const override {
    for_each_pair(i, [&](Index c, Index j, Index k) {
      sums.row(c) += Eigen::RowVector3d(e[j] * e[k], e[j] * e[j], e[k] * e[k]);
    });
  }

 private:
  // work(c, k, j) for rows k < j of cluster i that parameter c belongs to.
  template <class Work>
  void for_each_pair(Index i, Work work) const {
    const Index first = layout_.first(i), n = layout_.size(i);
    for (Index j = 1; j < n; ++j) {
      for (Index k = std::max<Index>(0, j - m_); k < j; ++k) {
        const Index lag = layout_.wave_of(first + j, first) - layout_.wave_of(first + k, first);
        if (lag <= m_) work(lag - 1, k, j);
      }
    }
  }

  double correlation(Index lag, const VectorXd& alpha) const {
    return lag == 0 ? 1.0 : lag <= m_ ? alpha[lag - 1] : 0.0;
  }

  // L(l, j) is the entry (j, j - l) of the factor of R - shift I; false if it is not definite.
  bool factor(const std::vector<int>& visits, const VectorXd& alpha, double shift,
              MatrixXd& L) const {
    const Index n = static_cast<Index>(visits.size());
    L.setZero(m_ + 1, n);
    for (Index j = 0; j < n; ++j) {
      for (Index l = std::min(m_, j); l >= 0; --l) {
        const Index k = j - l;
        double sum = correlation(visits[j] - visits[k], alpha) - (l == 0 ? shift : 0.0);
        for (Index t = std::max<Index>(0, j - m_); t < k; ++t) sum -= L(j - t, j) * L(k - t, k);
        if (l == 0 && !(sum > 0)) return false;
        L(l, j) = l == 0 ? std::sqrt(sum) : sum / L(0, k);
      }
    }
    return true;
  }

  Layout layout_;
  Index m_;
  std::vector<Index> of_;                 // factor of each cluster
  std::vector<std::vector<int>> visits_;  // by factor; the first without gaps
  VectorXd alpha_;
  std::vector<MatrixXd> factors_;  // (m + 1) x n
};

}  // namespace margmix

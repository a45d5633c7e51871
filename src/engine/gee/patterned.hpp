// Correlations given by the two visits: unstructured, Toeplitz, a fixed matrix. One Cholesky factor
// for each distinct pattern of visits.
#pragma once

#include <cmath>
#include <stdexcept>

#include "gee/patterns.hpp"
#include "linalg/decompositions.hpp"

namespace margmix {

class Patterned : public Correlation {
 public:
  Patterned(const Layout& layout, bool relative) : layout_(layout), patterns_(layout, relative) {
    double doubles = 0;
    for (Index k = 0; k < patterns_.count(); ++k)
      doubles += std::pow(double(patterns_.visits(k).size()), 2);
    stored_ = doubles <= kMostStored;
  }

  void assign(const VectorXd& alpha) override {
    alpha_ = alpha;
    if (!stored_) return;
    factors_.resize(patterns_.count());
    for (Index k = 0; k < patterns_.count(); ++k) factors_[k] = factor(k);
  }

  // R(t alpha) = t R(alpha) + (1 - t) I, so the largest t follows from the smallest eigenvalue.
  VectorXd feasible(const VectorXd& alpha, double smallest) const override {
    double t = 1;
    for (Index k = 0; k < patterns_.count(); ++k) {
      MatrixXd R = matrix(patterns_.visits(k), t * alpha);
      R.diagonal().array() -= smallest;
      if (Cholesky(R).definite()) continue;
      const double least = symmetric_eigenvalues(R)[0] + smallest;
      t *= std::min(1.0, (1 - smallest) / (1 - least));
    }
    return t * alpha;
  }

  bool shrinks() const override { return true; }

  void whiten(Index i, RowsRef rows) const override {
    Factor made;
    if (!stored_) made = factor(patterns_.of(i));
    const Factor& f = stored_ ? factors_[patterns_.of(i)] : made;
    if (!f.inverse.size()) {
      f.L.triangularView<Eigen::Lower>().solveInPlace(rows);
      return;
    }
    const Index n = rows.rows();
    for (Index c = 0; c < rows.cols(); ++c) {
      double* x = rows.col(c).data();
      for (Index r = n - 1; r >= 0; --r) {
        const double* row = f.inverse.col(r).data();
        double sum = 0;
        for (Index k = 0; k <= r; ++k) sum += row[k] * x[k];
        x[r] = sum;
      }
    }
  }

  void whiten_transposed(Index i, RowsRef rows) const override {
    const MatrixXd L = stored_ ? factors_[patterns_.of(i)].L : factor(patterns_.of(i)).L;
    L.transpose().triangularView<Eigen::Upper>().solveInPlace(rows);
  }

  double log_determinant(Index i) const override {
    const MatrixXd L = stored_ ? factors_[patterns_.of(i)].L : factor(patterns_.of(i)).L;
    return 2 * L.diagonal().array().log().sum();
  }

  double entry(Index i, Index j, Index k) const override {
    const auto& visits = patterns_.visits(patterns_.of(i));
    return j == k ? 1.0 : correlation(visits[j], visits[k], alpha_);
  }

  void add_moments(Index i, const double* e, const MomentRule&, MomentSums& sums) const override {
    for_each_pair(i, [&](Index c, Index j, Index k) { sums.add_pair(c, e[j] * e[k]); });
  }

  void add_products(Index i, const double* e, MatrixXd& sums) const override {
    for_each_pair(i, [&](Index c, Index j, Index k) {
      sums.row(c) += Eigen::RowVector3d(e[j] * e[k], e[j] * e[j], e[k] * e[k]);
    });
  }

 protected:
  // The parameter of two visits a < b, or -1.
  virtual Index parameter(int a, int b) const = 0;
  virtual double correlation(int a, int b, const VectorXd& alpha) const {
    const Index c = parameter(std::min(a, b), std::max(a, b));
    return c < 0 ? 0.0 : alpha[c];
  }

  Layout layout_;
  Patterns patterns_;

 private:
  // work(c, j, k) for rows j < k of cluster i that parameter c belongs to.
  template <class Work>
  void for_each_pair(Index i, Work work) const {
    const auto& visits = patterns_.visits(patterns_.of(i));
    const Index n = static_cast<Index>(visits.size());
    for (Index k = 1; k < n; ++k) {
      for (Index j = 0; j < k; ++j) {
        const Index c = parameter(visits[j], visits[k]);
        if (c >= 0) work(c, j, k);
      }
    }
  }

  static constexpr double kMostStored = 3e7;  // doubles
  static constexpr Index kInverse = 32;       // largest pattern whose inverse factor is kept

  struct Factor {
    MatrixXd L, inverse;  // R = LL'; the transpose of L^-1, so that its rows are contiguous
  };

  MatrixXd matrix(const std::vector<int>& visits, const VectorXd& alpha) const {
    const Index n = static_cast<Index>(visits.size());
    MatrixXd R = MatrixXd::Identity(n, n);
    for (Index k = 1; k < n; ++k)
      for (Index j = 0; j < k; ++j) R(k, j) = R(j, k) = correlation(visits[j], visits[k], alpha);
    return R;
  }

  Factor factor(Index pattern) const {
    const auto& visits = patterns_.visits(pattern);
    const Cholesky cholesky(matrix(visits, alpha_));
    if (!cholesky.definite())
      throw std::invalid_argument("a working correlation must be positive definite");
    Factor f{cholesky.L(), MatrixXd()};
    const Index n = f.L.rows();
    if (n <= kInverse) {
      f.inverse = f.L.triangularView<Eigen::Lower>().solve(MatrixXd::Identity(n, n));
      f.inverse.transposeInPlace();
    }
    return f;
  }

  bool stored_ = true;
  VectorXd alpha_;
  std::vector<Factor> factors_;
};

// One parameter for each pair of visits, (0, 1), (0, 2), (1, 2), ...; beyond `most` visits apart
// (non-stationary m-dependence) none.
class Unstructured final : public Patterned {
 public:
  Unstructured(const Layout& layout, int most, const SharedFacts* shared = nullptr)
      : Patterned(layout, false), most_(most) {
    visits_ = shared ? shared->visits : patterns_.largest_visit() + 1;
    set(VectorXd::Zero(parameters()));
  }
  Index parameters() const override { return visits_ * (visits_ - 1) / 2; }
  SharedFacts shared() const override { return {static_cast<int>(visits_), {}, {}}; }

 private:
  Index parameter(int a, int b) const override {
    return b - a > most_ ? -1 : Index(b) * (b - 1) / 2 + a;
  }
  Index visits_;
  int most_;
};

// One parameter for each lag that two rows of a cluster have.
class Toeplitz final : public Patterned {
 public:
  explicit Toeplitz(const Layout& layout, const SharedFacts* shared = nullptr)
      : Patterned(layout, true), lags_(shared ? shared->lags : own_lags()) {
    place_.assign(lags_.empty() ? 1 : lags_.back() + 1, -1);
    for (std::size_t c = 0; c < lags_.size(); ++c) place_[lags_[c]] = static_cast<Index>(c);
    set(VectorXd::Zero(parameters()));
  }
  Index parameters() const override { return static_cast<Index>(lags_.size()); }
  std::vector<int> lags() const override { return lags_; }
  SharedFacts shared() const override { return {0, lags_, {}}; }

 private:
  std::vector<int> own_lags() const {
    std::vector<char> seen(patterns_.largest_visit() + 1, 0);
    for (Index k = 0; k < patterns_.count(); ++k) {
      const auto& visits = patterns_.visits(k);
      for (std::size_t b = 1; b < visits.size(); ++b)
        for (std::size_t a = 0; a < b; ++a) seen[visits[b] - visits[a]] = 1;
    }
    std::vector<int> lags;
    for (std::size_t lag = 1; lag < seen.size(); ++lag)
      if (seen[lag]) lags.push_back(static_cast<int>(lag));
    return lags;
  }
  Index parameter(int a, int b) const override { return place_[b - a]; }
  std::vector<int> lags_;
  std::vector<Index> place_;  // of the parameter, by lag
};

// A matrix of the user, by visit.
class Fixed final : public Patterned {
 public:
  Fixed(const Layout& layout, const MatrixXd& R) : Patterned(layout, false), R_(R) {
    if (patterns_.largest_visit() >= R.rows())
      throw std::invalid_argument("a fixed correlation matrix must have a row for every visit");
    set(VectorXd());
  }
  Index parameters() const override { return 0; }
  VectorXd feasible(const VectorXd& alpha, double) const override { return alpha; }

 private:
  Index parameter(int, int) const override { return -1; }
  double correlation(int a, int b, const VectorXd&) const override { return R_(a, b); }
  MatrixXd R_;
};

}  // namespace margmix

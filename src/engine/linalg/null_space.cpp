#include "linalg/null_space.hpp"

#include <algorithm>
#include <cmath>

#include "linalg/decompositions.hpp"
#include "linalg/dense_kernels.hpp"
#include "linalg/products.hpp"
#include "linalg/tiled.hpp"

namespace margmix {

namespace {

constexpr Index kFirstWidth = 16;
constexpr int kMostSteps = 30;

// Vectors that are far from every special direction: parts of t^2 phi beyond its integer, for t =
// 0, 1, 2, ..., are uniform and unrelated to each other.
MatrixXd scattered(Index n, Index width) {
  MatrixXd out(n, width);
  for (Index k = 0; k < out.size(); ++k) {
    const double t = static_cast<double>(k), x = t * t * 0.61803398874989485;
    out.data()[k] = x - std::floor(x) - 0.5;
  }
  return out;
}

// The smallest eigenvalues of K on a space that inverse iteration improves.
class SmallestEigenvalues {
 public:
  SmallestEigenvalues(const MatrixXd& K, const AlignedMatrix& L, Index width)
      : K_(K), L_(L.map()), X_(scattered(K.rows(), width)) {}

  void step() {
    const Index n = K_.rows(), width = X_.cols();
    dense_lower_solve(L_.data(), n, X_.data(), width);
    L_.triangularView<Eigen::Lower>().transpose().solveInPlace(X_);
    X_ = orthonormal_basis(X_);
    MatrixXd KX(n, width), H = MatrixXd::Zero(width, width);
    dense_symmetric_multiply(K_.data(), n, n, X_.data(), width, KX.data());
    add_transposed_multiply(X_, KX, H);
    const SymmetricEigen ritz = symmetric_eigen(H);
    multiply(X_, ritz.vectors, KX);
    X_.swap(KX);
    values_ = ritz.values;
  }

  const VectorXd& values() const { return values_; }
  MatrixXd vectors(Index count) const { return X_.leftCols(count); }

 private:
  const MatrixXd& K_;
  const MatrixMap L_;
  MatrixXd X_;
  VectorXd values_;
};

// How far the orthonormal columns of A lie outside the space of those of B.
double distance(const MatrixXd& A, const MatrixXd& B) {
  return (A - B * (B.transpose() * A)).norm();
}

// The vectors whose eigenvalues are at most `zero`, once a further step leaves them where they are:
// all columns of the block where there may be more, nothing where the next eigenvalue is not above
// `clear`. Rounding turns the vectors by about `rounding` over that eigenvalue.
std::optional<MatrixXd> settled_zeros(SmallestEigenvalues smallest, double zero, double clear,
                                      double rounding) {
  MatrixXd before;
  double next = kInf;
  for (int step = 0; step < kMostSteps; ++step) {
    smallest.step();
    const VectorXd& values = smallest.values();
    if (values[0] < -zero) return {};
    const Index zeros = (values.array() <= zero).count();
    MatrixXd found = smallest.vectors(zeros);
    if (zeros == values.size()) return found;
    const bool still = std::fabs(values[zeros] - next) <= 0.01 * values[zeros];
    const double attainable = std::max(1e-10, rounding / values[zeros]);
    if (still && found.cols() == before.cols() && distance(found, before) < attainable) {
      if (values[zeros] <= clear) return {};
      return found;
    }
    before.swap(found);
    next = values[zeros];
  }
  return {};
}

}  // namespace

std::optional<MatrixXd> small_null_space(const MatrixXd& K, double zero, Index most, int threads) {
  const Index n = K.rows();
  if (n < 4 * kFirstWidth) return {};
  // The largest eigenvalue is between the largest variance and the largest sum of a column.
  const double least = K.diagonal().maxCoeff(), largest = K.cwiseAbs().colwise().sum().maxCoeff();
  AlignedMatrix L(K);
  L.map().diagonal().array() += 10 * zero * largest;
  if (!tiled_cholesky(L, threads)) return {};
  for (Index width = kFirstWidth; width < 2 * most && 4 * width <= n; width *= 2) {
    const auto found = settled_zeros(SmallestEigenvalues(K, L, width), zero * least, zero * largest,
                                     1e-15 * largest);
    if (!found || found->cols() < width) return found;
  }
  return {};
}

}  // namespace margmix

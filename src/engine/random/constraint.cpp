#include "random/constraint.hpp"

#include <cmath>

#include "linalg/decompositions.hpp"

namespace margmix {

namespace {

// A function of a symmetric matrix.
template <class Function>
MatrixXd of_eigenvalues(const SymmetricEigen& A, Function function) {
  return A.vectors * A.values.unaryExpr(function).asDiagonal() * A.vectors.transpose();
}

}  // namespace

ConstrainedInverse::ConstrainedInverse(const MatrixXd& C, const std::vector<Index>& anchor,
                                       VectorXd weight)
    : G_(C.rows(), 2 * C.cols()), weight_(std::move(weight)) {
  G_.setZero();
  G_.leftCols(C.cols()) = C;
  for (std::size_t k = 0; k < anchor.size(); ++k)
    G_(anchor[k], C.cols() + static_cast<Index>(k)) = 1;
  log_det_C_ = Cholesky(C.transpose() * C).log_det();
}

// The columns of G in units that give S a diagonal of ones.
bool ConstrainedInverse::set(const std::function<VectorXd(const VectorXd&)>& solve) {
  if (!any()) return true;
  const Index r = weight_.size();
  M_.resize(G_.rows(), 2 * r);
  unit_.resize(2 * r);
  for (Index k = 0; k < 2 * r; ++k) {
    M_.col(k) = solve(G_.col(k));
    unit_[k] = 1 / std::sqrt(G_.col(k).dot(M_.col(k)));
  }
  M_ *= unit_.asDiagonal();
  S_ = unit_.asDiagonal() * (G_.transpose() * M_);
  S_ = (0.5 * (S_ + S_.transpose())).eval();
  MatrixXd K = S_;
  K.diagonal().tail(r) -= unit_.tail(r).cwiseAbs2().cwiseQuotient(weight_);
  const SymmetricEigen eigen = symmetric_eigen(K);
  if (!((eigen.values.array() < 0).count() == r)) return false;
  K_inverse_ = of_eigenvalues(eigen, [](double x) { return 1 / x; });
  M_K_ = M_ * K_inverse_;
  log_det_ = eigen.values.cwiseAbs().array().log().sum() - 2 * unit_.array().log().sum() +
             weight_.array().log().sum() - log_det_C_;
  return true;
}

// x - M X G'x has the covariance A_1^-1 - M (X + X' - X S X') M'. That is A_c^-1 for X = S^-1/2 Y
// S^-1/2 with (I - Y)^2 = I - S^1/2 K^-1 S^1/2. Where the columns of G depend on each other, S^-1/2
// is the inverse on the range of S, in which all columns of M lie.
void ConstrainedInverse::project(VectorXd& x) const {
  if (!any()) return;
  const SymmetricEigen S = symmetric_eigen(S_);
  const double zero = 1e-13 * S.values.maxCoeff();
  const MatrixXd half = of_eigenvalues(S, [&](double v) { return v > zero ? std::sqrt(v) : 0; }),
                 inverse =
                     of_eigenvalues(S, [&](double v) { return v > zero ? 1 / std::sqrt(v) : 0; }),
                 I = MatrixXd::Identity(S_.rows(), S_.rows());
  const MatrixXd rest = of_eigenvalues(symmetric_eigen(I - half * K_inverse_ * half),
                                       [](double v) { return std::sqrt(std::max(v, 0.0)); });
  x -= M_ * (inverse * (I - rest) * inverse * (unit_.asDiagonal() * (G_.transpose() * x)));
}

}  // namespace margmix

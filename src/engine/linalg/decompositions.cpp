#include "linalg/decompositions.hpp"

#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <Eigen/QR>
#include <algorithm>

namespace margmix {

void Cholesky::compute(const MatrixXd& A) { llt_.compute(A); }

double Cholesky::log_det() const { return 2 * llt_.matrixLLT().diagonal().array().log().sum(); }

double Cholesky::rcond() const { return llt_.rcond(); }

MatrixXd Cholesky::L() const { return llt_.matrixL(); }

MatrixXd Cholesky::solve(const MatrixXd& B) const { return llt_.solve(B); }

VectorXd Cholesky::solve(const VectorXd& b) const { return llt_.solve(b); }

MatrixXd Cholesky::solve_L(const MatrixXd& B) const { return llt_.matrixL().solve(B); }

MatrixXd Cholesky::inverse() const {
  return llt_.solve(MatrixXd::Identity(llt_.rows(), llt_.cols()));
}

SymmetricEigen symmetric_eigen(const MatrixXd& A) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(A);
  return {eigen.eigenvalues(), eigen.eigenvectors()};
}

VectorXd symmetric_eigenvalues(const MatrixXd& A) {
  return Eigen::SelfAdjointEigenSolver<MatrixXd>(A, Eigen::EigenvaluesOnly).eigenvalues();
}

std::vector<int> pivoted_columns(const MatrixXd& A, Index count) {
  const Eigen::ColPivHouseholderQR<MatrixXd> qr(A);
  const int* order = qr.colsPermutation().indices().data();
  return {order, order + count};
}

MatrixXd triangular_factor(const MatrixXd& A) {
  const Eigen::ColPivHouseholderQR<MatrixXd> qr(A);
  const MatrixXd R =
      qr.matrixR().topRows(std::min(A.rows(), A.cols())).triangularView<Eigen::Upper>();
  return R * qr.colsPermutation().inverse();
}

MatrixXd orthonormal_basis(const MatrixXd& A) {
  const Eigen::HouseholderQR<MatrixXd> qr(A);
  return qr.householderQ() * MatrixXd::Identity(A.rows(), A.cols());
}

MatrixXd solve_symmetric(const MatrixXd& A, const MatrixXd& B, double* rcond) {
  const Eigen::LDLT<MatrixXd> ldlt(A);
  if (rcond) *rcond = ldlt.info() == Eigen::Success ? ldlt.rcond() : 0.0;
  return ldlt.solve(B);
}

MatrixXd solve_square(const MatrixXd& A, const MatrixXd& B) { return A.partialPivLu().solve(B); }

}  // namespace margmix

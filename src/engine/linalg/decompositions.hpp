// Decompositions of dense matrices, compiled once: each costs seconds in every file that uses
// Eigen's own.
#pragma once

#include <Eigen/Cholesky>
#include <vector>

#include "core/types.hpp"

namespace margmix {

// A = L L' of a symmetric matrix, whose lower triangle is read.
class Cholesky {
 public:
  Cholesky() = default;
  explicit Cholesky(const MatrixXd& A) { compute(A); }
  void compute(const MatrixXd& A);

  bool definite() const { return llt_.info() == Eigen::Success; }
  double log_det() const;
  double rcond() const;  // estimated reciprocal condition number
  MatrixXd L() const;
  MatrixXd solve(const MatrixXd& B) const;    // A^-1 B
  VectorXd solve(const VectorXd& b) const;    // A^-1 b
  MatrixXd solve_L(const MatrixXd& B) const;  // L^-1 B
  MatrixXd inverse() const;

 private:
  Eigen::LLT<MatrixXd> llt_;
};

// A = V diag(values) V' of a symmetric matrix; values increase.
struct SymmetricEigen {
  VectorXd values;
  MatrixXd vectors;
};
SymmetricEigen symmetric_eigen(const MatrixXd& A);
VectorXd symmetric_eigenvalues(const MatrixXd& A);

// `count` columns of A that are far from dependent: those that a QR decomposition with pivoting
// takes first.
std::vector<int> pivoted_columns(const MatrixXd& A, Index count);

// C with C'C = A'A, of as many rows as A has columns, or fewer.
MatrixXd triangular_factor(const MatrixXd& A);

// An orthonormal basis of the columns of A, which are independent.
MatrixXd orthonormal_basis(const MatrixXd& A);

// A^-1 B of a symmetric matrix that may be singular (pivoted LDL'). `rcond`, where asked for: the
// reciprocal condition number, 0 where the decomposition fails.
MatrixXd solve_symmetric(const MatrixXd& A, const MatrixXd& B, double* rcond = nullptr);

// A^-1 B of a square matrix (LU with partial pivoting).
MatrixXd solve_square(const MatrixXd& A, const MatrixXd& B);

}  // namespace margmix

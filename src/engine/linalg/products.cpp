#include "linalg/products.hpp"

namespace margmix {

void multiply(const MatrixRef& A, const MatrixRef& B, Eigen::Ref<MatrixXd> out) {
  out.noalias() = A * B;
}

void add_transposed_multiply(const MatrixRef& A, const MatrixRef& B, Eigen::Ref<MatrixXd> out) {
  out.noalias() += A.transpose() * B;
}

void weighted_crossproduct(const MatrixRef& A, const VectorXd& w, MatrixXd& out) {
  const MatrixXd wA = w.asDiagonal() * A;
  out.noalias() = A.transpose() * wA;
}

}  // namespace margmix

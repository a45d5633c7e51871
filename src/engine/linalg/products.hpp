// Products of dense matrices, compiled once: Eigen's blocked kernels are slow to compile and the
// kernels of a cluster are instantiated for several sizes.
#pragma once

#include "core/types.hpp"

namespace margmix {

using MatrixRef = Eigen::Ref<const MatrixXd, 0, Eigen::OuterStride<>>;

void multiply(const MatrixRef& A, const MatrixRef& B, Eigen::Ref<MatrixXd> out);  // A B
void add_transposed_multiply(const MatrixRef& A, const MatrixRef& B,
                             Eigen::Ref<MatrixXd> out);  // += A'B

MatrixXd row_products(const MatrixMap& A);  // AA'

// The same for factors of a few dozen entries a side, where packing them would take most of the
// time.
void small_multiply(const MatrixRef& A, const MatrixRef& B, Eigen::Ref<MatrixXd> out);  // A B
void small_transposed_multiply(const MatrixRef& A, const MatrixRef& B,
                               Eigen::Ref<MatrixXd> out);  // A'B
// A' diag(w) A, with w of any sign; wA is overwritten.
void small_crossproduct(const MatrixRef& A, const VectorXd& w, MatrixXd& wA, MatrixXd& out);

}  // namespace margmix

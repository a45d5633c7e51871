// Products of dense matrices, compiled once: Eigen's blocked kernels are slow to compile and the
// kernels of a cluster are instantiated for several sizes.
#pragma once

#include "core/types.hpp"

namespace margmix {

using MatrixRef = Eigen::Ref<const MatrixXd, 0, Eigen::OuterStride<>>;

void multiply(const MatrixRef& A, const MatrixRef& B, Eigen::Ref<MatrixXd> out);  // A B
void add_transposed_multiply(const MatrixRef& A, const MatrixRef& B,
                             Eigen::Ref<MatrixXd> out);  // += A'B

// out = A' diag(w) A for few columns, w of any sign
void weighted_crossproduct(const MatrixRef& A, const VectorXd& w, MatrixXd& out);

}  // namespace margmix

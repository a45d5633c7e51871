// The exact Hessian of the Laplace approximation where the model has one random effect, a scalar,
// all of whose levels are related, and no dispersion. There Z'WZ is diagonal: with v = z theta and
// c_l = sum v^2 W over the rows of level l,
//
//   A = Q + diag(c),   d log|A| = a'dc,   d^2 log|A| = a'd^2c - dc'(A^-1 o A^-1) dc,
//
// a the diagonal of A^-1, which is dense anyway. Elsewhere Hessians are differences of gradients.
#pragma once

#include "glmm/sparse_laplace.hpp"

namespace margmix {

bool has_sparse_hessian(const GroupedDesign& design, const SparsePlan& plan, const Family& family);

// In (beta, theta), of rows in memory; `mode` must be factored and inverted.
MatrixXd sparse_laplace_hessian(const SparseMode& mode, const MatrixXd& tangents,
                                const VectorXd& beta);

}  // namespace margmix

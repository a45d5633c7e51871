// How far Laplace is off where there is no quadrature: importance sampling of the random effects
// from the normal approximation at their mode.
//
//   L = L_Laplace * E exp(r(u)),   r = h(u) - h(u~) + (u - u~)'A (u - u~) / 2,   u ~ N(u~, A^-1),
//
// drawn as u~ + A^-1 (V'W^(1/2) e1 + e2) with standard normal e1 (n) and e2 (effects). Negative
// weights are set to zero in A, which stays a proposal.
#pragma once

#include "glmm/sparse_laplace.hpp"

namespace margmix {

struct ImportanceDraws {
  double center = -kInf;  // log L_Laplace with the A of the proposal
  VectorXd log_weights;   // r of each draw
  Status status = Status::ok;
};

// normals: (n + size) x draws.
ImportanceDraws sparse_importance(const GroupedDesign& design, const SparsePlan& plan,
                                  SparseRows& rows, const VectorXd& psi, const VectorXd& start,
                                  const MatrixMap& normals, const RunContext& context);

}  // namespace margmix

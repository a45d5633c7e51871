// The pieces of Kenward and Roger (inference/kenward_roger_pieces.hpp) where the levels of some
// factors are related: the effects of a factor have the covariance K(rho) (x) Sigma, K = Q^-1
// between its levels. The parameters are the free entries of Sigma, then entries of rho, in which
// V is not linear: pieces are those of its first derivatives.
//
// With S the covariance of all effects b that the rows of an independent cluster have, C = Z'WZ and
// D_a = dS/dv_a, K (x) E_a or K_r (x) Sigma, it has
//
//   B = (I + C S)^-1 C,  Y = (I + C S)^-1 Z'WX,  M = X'WX - X'WZ S Y,
//   P_a = -Y'D_a Y,  Q_ab = Y'D_a B D_b Y,  T_ab = tr(B D_a B D_b),  t_a = tr(B D_a).
//
// All of it is dense: cubic in the levels that a cluster has.
#pragma once

#include "inference/kenward_roger_pieces.hpp"
#include "random/level_covariance.hpp"

namespace margmix {

// `slopes`: the entries of rho that count as estimated.
KenwardRogerPieces related_pieces(const GroupedDesign& design, const VectorXd& W,
                                  const MatrixXd& Lambda, const VectorXd& rho,
                                  const std::vector<int>& slopes, const RunContext& context);

}  // namespace margmix

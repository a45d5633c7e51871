// Generalized score test of C beta = 0 (Rotnitzky & Jewell 1990; Boos 1992).
//
// u_i and B_i are those of the full model at the estimate under C beta = 0; u = sum u_i,
// V = B^-1 (sum u_i u_i') B^-1:  T = (C B^-1 u)'(C V C')^-1 (C B^-1 u)  ~  chi^2(q).
#pragma once

#include "inference/pieces.hpp"

namespace margmix {

// C: q x p. NaN if C V C' is singular, as it is with fewer than q clusters.
double score_statistic(const ClusterPieces& pieces, const MatrixXd& C);

}  // namespace margmix

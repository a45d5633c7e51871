// A linear mixed model whose one random effect, a scalar, has a dense known covariance K between
// its levels, ML and REML, after one rotation of its rows:
//
//   y = X beta + Z b + e,   b ~ N(0, theta^2 phi K),   e ~ N(0, phi W^-1).
//
// With D = Z'WZ, which is diagonal, the rows D^-1/2 Z'W [X y] of the levels have the covariance
// phi (I + theta^2 N), N = D^1/2 K D^1/2, and what is left of the rows within levels has phi I. An
// orthogonal Q with Q'NQ = T of a narrow band, applied to the rows of the levels, leaves a
// likelihood whose cost is linear in their number: of I + s T, s = theta^2, only a banded
// factor is needed. K may be singular; levels without rows are left out.
#pragma once

#include "design/groups.hpp"
#include "glmm/lmm.hpp"

namespace margmix {

struct BandedRows {
  MatrixXd band;  // (width + 1) x m: T by column, from the diagonal down
  MatrixXd D;     // [X y] in rotated rows: m of covariance phi (I + s T), the others of phi I
  double rows = 0, log_weights = 0;  // of the model: N and sum log w
};

// The rows of a design with one factor of one column of Z.
BandedRows banded_rows(const GroupedDesign& design, const MatrixMap& K, bool frequency);

// theta relative to sigma; log_phi NaN: phi is profiled out. As LmmObjective.
LmmResult banded_lmm(const BandedRows& rows, double theta, double log_phi, bool reml);

// The log-likelihood at psi = (beta, theta, log phi).
struct BandedLikelihood {
  double value = -kInf;
  VectorXd gradient;
  MatrixXd hessian;  // with order 2
  Status status = Status::not_finite;
};
BandedLikelihood banded_likelihood(const BandedRows& rows, const VectorXd& psi, int order);

}  // namespace margmix

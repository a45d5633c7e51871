// Covariance, degrees of freedom and F tests of Kenward and Roger (1997) from their pieces.
//
//   Phi = M^-1,  I_ab = T_ab / 2 - tr(Phi Q_ab) + tr(Phi P_a Phi P_b) / 2  (expected information of
//   REML in v),  Omega = I^-1,  correction = 2 Phi { sum Omega_ab (Q_ab - P_a Phi P_b) } Phi.
//
// A residual variance phi, V = phi R + sum v_a Z E_a Z', is one more v. No sum over rows is needed
// for it: V is homogeneous in (v, phi), so that phi P_phi = -M - sum v_a P_a,
// phi Q_phi,b = -P_b - sum v_a Q_ab, phi T_phi,b = t_b - sum v_a T_ab, phi t_phi = N - sum v_a t_a.
//
// Where W is known, the estimate of c'Phi c can't be less than c'Phi_0 c, Phi_0 = (X'WX)^-1, its
// value at Sigma = 0. So its variance is not V = g'Omega g but that of a normal variable censored
// there, on the log scale, on which it is nearly normal: V Var(max(Z, -a)) with
// a = log(c'Phi c / c'Phi_0 c) / sqrt(V / (c'Phi c)^2). It is between .34 V, at zero, and V.
#pragma once

#include "inference/kenward_roger_pieces.hpp"

namespace margmix {

// The pieces with a row for phi; N rows with V > 0, v: values of the free entries of Sigma.
KenwardRogerPieces with_dispersion(const KenwardRogerPieces& pieces, const VectorXd& v, double phi,
                                   double N);

struct KenwardRoger {
  MatrixXd Phi, Omega, correction, Phi_0;  // Phi_0 zero where it depends on v
  std::vector<MatrixXd> P;
  // By how much the restricted estimate of v and the correction would enlarge the variance of any
  // contrast, to first order and relative to Phi. At the maximum of the likelihood the score of the
  // restricted one is -tr(Phi P_a) / 2.
  double change = kNaN;
  bool definite = false;  // are M and the information positive definite?
};

KenwardRoger kenward_roger(const KenwardRogerPieces& pieces);

// The part of R that adds to Phi in every direction, whatever the coding of beta.
MatrixXd positive_part(const MatrixXd& R, const MatrixXd& Phi);

// The reference of a hypothesis: scale times its Wald F is referred to F(q, df).
struct FReference {
  double df = kNaN, scale = 1;
};

class KenwardRogerReference {
 public:
  KenwardRogerReference(const MatrixXd& Phi, const MatrixXd& P, const MatrixXd& Omega,
                        const MatrixXd& Phi_0);

  // C: q x p of full row rank.
  FReference operator()(const MatrixXd& C) const;

 private:
  const MatrixXd &Phi_, &Omega_, &Phi_0_;
  std::vector<MatrixXd> D_;  // Phi P_a Phi = dPhi / dv_a, minus
};

}  // namespace margmix

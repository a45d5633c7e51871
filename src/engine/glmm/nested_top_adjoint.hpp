// The adjoint sweep of a nested cluster: the part of u_a, the random effects of the cluster.
#pragma once

#include "glmm/nested_model.hpp"
#include "linalg/triangular.hpp"

namespace margmix {

// The part of the adjoint sweep that belongs to u_a: its prior, and sums over the leaves.
template <int QA>
struct TopAdjoint {
  VectorQ<QA> s1, y;     // sum rho z; P_s'ub_a + sum_b Q_b'ub_b
  SquareQ<QA> S2, K, S;  // sum rho z z'; adjoint of P in P'Pb; I + symtri(K)
  VectorQ<QA> prior_u;   // of the prior: u~ + P s1
  SquareQ<QA> prior_P;   //               u~ s1' + P S2

  void start(const VectorQ<QA>& u, const SquareQ<QA>& P, const VectorXd& rho, const MatrixXd& z) {
    s1 = z * rho;
    S2 = z * rho.asDiagonal() * z.transpose();
    prior_u = u + P * s1;
    prior_P = u * s1.transpose() + P * S2;
    K = -P.transpose() * prior_P;
    y = -P.transpose() * prior_u;
  }
  void information() {
    S = symtri(K);
    S.diagonal().array() += 1.0;
  }
};

}  // namespace margmix

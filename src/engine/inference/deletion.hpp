// All estimates without each cluster, to second order.
//
// The estimates psi (P) solve F(G, psi) = 0, where G = sum_i g_i(psi) are r sums over clusters:
// scores, and the moments of a correlation. Without cluster i they solve
//
//   F(G - g_i, psi + d) = 0,   (G - g_i)(psi + d) = G - g_i + (J - J_i) d + Q(d, d) / 2 + ...,
//
// with J_i = dg_i / dpsi and Q the second derivatives of G. A Newton step d_1 with the cluster's
// own J_i is off by a share of order 1 / m, which Q takes away: further steps with the same
// derivatives solve the equations for the sums that Q promises at psi + d.
#pragma once

#include <functional>
#include <vector>

#include "core/types.hpp"

namespace margmix {

struct DeletionSums {
  MatrixXd at;                   // g_i: r x m
  std::vector<MatrixXd> slopes;  // P times dg_i / dpsi_k: r x m; empty for one that is held
  MatrixXd curvature;            // d2 G / dpsi_j dpsi_k: r x P(P + 1) / 2, column pair_at(j, k)
};

// The pair j <= k.
inline Index pair_at(Index j, Index k) { return k * (k + 1) / 2 + j; }

// F: one equation for each parameter, from the sums without cluster i at psi + d.
using DeletionEquations = std::function<VectorXd(Index i, const VectorXd& sums, const VectorXd& d)>;

struct Deletion {
  MatrixXd steps;   // P x m, psi - psi_(i); 0 for what is held
  VectorXd second;  // m, length of the second step over that of the first, in units
};

// `units`: P, small steps of psi, of which a derivative of F is made; 0 holds a parameter.
Deletion deletion(const DeletionSums& sums, const DeletionEquations& F, const VectorXd& units);

}  // namespace margmix

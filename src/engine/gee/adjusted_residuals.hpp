// Matrix-adjusted estimating equations for phi and alpha (Preisser, Lu and Qaqish 2008): the
// residuals of a cluster are too small and too little correlated, since beta was fitted to them,
//   E e_i e_i' = (I - H_i) V_i,   H_i = D_i B^-1 D_i'V_i^-1,
// so products e_j e_k are those of e~_i = (I - H_i)^-1 e_i with e_i. Here they are symmetric,
// (e~_j e_k + e_j e~_k) / 2, and do not depend on the order of the rows.
#pragma once

#include "gee/equations.hpp"

namespace margmix {

// Sets at.adjusted: with B_i, u_i of the pieces, e~_i = e_i + D_i (B - B_i)^-1 u_i. Directions that
// a cluster alone determines stay as they are; clusters have no weights. B is the information of
// all clusters, of which these are some; null where they are all. False when the caller
// interrupted.
bool adjust_residuals(const Equations& equations, const Correlation& R, const MatrixXd* B,
                      Residuals& at);

// Adds the moments of cluster i, of residuals e and, unless null, adjusted ones e~. A sum of
// products is a quadratic form q(e); that of e~ with e is {q(e + e~) - q(e) - q(e~)} / 2, which
// costs three times as much.
void add_cluster(const Layout& layout, Index i, const double* e, const double* adjusted,
                 const Correlation& R, const MomentRule& rule, MomentSums& sums);
void add_cluster(const Layout& layout, Index i, const Residuals& at, const Correlation& R,
                 const MomentRule& rule, MomentSums& sums);

}  // namespace margmix

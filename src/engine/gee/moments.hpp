// How precise phi and alpha are: the sandwich of all estimating equations together, those of beta
// included (as in Yan and Fine 2004).
#pragma once

#include "gee/equations.hpp"

namespace margmix {

// Variances of (phi, alpha), alpha on the scale of Correlation::report(). R must be set to the
// estimate; `fixed_phi` says that phi was not estimated. False when the caller interrupted.
bool moment_variance(const Equations& equations, const Correlation& R, const VectorXd& beta,
                     const VectorXd& alpha, double phi, bool fixed_phi, const MomentRule& rule,
                     VectorXd& variance);

}  // namespace margmix

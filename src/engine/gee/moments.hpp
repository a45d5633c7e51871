// How precise phi and alpha are: the sandwich of all estimating equations together, those of beta
// included (as in Yan and Fine 2004).
#pragma once

#include "gee/source.hpp"

namespace margmix {

// Variances of (Pearson's phi, alpha), alpha on the scale of Correlation::report(). R must be set
// to the estimate; phi is the scale of the information. False when the caller interrupted.
bool moment_variance(EquationSource& source, const Correlation& R, const VectorXd& beta, double phi,
                     const MomentRule& rule, VectorXd& variance);

}  // namespace margmix

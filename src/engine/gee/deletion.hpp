// beta and alpha of a marginal model without each cluster, see inference/deletion.hpp: the sums are
// the equations for beta and the moments, and alpha = estimate(moments) is the equation of alpha.
#pragma once

#include "gee/local_source.hpp"
#include "inference/deletion.hpp"

namespace margmix {

// psi = (beta, alpha); `units`: steps of the differences, P (P + 1) evaluations of the equations
// for P parameters; 0 holds one. False when the caller interrupted; no steps where a mean is
// outside its range or alpha at the end of its.
bool moment_deletion(LocalSource& source, Correlation& R, const MomentRule& rule,
                     const VectorXd& psi, const VectorXd& units, Deletion& out);

}  // namespace margmix

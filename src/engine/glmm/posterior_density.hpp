// The marginal posterior density of one random effect of each cluster, on a grid of its own.
#pragma once

#include "glmm/posterior.hpp"

namespace margmix {

// Log-density, up to a constant of the cluster, of b_c at mean + sd t for each t: points x
// clusters. `mean` and `sd` are those of the posterior of b_c. NaN where sd is 0.
MatrixXd posterior_log_density(const Design& design, Family& family, const VectorXd& psi,
                               Index coordinate, int K, const VectorMap& mean, const VectorMap& sd,
                               const VectorMap& t, const RunContext& context);

}  // namespace margmix

// A scalar random effect whatever its distribution: the density of each cluster's responses given
// the effect, and the likelihood of a distribution with mass pi_k at locations a_k.
#pragma once

#include "core/run_context.hpp"
#include "design/design.hpp"

namespace margmix {

struct ConditionalDensity {
  MatrixXd log_density;  // points x clusters
  Status status = Status::ok;
};

// log f_i(y_i | b) at the points b, without the constants of the family; Z has one column.
ConditionalDensity conditional_log_density(const Design& design, Family& family,
                                           const VectorMap& beta, double log_phi,
                                           const VectorMap& b, const RunContext& context);

struct MassPointTotals {
  double value = 0;    // log-likelihood, constants included
  VectorXd gradient;   // in (beta, a, alpha), pi_k = exp(alpha_k) / sum, alpha_K = 0
  MatrixXd hessian;    // order 2
  MatrixXd posterior;  // K x clusters: P(effect i is a_k | y_i)
  Status status = Status::ok;
};

// psi = (beta, a_1 ... a_K, alpha_1 ... alpha_(K-1)); eta = offset + X beta + Z a_k.
MassPointTotals mass_point_likelihood(const Design& design, const Family& family,
                                      const VectorXd& psi, int order, const RunContext& context);

}  // namespace margmix

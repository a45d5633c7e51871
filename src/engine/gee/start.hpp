// Where the search for a marginal model starts: independent rows.
#pragma once

#include "gee/equations.hpp"

namespace margmix {

// A GLM by Fisher scoring, each step of which raises the (quasi-)likelihood.
struct GlmStart {
  VectorXd beta;
  double decrement = kInf;  // squared, of the last step, at phi = 1
  int iterations = 0;
  bool converged = false, definite = false;
};

// With an `adjustment` the likelihood is penalised by that many times log|B| / 2, and Firth's
// estimate, which is finite, is its maximum.
GlmStart start_gee(const MarginalData& data, const MarginalFamily& family, const VectorXd& beta,
                   double adjustment, const RunContext& context);

// Least squares for X beta = level - offset: the constant model where X holds a constant.
VectorXd constant_beta(const MarginalData& data, double level);

}  // namespace margmix

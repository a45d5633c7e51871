// Where the search for a marginal model starts: independent rows.
#pragma once

#include "gee/source.hpp"

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
GlmStart start_gee(EquationSource& source, const VectorXd& beta, double adjustment);

// Least squares for X beta = level - offset: the constant model where X holds a constant.
VectorXd constant_beta(EquationSource& source, double level);

}  // namespace margmix

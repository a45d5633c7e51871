// Tail probabilities of a score by the saddlepoint approximation.
#pragma once

#include "core/types.hpp"

namespace margmix {

enum class CountLaw { binomial, poisson };

// Two-sided P(|S| >= |q|) for S = sum g_j (y_j - mean_j), y_j independent: binomial with `trials`
// trials and probability mu, or Poisson with mean mu; the formula of Barndorff-Nielsen (1990) for
// each tail, as Dey et al. (2017) use it. NaN where a saddlepoint is not found: q is the end of the
// range of S, or its mean.
double saddlepoint_p(CountLaw law, const VectorXd& g, const VectorMap& mu, const VectorMap& trials,
                     double q);

}  // namespace margmix

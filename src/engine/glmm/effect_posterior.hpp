// Empirical Bayes for a random intercept of a distribution other than the normal one.
#pragma once

#include "glmm/effect_cluster.hpp"
#include "glmm/posterior.hpp"

namespace margmix {

// The mode of L(b) + log f(b), the variance of the normal approximation there, and d mode / d psi.
struct EffectMode {
  double b = 0, variance = 0;
  VectorXd tangent;  // P
};

class EffectPosterior {
 public:
  explicit EffectPosterior(EffectCluster& cluster) : cluster_(cluster) {}

  // The best node, then the root of the slope between its neighbours, by Newton steps that
  // bisection keeps inside.
  EffectMode mode(Index aux);

  // b is increasing in u, so the median of b is that of u: panels of Gauss-Legendre points, then
  // bisection inside one.
  double median();

 private:
  double log_f(double b) const { return cluster_.effect().log_density_value(b); }
  double panel(double from, double to);

  EffectCluster& cluster_;
  double level_ = 0;
};

// As posterior(); also tangents, d mode / d psi on the scale of b, P x clusters.
struct EffectPosteriorResult : Posterior {
  MatrixXd tangents;
};

EffectPosteriorResult effect_posterior(const Design& design, Family& family, const EffectLaw& law,
                                       int K, const VectorXd& psi, bool with_median,
                                       const RunContext& context);

// The posterior of the variable u of each cluster's intercept: its log-density, up to a
// constant of the cluster, at equally spaced points from `low` to `high`, outside of which it is
// negligible.
struct ScoreDensity {
  VectorXd low, high;    // clusters
  MatrixXd log_density;  // points x clusters
  Status status = Status::ok;
};

ScoreDensity score_density(const Design& design, Family& family, const EffectLaw& law,
                           const VectorXd& psi, Index points, const RunContext& context);

}  // namespace margmix

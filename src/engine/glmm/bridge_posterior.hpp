// Empirical Bayes for a random intercept of the bridge distribution.
#pragma once

#include "glmm/bridge_cluster.hpp"
#include "glmm/posterior.hpp"

namespace margmix {

// The mode of L(b) + log f(b), the variance of the normal approximation there, and d mode / d psi.
struct BridgeMode {
  double b = 0, variance = 0;
  VectorXd tangent;  // p + 1
};

class BridgePosterior {
 public:
  explicit BridgePosterior(BridgeCluster& cluster) : cluster_(cluster) {}

  // The best node, then the root of the slope between its neighbours, by Newton steps that
  // bisection keeps inside.
  BridgeMode mode();

  // b is increasing in u, so the median of b is that of u: panels of Gauss-Legendre points, then
  // bisection inside one.
  double median();

 private:
  double log_f(double b) const { return cluster_.bridge().log_density_value(b); }
  double panel(double from, double to);

  BridgeCluster& cluster_;
  double level_ = 0;
};

// As posterior(); also tangents, d mode / d psi on the scale of b, (p + 1) x clusters.
struct BridgePosteriorResult : Posterior {
  MatrixXd tangents;
};

BridgePosteriorResult bridge_posterior(const Design& design, const Family& family, int K,
                                       const VectorXd& psi, bool with_median,
                                       const RunContext& context);

// The posterior of the normal score u of each cluster's intercept: its log-density, up to a
// constant of the cluster, at equally spaced points from `low` to `high`, outside of which it is
// negligible.
struct ScoreDensity {
  VectorXd low, high;    // clusters
  MatrixXd log_density;  // points x clusters
  Status status = Status::ok;
};

ScoreDensity bridge_score_density(const Design& design, const Family& family, const VectorXd& psi,
                                  Index points, const RunContext& context);

}  // namespace margmix

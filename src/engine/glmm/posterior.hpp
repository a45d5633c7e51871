// Empirical Bayes: the distribution of the random effects b = Lambda u of each cluster given its
// responses, at fixed parameters.
#pragma once

#include "core/run_context.hpp"
#include "design/design.hpp"
#include "quadrature/gauss_hermite.hpp"

namespace margmix {

// The distribution of the random effects b = Lambda u of one factor given the responses, at fixed
// parameters: q x levels, and variances q * q x levels. `mode_variance` is that of the normal
// approximation at the mode, Lambda A^-1 Lambda'. Empty is what has no rule.
struct LevelPosterior {
  MatrixXd mode, mean, median, variance, mode_variance;
};

struct PosteriorResult {
  std::vector<LevelPosterior> levels;  // by factor
  Status status = Status::ok;
};

// Rows to predict; levels (n x factors) from 0, negative: a new one.
struct PredictionRows {
  MatrixMap X, Z;
  Eigen::Map<const Eigen::MatrixXi> levels;
};

// Of one factor: NaN where a cluster has no mode.
struct Posterior : LevelPosterior {
  Status status = Status::ok;
};

Posterior posterior(const Design& design, Family& family, const ProductRule& rule,
                    const VectorXd& psi, const MatrixXd& modes, bool with_median,
                    const RunContext& context);

// d u~ / d psi for every cluster: q * P x clusters. With it, and A^-1, the joint covariance of psi
// and u follows.
MatrixXd mode_tangents(const Design& design, Family& family, const VectorXd& psi,
                       const MatrixXd& modes, const RunContext& context);

// Variance of eta-hat - eta for rows x, z of known clusters, and of new ones at u = 0, from the
// joint covariance of psi and u: with d = d eta(u~(psi)) / d psi,
//   d'V d + z'Lambda A^-1 Lambda'z      (V: covariance of psi)
VectorXd prediction_variance(const Design& design, const MatrixXd& Lambda,
                             const PredictionRows& rows, const MatrixXd& V, const MatrixXd& modes,
                             const MatrixXd& tangents, const MatrixXd& mode_variance);

}  // namespace margmix

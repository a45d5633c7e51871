// Empirical Bayes: the distribution of the random effects b = Lambda u of each cluster given its
// responses, at fixed parameters.
#pragma once

#include "core/run_context.hpp"
#include "design/design.hpp"
#include "quadrature/gauss_hermite.hpp"

namespace margmix {

struct Posterior {
  MatrixXd mode, mean, median;  // q x clusters, scale of b
  MatrixXd mode_variance;       // q * q x clusters: Lambda A^-1 Lambda'
  MatrixXd variance;            // q * q x clusters: posterior covariance
  Status status = Status::ok;
};

Posterior posterior(const Design& design, Family& family, const ProductRule& rule,
                    const VectorXd& psi, const MatrixXd& modes, bool with_median,
                    const RunContext& context);

// d u~ / d psi for every cluster: q * P x clusters. With it, and A^-1, the joint covariance of psi
// and u follows.
MatrixXd mode_tangents(const Design& design, Family& family, const VectorXd& psi,
                       const MatrixXd& modes, const RunContext& context);

// Variance of eta-hat - eta for rows x, z of known clusters (index from 0; negative: a new cluster,
// at u = 0), from the joint covariance of psi and u: with d = d eta(u~(psi)) / d psi,
//   d'V d + z'Lambda A^-1 Lambda'z      (V: covariance of psi)
VectorXd prediction_variance(const Design& design, const MatrixXd& Lambda, const MatrixMap& X,
                             const MatrixMap& Z, const IntegerMap& cluster, const MatrixMap& V,
                             const MatrixMap& modes, const MatrixMap& tangents,
                             const MatrixMap& mode_variance);

}  // namespace margmix

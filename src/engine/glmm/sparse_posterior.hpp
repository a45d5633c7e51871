// What follows from A^-1 at the modes with several grouping factors: conditional variances of the
// random effects and of predictors.
#pragma once

#include "glmm/posterior.hpp"
#include "glmm/sparse_laplace.hpp"

namespace margmix {

// Lambda A^-1 Lambda' for each level of each factor: q_k * q_k x levels.
std::vector<MatrixXd> sparse_mode_variance(const SparseMode& mode);

// Variance of eta-hat - eta for rows x, z of known levels, and of new ones at u = 0: d'V d + v'A^-1
// v + the variance of new effects, with v = Lambda'z and d the derivative of the predictor in psi,
// the modes included. V: covariance of psi.
VectorXd sparse_prediction_variance(const SparseMode& mode, const PredictionRows& rows,
                                    const MatrixXd& V);

}  // namespace margmix

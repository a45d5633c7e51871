// Structured covariances of the random effects of one term: a map from parameters tau to the
// entries of the lower-triangular Lambda, Sigma = Lambda Lambda', by column. Kernels differentiate
// in the entries; the chain rule of a log-likelihood with gradient g and Hessian H in them is
//   J'g   and   J'H J + sum_k g_k d2 lambda_k / dtau dtau',   J = d lambda / d tau.
#pragma once

#include <memory>
#include <string>

#include "core/types.hpp"

namespace margmix {

class Covariance {
 public:
  virtual ~Covariance() = default;

  virtual Index parameters() const = 0;
  virtual VectorXd entries(const VectorXd& tau) const = 0;
  virtual MatrixXd jacobian(const VectorXd& tau) const = 0;
  // sum_k g_k d2 lambda_k / dtau dtau'
  virtual MatrixXd bend(const VectorXd& tau, const VectorXd& g) const = 0;
  // The inverse of entries(); of other entries parameters that are near.
  virtual VectorXd parameters_of(const VectorXd& entries) const = 0;
};

// "cs", compound symmetry: tau = (log sd_1, ..., log sd_q, z), all correlations rho with
// z = log{(1 + (q - 1) rho) / (1 - rho)}, the logarithm of the ratio of the two eigenvalues of the
// correlation matrix: any z is a rho between -1 / (q - 1) and 1. At the ends, log sd = -Inf and
// z = -Inf or Inf, nothing moves.
//
// "homcs", the same with one variance: tau = (log sd, z).
//
// "toep", any standard deviations and correlations that depend on the distance of the effects in
// their order: tau = (log sd_1, ..., log sd_q, z_1, ..., z_q-1), tanh z_m the partial correlation
// of effects m apart given those between them: any such numbers are one positive definite Toeplitz
// matrix (Barndorff-Nielsen and Schou 1973). At z_m = -Inf or Inf nothing moves.
//
// "homdiag", independent effects of one variance: tau = log sd.
std::unique_ptr<Covariance> make_covariance(const std::string& kind, Index q);

}  // namespace margmix

// One cluster's contribution to the log-likelihood with a random intercept of the bridge
// distribution:
//   log integral exp{L(b(u))} phi(u) du,  L(b) = sum_j l_j(eta0_j + b),  b(u) = F^-1(Phi(u)).
//
// The integral is taken over the normal score u of b, in which the prior is always the same smooth
// density. In b itself it has poles at +- i pi (1 - phi) / phi, close to the real line when the
// variance is small, where a rule for smooth integrands converges slowly. The trapezoidal rule with
// K points covers the range in which the integrand matters. The range is made of whole steps, so
// that the points do not move with the parameters and the derivatives of the rule are exact.
#pragma once

#include <vector>

#include "design/design.hpp"
#include "glmm/bridge_quantile.hpp"
#include "linalg/products.hpp"

namespace margmix {

class BridgeCluster {
 public:
  BridgeCluster(const Design& design, const Family& family, int K, const double* psi);

  Status evaluate(Index i, int order);

  // Cluster i and the range of u where its integrand matters.
  void locate(Index i);

  double value() const { return value_; }
  const VectorXd& gradient_sum() const { return gradient_; }  // p + 1
  const MatrixXd& hessian_sum() const { return hessian_; }    // (p + 1) x (p + 1)

  // After evaluate(): the nodes of b and their posterior weights (sum 1).
  const VectorXd& b_nodes() const { return b_; }
  const VectorXd& rho() const { return rho_; }
  // After locate() or evaluate(): the range of u.
  double low() const { return low_; }
  double high() const { return high_; }

  // log of the integrand at u, up to a constant.
  double log_integrand(double u) {
    return rows_at(bridge_.at(u).b, nullptr, nullptr) - 0.5 * u * u;
  }
  // L(b); g and W of the rows are filled where not null.
  double rows_at(double b, double* g, double* W);
  auto X() const { return design_.X.middleRows(first_, eta0_.size()); }
  const BridgeDistribution& bridge() const { return bridge_; }

 private:
  void place(Index i);

  // The range of u where the integrand is above exp(-kDrop) of its maximum. Since L is concave in b
  // it is unimodal in u, and all modes of L(b(u)) - u^2 / 2 lie between 0 and the maximum of L: a
  // walk from 0 in whole steps, to both sides, passes them all.
  void find_window();

  // From u in growing steps until the integrand is below `level` and `past` is passed.
  double walk(double u, double step, double past, double level, double far);

  void quadrature(int order);

  // Scores at the nodes, s_k = (X'g_k, b1_k 1'g_k), and their mean under the weights.
  void gradient();

  // Louis (1982): the mean of the Hessians plus the covariance of the scores.
  void hessian();

  // As sigma -> 0 the density is e / {4 pi sinh^2(b / 2)}, e = pi (1 - phi) = 3 sigma^2 / (2 pi),
  // away from b = 0, so that d^2 log E[exp L] / d sigma^2 = 3 / pi times the integral of
  // [exp{L(b) - L(0)} - 1] / {4 pi sinh^2(b / 2)}, symmetrised.
  double curvature_at_zero();

  double gain(double b, double L0) {
    return std::expm1(std::min(600.0, rows_at(b, nullptr, nullptr) - L0));
  }

  const Design& design_;
  const Family& family_;
  const int K_;
  const VectorXd beta_;
  const double sigma_;
  const BridgeDistribution bridge_;
  Rows rows_;
  Index first_ = 0;
  bool exp_is_safe_ = false;
  double wy_ = 0, wy_eta0_ = 0, low_ = 0, high_ = 0, value_ = 0;
  VectorXd eta0_, exp_eta0_, eta_, b_, b1_, b2_, rho_, gradient_;
  MatrixXd G_, W_, s_, hessian_;
};

}  // namespace margmix

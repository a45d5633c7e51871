// One cluster's contribution to the log-likelihood with a random intercept of any distribution:
//   log integral exp{L(b(u))} g(u) du,  L(b) = sum_j l_j(eta0_j + b).
//
// The integral is taken over the variable u of the distribution, in which the prior g is a smooth
// density, the same for all sigma. The density of b need not be smooth: that of the bridge has
// poles at +- i pi (1 - phi) / phi, close to the real line when the variance is small, and the
// tails of a t distribution are longer than those of any rule for normal ones. The trapezoidal rule
// with K points covers the range in which the integrand matters, around its mode. The range is made
// of whole steps, so that the points do not move with the parameters and the derivatives of the
// rule are exact. Families are those with L concave.
#pragma once

#include <memory>
#include <vector>

#include "design/design.hpp"
#include "design/dispersion.hpp"
#include "glmm/effect_distribution.hpp"
#include "linalg/products.hpp"

namespace margmix {

class EffectCluster {
 public:
  // The family has its dispersion already.
  EffectCluster(const Design& design, const Family& family, const EffectLaw& law, int K,
                const double* psi);

  Status evaluate(Index i, int order);

  // Cluster i and the range of u where its integrand matters.
  void locate(Index i);

  double value() const { return value_; }
  const VectorXd& gradient_sum() const { return gradient_; }  // of (beta, sigma)
  const VectorXd& aux_gradient() const { return aux_; }       // of log phi or gamma
  const MatrixXd& hessian_sum() const { return hessian_; }    // of (beta, sigma)

  // After evaluate(): the nodes of b and their posterior weights (sum 1).
  const VectorXd& b_nodes() const { return b_; }
  const VectorXd& rho() const { return rho_; }
  // After locate() or evaluate(): the range of u.
  double low() const { return low_; }
  double high() const { return high_; }

  // log of the integrand at u, up to a constant.
  double log_integrand(double u) {
    return rows_at(effect_->at(u).b, nullptr, nullptr) + effect_->log_weight(u);
  }
  // L(b); g and W of the rows are filled where not null.
  double rows_at(double b, double* g, double* W);
  // d^2 L / db d aux at b.
  VectorXd aux_slope(double b);
  auto X() const { return design_.X.middleRows(first_, eta0_.size()); }
  const EffectDistribution& effect() const { return *effect_; }

 private:
  void place(Index i);

  // Derivatives in the log phi of the rows, at b.
  PhiDerivatives phi_at(double b);

  // The range of u where the integrand is above exp(-kDrop) of its maximum. Since L is concave in b
  // it is unimodal in u, and all modes of the integrand lie between 0 and the maximum of L: a walk
  // from 0 in whole steps, to both sides, passes them all.
  void find_window();

  // The largest L from here to the far end of a side: where L rises all the way it is that there.
  double most_beyond(double side);

  // From u in growing steps until the integrand is below `level` and `past` is passed.
  double walk(double u, double step, double past, double level);

  void quadrature(int order);

  // Scores at the nodes, s_k = (X'g_k, b1_k 1'g_k), and their mean under the weights.
  void gradient();

  // Louis (1982): the mean of the Hessians plus the covariance of the scores.
  void hessian();
  double curvature_at_zero();

  const Design& design_;
  const Family& family_;
  const int K_;
  const VectorXd beta_;
  const double sigma_;
  const std::unique_ptr<EffectDistribution> effect_;
  const double far_;
  Rows rows_;
  Index first_ = 0;
  bool exp_is_safe_ = false;
  double wy_ = 0, wy_eta0_ = 0, low_ = 0, high_ = 0, value_ = 0;
  VectorXd eta0_, exp_eta0_, eta_, b_, b1_, b2_, rho_, gradient_, aux_;
  MatrixXd G_, W_, s_, hessian_;
};

}  // namespace margmix

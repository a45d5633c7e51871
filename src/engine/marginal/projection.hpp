// The marginal regression that population means imply: the gamma of the same formula that a
// quasi-likelihood fit of the means m_j themselves would give,
//   F(gamma) = sum_j w_j x_j h(e_j) (m_j - mu(e_j)) = 0,  e_j = o_j + x_j'gamma,  h = mu' / V(mu).
// It is what independence estimating equations estimate on these rows if the mixed model holds.
#pragma once

#include <algorithm>
#include <cmath>

#include "family/family.hpp"
#include "linalg/products.hpp"

namespace margmix {

// Variance of a response, up to the dispersion, as a function of its mean.
struct QuadraticVariance {
  double v0, v1, v2;  // v0 + v1 mu + v2 mu^2
  double operator()(double mu) const { return v0 + mu * (v1 + mu * v2); }
  double derivative(double mu) const { return v1 + 2 * mu * v2; }
};

struct ImpliedRows {
  MatrixMap X;        // n x p
  VectorMap offset;   // n
  VectorMap weight;   // n
  VectorMap mean;     // n: m_j
  VectorMap d_eta;    // n: its derivative in the conditional predictor o_j + x_j'beta
  MatrixMap d_theta;  // n x t: its derivatives in theta
};

struct Projection {
  VectorXd gamma;     // p
  MatrixXd jacobian;  // p x (p + t): d gamma / d (beta, theta), by implicit differentiation
  bool converged = false;
  int iterations = 0;
};

class MarginalProjection {
 public:
  MarginalProjection(const ImpliedRows& rows, const Family& family, QuadraticVariance variance)
      : rows_(rows), family_(family), variance_(variance) {}

  // Fisher scoring from `start`, with steps halved while the decrement F'I^-1 F does not fall.
  Projection run(const VectorXd& start);

 private:
  static constexpr Index kBlock = 512;

  // I^-1 F with I = sum w h mu' x x'; leaves F'I^-1 F in decrement_ and sum w h mu' in total_.
  VectorXd scoring_step(const VectorXd& gamma);

  // A d gamma = C (d beta, d theta): A = -dF / dgamma, C = sum w h x (m_eta x', m_theta').
  MatrixXd jacobian(const VectorXd& gamma) const;

  // w h, w dh / de, m - mu and mu' of a row; nothing where the variance vanishes in rounding.
  struct Terms {
    double h = 0, dh = 0, residual = 0, d1 = 0;
  };
  Terms terms(Index j, double e) const;

  const ImpliedRows& rows_;
  const Family& family_;
  const QuadraticVariance variance_;
  double decrement_ = kNaN, total_ = 0;
};

}  // namespace margmix

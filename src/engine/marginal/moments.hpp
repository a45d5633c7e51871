// Second moments of conditional means: with normal random effects the random parts of two
// predictors are bivariate normal, whatever the number of random effects.
//   between-cluster covariance  C = Cov(mu(eta_1 + s_1 T_1), mu(eta_2 + s_2 T_2)),  corr(T) = r
#pragma once

#include <cmath>
#include <utility>

#include "marginal/population_mean.hpp"

namespace margmix {

// Cov, or with its derivatives where both rows are one (the variance between clusters).
struct BetweenVariance {
  double value, d_eta, d_s;
};

class BetweenMoments {
 public:
  BetweenMoments(const FamilySpec& spec, const Family& family, const EffectLaw& law = {})
      : link_(spec.link), law_(law), family_(family), mean_(spec, family, law) {}

  // Variance of mu(eta + s T), and its derivatives.
  BetweenVariance variance(double eta, double s) const;

  // Covariance of the conditional means of two rows; c is the covariance of their random parts.
  double covariance(double eta1, double s1, double eta2, double s2, double c) const;

 private:
  // Calls at(b, db/ds, weight) over the random part of a row; returns the sum of the weights.
  template <class At>
  double parts(double eta, double s, At at) const;

  // One random intercept, not normal, in both rows.
  double intercept_covariance(double eta1, double eta2, double s) const;

  // Phi_2(a, b; r) - Phi(a) Phi(b) = integral_0^asin(r) exp{-(a^2 + b^2 - 2 a b sin v) /
  // (2 cos^2 v)} dv / 2 pi (Plackett 1954; with r = sin v, Drezner & Wesolowsky 1990).
  static double orthant(double a, double b, double r);

  // Step of the trapezoidal rule, as in PopulationMeanRule; a product of two means has two poles.
  double step(double s) const;

  // Calls at(t, weight) over the line; returns the sum of the weights.
  template <class At>
  static double line(double h, At at) {
    const int half = static_cast<int>(std::ceil(9.5 / h));
    double total = 0;
    for (int k = -half; k <= half; ++k) {
      const double t = k * h, weight = std::exp(-0.5 * t * t);
      total += weight;
      at(t, weight);
    }
    return total;
  }

  const std::string link_;
  const EffectLaw law_;
  const Family& family_;
  const PopulationMeanRule mean_;
  mutable EffectTable effects_;
};

}  // namespace margmix

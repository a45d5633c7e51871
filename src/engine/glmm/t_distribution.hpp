// A random intercept b = sigma sqrt{(df - 2) / df} T, T of the t distribution with df > 2 degrees
// of freedom, so that sigma is its standard deviation. With T = sqrt(df) sinh(u / sqrt(df)) the
// density of u is proportional to cosh(u / sqrt(df))^-df: log-concave, analytic in the strip
// |Im u| < sqrt(df) pi / 2, and for df -> Inf that of the normal score.
#pragma once

#include "glmm/effect_distribution.hpp"

namespace margmix {

class TDistribution final : public EffectDistribution {
 public:
  TDistribution(double sigma, double df);

  Value at(double u) const override;
  double log_weight(double u) const override;
  double log_constant() const override { return log_constant_; }
  double far() const override;
  double log_density_value(double b) const override;
  Slope log_density(double b) const override;
  double step(double eta, double strip) const override;
  double reach() const override;

 private:
  static double log_cosh(double x);
  // x with df log cosh(x) = drop.
  double where_weight_falls(double drop) const;

  double sigma_, df_, root_, unit_, log_constant_;
};

}  // namespace margmix

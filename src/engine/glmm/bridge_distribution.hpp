// The bridge distribution of a random intercept for the logit link (Wang & Louis 2003),
//   f(b) = sin(phi pi) / {2 pi (cosh(phi b) + cos(phi pi))},  0 < phi < 1,
// with variance sigma^2 = pi^2 / 3 (phi^-2 - 1): logistic conditionally on b with coefficients
// beta, logistic marginally with phi beta. The parameter here is sigma, as for a normal intercept;
// sigma = 0 is phi = 1.
#pragma once

#include <algorithm>
#include <cmath>

#include "glmm/effect_distribution.hpp"

namespace margmix {

class BridgeDistribution final : public EffectDistribution {
 public:
  explicit BridgeDistribution(double sigma);

  // At the normal score u: b = F^-1(Phi(u)). F^-1(p) = log{sin(phi pi p) / sin(phi pi (1 - p))} /
  // phi, where phi pi (1 - p) = pi - pi (1 - phi + phi p).
  Value at(double u) const override;
  double log_weight(double u) const override { return -0.5 * u * u; }
  double log_constant() const override { return -0.91893853320467274178; }
  double far() const override { return 37; }
  double log_density_value(double b) const override;
  Slope log_density(double b) const override;

  // The density is e / {4 pi sinh^2(b / 2)}, e = pi (1 - phi) = 3 sigma^2 / (2 pi), away from
  // b = 0, so that the curvature is 3 / pi times the integral of gain(b) / {4 pi sinh^2(b / 2)},
  // symmetrised.
  double curvature_at_zero(double second, const std::function<double(double)>& gain) const override;

  // A small intercept bends in u.
  double step(double eta, double strip) const override;
  double reach() const override { return 9.5; }

  double logit_factor() const override { return phi_; }
  double d_logit_factor() const override { return d_phi_; }

 private:
  static constexpr double kPi = 3.14159265358979323846;
  double sigma_, phi_, rest_;  // rest: 1 - phi
  double d_phi_, d2_phi_;
};

}  // namespace margmix

// The bridge distribution of a random intercept for the logit link (Wang & Louis 2003),
//   f(b) = sin(phi pi) / {2 pi (cosh(phi b) + cos(phi pi))},  0 < phi < 1,
// with variance sigma^2 = pi^2 / 3 (phi^-2 - 1): logistic conditionally on b with coefficients
// beta, logistic marginally with phi beta. The parameter here is sigma, as for a normal intercept;
// sigma = 0 is phi = 1.
#pragma once

#include <algorithm>
#include <cmath>

#include "core/types.hpp"

namespace margmix {

class BridgeDistribution {
 public:
  explicit BridgeDistribution(double sigma);

  double phi() const { return phi_; }
  double d_phi() const { return d_phi_; }  // d phi / d sigma

  // b = F^-1(Phi(u)), and its first two derivatives in sigma. F^-1(p) = log{sin(phi pi p) /
  // sin(phi pi (1 - p))} / phi, where phi pi (1 - p) = pi - pi (1 - phi + phi p).
  struct Value {
    double b, d1, d2;
  };
  Value at(double u) const;

  // log f(b), up to a constant.
  double log_density_value(double b) const;

  // First and second derivative of log f in b, and that of the first in sigma.
  struct Slope {
    double d1, d2, d1_sigma;
  };
  Slope log_density(double b) const;

 private:
  static constexpr double kPi = 3.14159265358979323846;
  double phi_, rest_;  // phi, 1 - phi
  double d_phi_, d2_phi_;
};

}  // namespace margmix

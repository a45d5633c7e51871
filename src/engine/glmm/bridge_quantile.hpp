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
  explicit BridgeDistribution(double sigma) {
    const double x = 3 * sigma * sigma / (kPi * kPi), root = std::sqrt(1 + x);
    phi_ = 1 / root;
    rest_ = x / (root * (root + 1));
    d_phi_ = -3 * sigma / (kPi * kPi) * phi_ * phi_ * phi_;
    d2_phi_ = -3 / (kPi * kPi) * phi_ * phi_ * phi_ * (1 - 3 * x * phi_ * phi_);
  }

  double phi() const { return phi_; }
  double d_phi() const { return d_phi_; }  // d phi / d sigma

  // b = F^-1(Phi(u)), and its first two derivatives in sigma. F^-1(p) = log{sin(phi pi p) /
  // sin(phi pi (1 - p))} / phi, where phi pi (1 - p) = pi - pi (1 - phi + phi p).
  struct Value {
    double b, d1, d2;
  };
  Value at(double u) const {
    if (rest_ == 0) return {0, 0, 0};
    const double p = 0.5 * std::erfc(std::fabs(u) / std::sqrt(2.0)), q = 1 - p;
    const double v = kPi * phi_ * p, w = kPi * rest_ + v;
    const double sin_v = std::sin(v), sin_w = std::sin(w);
    const double A = std::log(sin_v / sin_w);
    const double A1 = p / sin_v * std::cos(v) + q * std::cos(w) / sin_w;
    const double A2 = q * q / (sin_w * sin_w) - p * p / (sin_v * sin_v);
    const double b = A / phi_, b1 = (kPi * A1 - b) / phi_;
    const double b2 = (kPi * kPi * A2 - 2 * b1) / phi_;
    const double sign = u < 0 ? 1.0 : -1.0;
    return {sign * b, sign * b1 * d_phi_, sign * (b2 * d_phi_ * d_phi_ + b1 * d2_phi_)};
  }

  // log f(b), up to a constant.
  double log_density_value(double b) const {
    const double a = std::fabs(phi_ * b), edge = std::sin(0.5 * kPi * rest_);
    if (a > 300) return -a + std::log(2.0);
    const double half = std::sinh(0.5 * a);
    return -std::log(half * half + edge * edge);
  }

  // First and second derivative of log f in b, and that of the first in sigma.
  struct Slope {
    double d1, d2, d1_sigma;
  };
  Slope log_density(double b) const {
    const double a = phi_ * b;
    if (std::fabs(a) > 300) {
      const double sign = b > 0 ? 1.0 : -1.0;
      return {-sign * phi_, 0, -sign * d_phi_};
    }
    const double half = std::sinh(0.5 * a), edge = std::sin(0.5 * kPi * rest_);
    const double D = 2 * half * half + 2 * edge * edge;  // cosh a + cos(phi pi)
    const double N = std::sinh(a), C = std::cosh(a);
    const double d_ratio = (b * C * D - N * (b * N - kPi * std::sin(kPi * rest_))) / (D * D);
    return {-phi_ * N / D, phi_ * phi_ * (2 * half * half - 2 * edge * edge * C) / (D * D),
            -(N / D + phi_ * d_ratio) * d_phi_};
  }

 private:
  static constexpr double kPi = 3.14159265358979323846;
  double phi_, rest_;  // phi, 1 - phi
  double d_phi_, d2_phi_;
};

}  // namespace margmix

#include "glmm/bridge_distribution.hpp"

namespace margmix {

BridgeDistribution::BridgeDistribution(double sigma) : sigma_(sigma) {
  const double x = 3 * sigma * sigma / (kPi * kPi), root = std::sqrt(1 + x);
  phi_ = 1 / root;
  rest_ = x / (root * (root + 1));
  d_phi_ = -3 * sigma / (kPi * kPi) * phi_ * phi_ * phi_;
  d2_phi_ = -3 / (kPi * kPi) * phi_ * phi_ * phi_ * (1 - 3 * x * phi_ * phi_);
}

EffectDistribution::Value BridgeDistribution::at(double u) const {
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

double BridgeDistribution::log_density_value(double b) const {
  const double a = std::fabs(phi_ * b), edge = std::sin(0.5 * kPi * rest_);
  if (a > 300) return -a + std::log(2.0);
  const double half = std::sinh(0.5 * a);
  return -std::log(half * half + edge * edge);
}

EffectDistribution::Slope BridgeDistribution::log_density(double b) const {
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

double BridgeDistribution::curvature_at_zero(double,
                                             const std::function<double(double)>& gain) const {
  constexpr double kStep = 0.05;
  double sum = 0;
  for (double b = 0.5 * kStep; b < 40; b += kStep) {
    const double sinh = std::sinh(0.5 * b);
    sum += (gain(b) + gain(-b)) / (4 * kPi * sinh * sinh);
  }
  return 3 / kPi * kStep * sum;
}

double BridgeDistribution::step(double, double strip) const {
  constexpr double kDigits = 40;
  return std::min(0.1, 2 * kPi * (strip / sigma_) / kDigits);
}

}  // namespace margmix

#include "glmm/t_distribution.hpp"

#include <algorithm>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>

namespace margmix {

namespace {
constexpr double kPi = 3.14159265358979323846, kLog2 = 0.69314718055994530942;
}  // namespace

TDistribution::TDistribution(double sigma, double df)
    : sigma_(sigma),
      df_(df),
      root_(std::sqrt(df)),
      unit_(std::sqrt(df - 2)),
      log_constant_(-std::log(boost::math::tgamma_delta_ratio(0.5 * df, 0.5)) -
                    0.5 * std::log(df * kPi)) {}

EffectDistribution::Value TDistribution::at(double u) const {
  const double q = unit_ * std::sinh(u / root_);
  return {sigma_ * q, q, 0};
}

double TDistribution::log_cosh(double x) {
  const double a = std::fabs(x);
  if (a > 20) return a - kLog2;
  const double half = std::sinh(0.5 * a);
  return std::log1p(2 * half * half);
}

double TDistribution::log_weight(double u) const { return -df_ * log_cosh(u / root_); }

double TDistribution::where_weight_falls(double drop) const {
  const double y = drop / df_;
  if (y > 20) return y + kLog2;
  // cosh x = e^y, without a difference of near numbers where y is small
  const double above = std::expm1(y);
  return std::log1p(above + std::sqrt(above * (above + 2)));
}

double TDistribution::far() const { return std::floor(root_ * where_weight_falls(684)); }

double TDistribution::reach() const { return root_ * where_weight_falls(38); }

double TDistribution::log_density_value(double b) const {
  const double x = b / (unit_ * sigma_);
  return -0.5 * (df_ + 1) * std::log1p(x * x);
}

EffectDistribution::Slope TDistribution::log_density(double b) const {
  const double a = unit_ * unit_ * sigma_ * sigma_, D = a + b * b;
  return {-(df_ + 1) * b / D, -(df_ + 1) * (a - b * b) / (D * D),
          2 * (df_ + 1) * b * a / (sigma_ * D * D)};
}

// A pole at distance `strip` from the line of eta + b, where b = c sinh x, is at the distance
// asin{strip / (c cosh x)} from the line of x = u / sqrt(df), and counts by the weight there.
double TDistribution::step(double eta, double strip) const {
  constexpr double kDigits = 38, kNarrow = 1e-3;
  const double c = unit_ * sigma_, most = std::asinh(std::fabs(eta) / c) + 1;
  double h = 0.5;
  for (double x = 0; x <= most; x += 0.05) {
    const double digits = kDigits - df_ * log_cosh(x);
    if (digits <= 0) break;
    const double distance = std::asin(std::min(1.0, strip / (c * std::cosh(x))));
    h = std::min(h, 2 * kPi * root_ * distance / digits);
  }
  return std::max(h, kNarrow);
}

}  // namespace margmix

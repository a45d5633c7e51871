// The logarithm of the gamma function and of rising factorials, with four derivatives: what the
// densities of dispersion families are made of. The recurrence moves the argument up to where
// Stirling's series has full precision (Abramowitz and Stegun 1964, 6.1.40, 6.3.5, 6.4.6).
#pragma once

#include <cmath>

#include "core/types.hpp"

namespace margmix {

// A function of one variable and its derivatives.
struct Derivatives {
  double l = 0, d1 = 0, d2 = 0, d3 = 0, d4 = 0;
};

constexpr double kStirlingFrom = 15;

// delta(x) = log Gamma(x) - [(x - 1/2) log x - x + log(2 pi) / 2] for x >= kStirlingFrom.
inline Derivatives stirling_remainder(double x) {
  constexpr double c[] = {1.0 / 12,   -1.0 / 360,      1.0 / 1260, -1.0 / 1680,
                          1.0 / 1188, -691.0 / 360360, 1.0 / 156};
  const double i = 1 / x, i2 = i * i;
  Derivatives out;
  double power = i;  // x^-k
  for (int m = 0, k = 1; m < 7; ++m, k += 2, power *= i2) {
    double term = c[m] * power;
    out.l += term;
    out.d1 += term *= -k * i;
    out.d2 += term *= -(k + 1) * i;
    out.d3 += term *= -(k + 2) * i;
    out.d4 += term *= -(k + 3) * i;
  }
  return out;
}

// log Gamma(x), digamma(x), ..., for x > 0.
inline Derivatives log_gamma(double x) {
  constexpr double kHalfLog2Pi = 0.91893853320467274178;
  double product = 1, s1 = 0, s2 = 0, s3 = 0, s4 = 0;
  for (; x < kStirlingFrom; ++x) {
    const double i = 1 / x, i2 = i * i;
    product *= x;
    s1 += i, s2 += i2, s3 += i2 * i, s4 += i2 * i2;
  }
  const double log_x = std::log(x), i = 1 / x, i2 = i * i;
  const Derivatives r = stirling_remainder(x);
  return {(x - 0.5) * log_x - x + kHalfLog2Pi + r.l - std::log(product),
          log_x - 0.5 * i + r.d1 - s1, i + 0.5 * i2 + r.d2 + s2, -i2 - i2 * i + r.d3 - 2 * s3,
          2 * i2 * i + 3 * i2 * i2 + r.d4 + 6 * s4};
}

// x log x - log Gamma(x) and its first derivative in x, without cancellation for large x.
inline Derivatives log_power_over_gamma(double x) {
  constexpr double kHalfLog2Pi = 0.91893853320467274178;
  Derivatives out;
  if (x < kStirlingFrom) {
    const Derivatives g = log_gamma(x);
    out.l = x * std::log(x) - g.l;
    out.d1 = std::log(x) + 1 - g.d1;
    return out;
  }
  const Derivatives r = stirling_remainder(x);
  out.l = x + 0.5 * std::log(x) - kHalfLog2Pi - r.l;
  out.d1 = 1 + 0.5 / x - r.d1;
  return out;
}

// Of a short product log s (s + 1) ... (s + y - 1).
inline Derivatives log_rising_product(double s, int y) {
  Derivatives out;
  double product = 1;  // of 1 + k / s
  for (int k = 0; k < y; ++k) {
    const double i = 1 / (s + k), i2 = i * i;
    product *= 1 + k / s;
    if (product > 1e150) out.l += std::log(product), product = 1;
    out.d1 += i, out.d2 -= i2, out.d3 += 2 * i2 * i, out.d4 -= 6 * i2 * i2;
  }
  out.l += std::log(product);
  return out;
}

// log [Gamma(s + y) / Gamma(s)] - y log s, and the derivatives in s of log [Gamma(s + y) /
// Gamma(s)], s > 0, y >= 0. Precise also where s is so large that the value is nearly zero.
inline Derivatives log_rising(double s, double y) {
  constexpr int kShort = 24;
  if (y <= kShort && y == std::floor(y)) return log_rising_product(s, static_cast<int>(y));
  double S = s;
  Derivatives out;
  for (; S < kStirlingFrom; ++S) {
    const double i = 1 / S, j = 1 / (S + y), i2 = i * i, j2 = j * j;
    out.l -= std::log1p(y / S);
    out.d1 += i - j, out.d2 += j2 - i2;
    out.d3 += 2 * (i2 * i - j2 * j), out.d4 += 6 * (j2 * j2 - i2 * i2);
  }
  const double i = 1 / S, j = 1 / (S + y), i2 = i * i, j2 = j * j, ratio = std::log1p(y / S);
  const Derivatives a = stirling_remainder(S), b = stirling_remainder(S + y);
  out.l += (S + y - 0.5) * ratio - y + b.l - a.l + (S > s ? y * std::log(S / s) : 0.0);
  out.d1 += ratio - 0.5 * (j - i) + b.d1 - a.d1;
  out.d2 += j - i + 0.5 * (j2 - i2) + b.d2 - a.d2;
  out.d3 += i2 - j2 + i2 * i - j2 * j + b.d3 - a.d3;
  out.d4 += 2 * (j2 * j - i2 * i) + 3 * (j2 * j2 - i2 * i2) + b.d4 - a.d4;
  return out;
}

}  // namespace margmix

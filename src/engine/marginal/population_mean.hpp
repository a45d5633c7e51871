// The population mean of a row, m(eta, s) = integral of mu(eta + s t) phi(t) dt: with normal
// random effects the random part of a predictor is N(0, s^2), whatever their number.
#pragma once

#include <cmath>

#include "family/registry.hpp"

namespace margmix {

struct PopulationMean {
  double mean, d_eta, d_s;
};

// Closed forms where there are any; otherwise the trapezoidal rule on the whole line, whose error
// falls as exp(-2 pi d / h), with d the half-width of the strip in which the integrand is analytic
// (Trefethen & Weideman 2014). The links have their nearest singularity at eta = +- i a:
// logit a = pi, cauchit a = 1, cloglog none (its growth limits the strip to about pi / 2).
class PopulationMeanRule {
 public:
  PopulationMeanRule(const FamilySpec& spec, const Family& family)
      : family_(family), link_(spec.link) {}

  PopulationMean operator()(double eta, double s) const {
    if (link_ == "identity") return {eta, 1, 0};
    if (link_ == "sqrt") return {eta * eta + s * s, 2 * eta, 2 * s};
    if (link_ == "log") {
      const double m = std::exp(eta + 0.5 * s * s);
      return {m, m, s * m};
    }
    if (link_ == "probit") {
      const double r = std::sqrt(1 + s * s);
      const Family::Mean at = family_.mean(eta / r);
      return {at.mu, at.d1 / r, -at.d1 * eta * s / (r * r * r)};
    }
    return trapezoid(eta, s);
  }

 private:
  PopulationMean trapezoid(double eta, double s) const {
    constexpr double kRange = 9.5, kPi = 3.14159265358979323846, kDigits = 36.0;
    const double strip = link_ == "logit" ? kPi : link_ == "cloglog" ? kPi / 2 : 1.0;
    // The normal density alone asks for h <= 0.7; a strip of half-width d for 2 pi d / kDigits.
    // d_s carries mu', one order more singular, hence the margin in kDigits.
    const double h = std::min(0.5, s > 0 ? 2 * kPi * (strip / s) / kDigits : 0.5);
    const int half = static_cast<int>(std::ceil(kRange / h));
    PopulationMean sum{0, 0, 0};
    double total = 0;
    for (int k = -half; k <= half; ++k) {
      const double t = k * h, weight = std::exp(-0.5 * t * t);
      const Family::Mean at = family_.mean(eta + s * t);
      total += weight;
      sum.mean += weight * at.mu;
      sum.d_eta += weight * at.d1;
      sum.d_s += weight * at.d1 * t;
    }
    return {sum.mean / total, sum.d_eta / total, sum.d_s / total};
  }

  const Family& family_;
  const std::string link_;
};

}  // namespace margmix

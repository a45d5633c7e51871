// Proportions: beta with variance mu (1 - mu) / (1 + phi), and beta-binomial counts of `size`
// trials with variance size mu (1 - mu) (phi + size) / (phi + 1). phi = a + b is the precision; a =
// mu phi, b = (1 - mu) phi.
#pragma once

#include "family/dispersion.hpp"

namespace margmix {

class BetaDensity : public PlainDensity {
 public:
  static constexpr bool kPrecision = false;

  void set(double log_phi) { phi_ = std::exp(log_phi); }

  MuTerms at(double y, double, double mu, double nu) const {
    const double p = phi_, p2 = p * p, log_y = std::log(y), log_z = std::log1p(-y);
    const Derivatives a = log_gamma(mu * p), b = log_gamma(nu * p);
    return {p * (mu * log_y + nu * log_z) - a.l - b.l, p * (log_y - log_z - a.d1 + b.d1),
            -p2 * (a.d2 + b.d2), -p2 * p * (a.d3 - b.d3), -p2 * p2 * (a.d4 + b.d4)};
  }
  PhiTerms by_log_phi(double y, double, double mu, double nu) const {
    const double p = phi_, A = mu * p, B = nu * p, log_y = std::log(y), log_z = std::log1p(-y);
    const Derivatives a = log_gamma(A), b = log_gamma(B);
    return {A * (log_y - a.d1) + B * (log_z - b.d1),
            p * (log_y - log_z - a.d1 + b.d1 - A * a.d2 + B * b.d2),
            -p * p * (2 * (a.d2 + b.d2) + A * a.d3 + B * b.d3)};
  }
  double constant(double y, double, double) const {
    return log_gamma(phi_).l - std::log(y) - std::log1p(-y);
  }
  double constant_by_log_phi(double, double, double) const { return phi_ * log_gamma(phi_).d1; }

 private:
  double phi_ = 1;
};

// With rising factorials (x)_k = Gamma(x + k) / Gamma(x):
// log f = log (a)_y + log (b)_{size - y} - log (phi)_size + log choose(size, y)
class BetaBinomialDensity : public PlainDensity {
 public:
  static constexpr bool kPrecision = false;

  void set(double log_phi) { phi_ = std::exp(log_phi); }

  MuTerms at(double y, double size, double mu, double nu) const {
    const double p = phi_, p2 = p * p, f = size - y;
    const Derivatives a = log_rising(mu * p, y), b = log_rising(nu * p, f);
    // the powers of phi of the three factorials cancel
    const double l =
        a.l + b.l + (y > 0 ? y * std::log(mu) : 0.0) + (f > 0 ? f * std::log(nu) : 0.0);
    return {l, p * (a.d1 - b.d1), p2 * (a.d2 + b.d2), p2 * p * (a.d3 - b.d3),
            p2 * p2 * (a.d4 + b.d4)};
  }
  PhiTerms by_log_phi(double y, double size, double mu, double nu) const {
    const double p = phi_, A = mu * p, B = nu * p;
    const Derivatives a = log_rising(A, y), b = log_rising(B, size - y);
    return {A * a.d1 + B * b.d1 - size, p * (a.d1 - b.d1 + A * a.d2 - B * b.d2),
            p * p * (2 * (a.d2 + b.d2) + A * a.d3 + B * b.d3)};
  }
  double constant(double y, double size, double) const {
    return std::lgamma(size + 1) - std::lgamma(y + 1) - std::lgamma(size - y + 1) -
           log_rising(phi_, size).l;
  }
  double constant_by_log_phi(double, double size, double) const {
    return size - phi_ * log_rising(phi_, size).d1;
  }

 private:
  double phi_ = 1;
};

}  // namespace margmix

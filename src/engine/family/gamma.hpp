// Positive responses: Gamma with variance phi mu^2 / w (shape w / phi), inverse Gaussian with
// variance phi mu^3 / w; w is a precision, or 1 where weights are frequencies.
#pragma once

#include "family/dispersion.hpp"

namespace margmix {

// log f = -a (y / mu + log mu) + a log a + (a - 1) log y - log Gamma(a),  a = w / phi
class GammaDensity : public PlainDensity {
 public:
  static constexpr bool kPrecision = true;

  void set(double log_phi) { i_phi_ = std::exp(-log_phi); }
  double i_phi() const { return i_phi_; }
  double variance(double mu) const { return mu * mu; }

  MuTerms at(double y, double, double mu, double) const {
    const double i = 1 / mu, r = y * i, c = i_phi_, c2 = c * i * i, c4 = c2 * i * i;
    return {-c * (r + std::log(mu)), c * i * (r - 1), c2 * (1 - 2 * r), c2 * i * (6 * r - 2),
            c4 * (6 - 24 * r)};
  }
  PhiTerms by_log_phi(double y, double size, double mu, double nu) const {
    const MuTerms t = at(y, size, mu, nu);
    return {-t.l, -t.d1, -t.d2};
  }
  double constant(double y, double, double w) const {
    const double a = w * i_phi_;
    return log_power_over_gamma(a).l + (a - 1) * std::log(y);
  }
  double constant_by_log_phi(double y, double, double w) const {
    const double a = w * i_phi_;
    return -a * (log_power_over_gamma(a).d1 + std::log(y));
  }

 private:
  double i_phi_ = 1;
};

template <>
struct RowDensity<GammaDensity, LogLink> {
  static RowTerms terms(const GammaDensity& d, double y, double, double eta) {
    const double c = d.i_phi(), r = c * y * std::exp(-eta);
    return {-r - c * eta, r - c, r, -r, r};
  }
};

// log f = -(w / 2 phi) (y / mu^2 - 2 / mu + 1 / y) + log(w / (2 pi phi y^3)) / 2
class InverseGaussianDensity : public PlainDensity {
 public:
  static constexpr bool kPrecision = true;

  void set(double log_phi) { log_phi_ = log_phi, i_phi_ = std::exp(-log_phi); }
  double variance(double mu) const { return mu * mu * mu; }

  MuTerms at(double y, double, double mu, double) const {
    const double i = 1 / mu, r = y * i, c = i_phi_, c2 = c * i * i, c4 = c2 * i * i;
    return {c * i * (1 - 0.5 * r), c2 * (r - 1), c2 * i * (2 - 3 * r), c4 * (12 * r - 6),
            c4 * i * (24 - 60 * r)};
  }
  PhiTerms by_log_phi(double y, double size, double mu, double nu) const {
    const MuTerms t = at(y, size, mu, nu);
    return {-t.l, -t.d1, -t.d2};
  }
  double constant(double y, double, double w) const {
    constexpr double kLog2Pi = 1.83787706640934548356;
    return -0.5 * w * i_phi_ / y + 0.5 * (std::log(w) - kLog2Pi - log_phi_ - 3 * std::log(y));
  }
  double constant_by_log_phi(double y, double, double w) const {
    return 0.5 * w * i_phi_ / y - 0.5;
  }

 private:
  double log_phi_ = 0, i_phi_ = 1;
};

}  // namespace margmix

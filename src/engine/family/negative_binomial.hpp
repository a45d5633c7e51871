// Negative binomial counts. Type 2: variance mu + mu^2 / phi, phi the size. Type 1: variance
// mu (1 + phi). Links log, sqrt, identity.
#pragma once

#include <vector>

#include "family/dispersion.hpp"

namespace margmix {

// log f = y log mu - (y + phi) log(1 + mu / phi)
//         + log [Gamma(y + phi) / (Gamma(phi) phi^y)] - log y!
class NegativeBinomial2 {
 public:
  static constexpr bool kPrecision = false;

  void set(double log_phi) {
    phi_ = std::exp(log_phi);
    log_phi_ = log_phi;
    rising_.clear();
  }
  // Most counts are small: their terms are running sums.
  void tabulate() {
    constexpr int kTable = 128;
    rising_.resize(kTable);
    Derivatives sum;
    for (int y = 0; y < kTable; ++y) {
      rising_[y] = sum;
      sum.l += std::log1p(y / phi_);
      sum.d1 += 1 / (phi_ + y);
    }
  }
  double phi() const { return phi_; }
  double log_phi() const { return log_phi_; }
  double variance(double mu) const { return mu + mu * mu / phi_; }

  MuTerms at(double y, double, double mu, double) const {
    const double i = 1 / mu, a = y + phi_, s = 1 / (mu + phi_), i2 = i * i, s2 = s * s;
    return {(y > 0 ? y * std::log(mu) : 0.0) - a * std::log1p(mu / phi_), y * i - a * s,
            a * s2 - y * i2, 2 * (y * i2 * i - a * s2 * s), 6 * (a * s2 * s2 - y * i2 * i2)};
  }
  PhiTerms by_log_phi(double y, double, double mu, double) const {
    const double s = 1 / (mu + phi_), ps = phi_ * s;
    return {(y + phi_) * mu * s - phi_ * std::log1p(mu / phi_), ps * (y - mu) * s,
            ps * (mu - phi_ - 2 * y) * s * s};
  }
  double constant(double y, double, double) const { return rising(y).l - std::lgamma(y + 1); }
  double constant_by_log_phi(double y, double, double) const { return phi_ * rising(y).d1 - y; }

 private:
  Derivatives rising(double y) const {
    if (y < static_cast<double>(rising_.size()) && y == std::floor(y))
      return rising_[static_cast<int>(y)];
    return log_rising(phi_, y);
  }

  double phi_ = 1, log_phi_ = 0;
  std::vector<Derivatives> rising_;
};

// With r = mu / phi, p = r / (1 + r), v = p (1 - p).
template <>
struct RowDensity<NegativeBinomial2, LogLink> {
  static RowTerms terms(const NegativeBinomial2& d, double y, double, double eta) {
    const double a = y + d.phi(), t = eta - d.log_phi();
    const double r = std::exp(t), q = 1 / (1 + r), p = t > 0 ? 1 / (1 + 1 / r) : r * q;
    const double v = p * q, W = a * v;
    const double log1p_r = t > 36 ? t : std::log1p(r);
    return {y * eta - a * log1p_r, y - a * p, W, W * (q - p), W * (1 - 6 * v)};
  }
};

// The log link needs no exponentials at the nodes of a rule.
class NegativeBinomial2Log final : public DispersionFamily<NegativeBinomial2, LogLink, true> {
 public:
  using DispersionFamily::DispersionFamily;
  bool through_exp() const override { return true; }

  double rows_exp(const Rows& rows, const double* E, double* g, double* W) const override {
    const bool by_row = phi_by_row();
    double phi = density_.phi(), scale = 1 / phi, sum = 0;
    for (Index j = 0; j < rows.n; ++j) {
      if (by_row) phi = std::exp(log_phi(rows.first + j)), scale = 1 / phi;
      const double w = rows.w(j), a = w * (rows.y[j] + phi), r = E[j] * scale, q = 1 / (1 + r);
      sum -= a * std::log1p(r);
      if (g) g[j] = w * rows.y[j] - a * r * q;
      if (W) W[j] = a * r * q * q;
    }
    return sum;
  }
};

// With s = mu / phi:
// log f = log [Gamma(y + s) / (Gamma(s) s^y)] + y log mu - y log(1 + phi) - mu c - log y!,
// c = log(1 + phi) / phi
class NegativeBinomial1 : public PlainDensity {
 public:
  static constexpr bool kPrecision = false;

  void set(double log_phi) {
    phi_ = std::exp(log_phi);
    c_ = std::log1p(phi_) / phi_;
  }
  double variance(double mu) const { return mu * (1 + phi_); }

  MuTerms at(double y, double, double mu, double) const {
    const double k = 1 / phi_, k2 = k * k;
    const Derivatives r = log_rising(mu * k, y);
    return {r.l + (y > 0 ? y * std::log(mu) : 0.0) - y * std::log1p(phi_) - mu * c_, k * r.d1 - c_,
            k2 * r.d2, k2 * k * r.d3, k2 * k2 * r.d4};
  }
  PhiTerms by_log_phi(double y, double, double mu, double) const {
    const double k = 1 / phi_, s = mu * k, q = 1 / (1 + phi_);
    const Derivatives r = log_rising(s, y);
    return {(y - mu) * q - s * r.d1 + mu * c_, c_ - q - k * (r.d1 + s * r.d2),
            -k * k * (2 * r.d2 + s * r.d3)};
  }
  double constant(double y, double, double) const { return -std::lgamma(y + 1); }
  double constant_by_log_phi(double, double, double) const { return 0; }

 private:
  double phi_ = 1, c_ = 1;
};

}  // namespace margmix

// Gaussian responses with variance phi / w (w a precision) or phi (w a frequency), links identity
// and log. log phi is a parameter of the likelihood.
#pragma once

#include "family/family.hpp"

namespace margmix {

template <class Derived>
class GaussianBase : public RowwiseFamily<Derived> {
 public:
  explicit GaussianBase(bool frequency) : frequency_(frequency) {}

  static constexpr bool kHasPhi = true;
  bool has_dispersion() const override { return true; }
  void set_phi(double log_phi) override { log_phi_ = log_phi, phi_ = std::exp(log_phi); }

  // -1/2 log(2 pi phi / w) per row of positive weight.
  double constant(const Rows& r) const override {
    constexpr double kLog2Pi = 1.83787706640934548356;
    double rows = 0, log_weights = 0, log_phis = 0;
    for (Index j = 0; j < r.n; ++j) {
      const double w = r.w(j);
      if (w == 0) continue;
      rows += frequency_ ? w : 1.0;
      if (!frequency_ && w != 1) log_weights += std::log(w);
      if (this->phi_by_row()) log_phis += (frequency_ ? w : 1.0) * this->log_phi(r.first + j);
    }
    const double shared = this->phi_by_row() ? 0.0 : log_phi_;
    return -0.5 * rows * (kLog2Pi + shared) + 0.5 * (log_weights - log_phis);
  }

  double rows_dispersion(const Rows& r, const double* eta, double* g_phi, double* W_phi,
                         double* l_phi) const override {
    return this->with_phi(r, [&](auto at) {
      double sum = 0;
      for (Index j = 0; j < r.n; ++j) {
        const double w = r.w(j);
        const RowTerms t = at(j).template terms<2>(r.y[j], 1, eta[j]);
        const double l = w != 0 ? -w * t.l - 0.5 * (frequency_ ? w : 1.0) : 0.0;
        sum += l;
        if (g_phi) g_phi[j] = -w * t.g;
        if (W_phi) W_phi[j] = -w * t.W;
        if (l_phi) l_phi[j] = l;
      }
      return sum;
    });
  }

 protected:
  double phi_ = 1, log_phi_ = 0;
  bool frequency_;
};

class GaussianIdentity final : public GaussianBase<GaussianIdentity> {
 public:
  using GaussianBase::GaussianBase;
  static constexpr bool kHasF = true;

  template <int Order>
  RowTerms terms(double y, double /*size*/, double eta) const {
    const double e = y - eta;
    return {-0.5 * e * e / phi_, e / phi_, 1 / phi_, 0, 0};
  }
  double longest_step() const override { return kInf; }
  Mean mean(double eta) const override { return {eta, 1, 0}; }
  double link(double mu) const override { return mu; }
};

// l = -(y - mu)^2 / (2 phi), mu = e^eta: not log-concave where mu < y / 2.
class GaussianLog final : public GaussianBase<GaussianLog> {
 public:
  using GaussianBase::GaussianBase;
  static constexpr bool kHasF = true;

  template <int Order>
  RowTerms terms(double y, double /*size*/, double eta) const {
    const double mu = std::exp(eta), e = y - mu, m = mu / phi_;
    if (!std::isfinite(mu * mu)) return RowTerms::outside();
    return {-0.5 * e * e / phi_, e * m, m * (2 * mu - y), m * (4 * mu - y), m * (8 * mu - y)};
  }
  bool log_concave() const override { return false; }
  Mean mean(double eta) const override {
    const double mu = std::exp(eta);
    return {mu, mu, mu};
  }
  double link(double mu) const override { return std::log(mu); }
};

}  // namespace margmix

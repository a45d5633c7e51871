// Poisson counts, links log, sqrt, identity.
#pragma once

#include "family/family.hpp"

namespace margmix {

inline double poisson_constant(const Rows& r) {
  double sum = 0;
  for (Index j = 0; j < r.n; ++j)
    if (r.w(j) != 0 && r.y[j] != 0 && r.y[j] != 1) sum -= r.w(j) * std::lgamma(r.y[j] + 1);
  return sum;
}

// Canonical link: l = y eta - e^eta.
class PoissonLog final : public Family {
 public:
  double rows(const Rows& r, const double* eta, double* g, double* W, double* T,
              double* F) const override {
    double sum = 0;
    for (Index j = 0; j < r.n; ++j) {
      const double w = r.w(j), mu = w == 0 ? 0 : w * std::exp(eta[j]);
      sum += w * r.y[j] * eta[j] - mu;
      if (g) g[j] = w * r.y[j] - mu;
      if (W) W[j] = mu;
      if (T) T[j] = mu;
      if (F) F[j] = mu;
    }
    return std::isfinite(sum) ? sum : -kInf;
  }

  bool through_exp() const override { return true; }
  double rows_exp(const Rows& r, const double* E, double* g, double* W) const override {
    double sum = 0;
    for (Index j = 0; j < r.n; ++j) {
      const double w = r.w(j), mu = w * E[j];
      sum -= mu;
      if (g) g[j] = w * r.y[j] - mu;
      if (W) W[j] = mu;
    }
    return sum;
  }

  bool poisson_log() const override { return true; }
  double constant(const Rows& r) const override { return poisson_constant(r); }
  Mean mean(double eta) const override {
    const double mu = std::exp(eta);
    return {mu, mu, mu};
  }
  double link(double mu) const override { return std::log(mu); }
};

// mu = eta^2 for every real eta, so that the model is proper under normal random effects; the
// likelihood then has a mode on each side of zero where y > 0.
class PoissonSqrt final : public RowwiseFamily<PoissonSqrt> {
 public:
  static constexpr bool kHasF = true;

  template <int Order>
  RowTerms terms(double y, double /*size*/, double eta) const {
    if (y == 0) return {-eta * eta, -2 * eta, 2, 0, 0};
    if (eta == 0) return RowTerms::outside();
    const double i = 1 / eta, i2 = i * i;
    return {2 * y * std::log(std::fabs(eta)) - eta * eta, 2 * y * i - 2 * eta, 2 * y * i2 + 2,
            -4 * y * i2 * i, 12 * y * i2 * i2};
  }

  bool log_concave() const override { return false; }
  double constant(const Rows& r) const override { return poisson_constant(r); }
  Mean mean(double eta) const override { return {eta * eta, 2 * eta, 2}; }
  double link(double mu) const override { return std::sqrt(mu); }
};

// mu = eta, defined for eta > 0 (eta = 0 only where y = 0).
class PoissonIdentity final : public RowwiseFamily<PoissonIdentity> {
 public:
  static constexpr bool kHasF = true;

  template <int Order>
  RowTerms terms(double y, double /*size*/, double eta) const {
    if (eta < 0 || (eta == 0 && y > 0)) return RowTerms::outside();
    if (y == 0) return {-eta, -1, 0, 0, 0};
    const double i = 1 / eta, yi2 = y * i * i;
    return {y * std::log(eta) - eta, y * i - 1, yi2, -2 * yi2 * i, 6 * yi2 * i * i};
  }

  double constant(const Rows& r) const override { return poisson_constant(r); }
  double longest_step() const override { return kInf; }
  Mean mean(double eta) const override { return {eta, 1, 0}; }
  double link(double mu) const override { return mu; }
};

}  // namespace margmix

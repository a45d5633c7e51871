// Binomial responses: y successes out of `size`, links logit, probit, cloglog, cauchit, log,
// identity.
//
// Except for the logit, l = y a(eta) + (size - y) c(eta) with a = log mu and c = log(1 - mu), and
// each link supplies the derivatives of a and c.
#pragma once

#include <boost/math/special_functions/erf.hpp>

#include "family/family.hpp"

namespace margmix {

// log choose(size, y), weighted.
inline double binomial_constant(const Rows& r) {
  if (!r.size) return 0.0;
  double sum = 0;
  for (Index j = 0; j < r.n; ++j) {
    const double n = r.size[j], y = r.y[j];
    if (n == 1 || r.w(j) == 0) continue;
    sum += r.w(j) * (std::lgamma(n + 1) - std::lgamma(y + 1) - std::lgamma(n - y + 1));
  }
  return sum;
}

// log |1 - exp(x)| and its relatives are written with log1p and expm1 throughout.
inline double log1p_exp(double x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

// Canonical link. l = y eta - size log(1 + e^eta). The logarithm of a product of the factors
// (1 + e^-|eta|) <= 2 is taken once per run of rows, not once per row.
class BinomialLogit final : public Family {
 public:
  double rows(const Rows& r, const double* eta, double* g, double* W, double* T,
              double* F) const override {
    if (r.size || r.weight) return sweep<true>(r, eta, g, W, T, F);
    double sum = 0;
    for (Index first = 0; first < r.n; first += kBlock) {
      auto from = [&](double* out) { return out ? out + first : nullptr; };
      const Rows part = r.part(first, std::min(kBlock, r.n - first));
      sum += block(part, eta + first, from(g), from(W), from(T), from(F));
    }
    return sum;
  }

  bool through_exp() const override { return true; }
  bool bernoulli_logit(const Rows& r) const override { return !r.size && !r.weight; }

  double rows_exp(const Rows& r, const double* E, double* g, double* W) const override {
    if (r.size || r.weight) return sweep_exp_sized(r, E, g, W);
    double sum = 0, product = 1;
    for (Index j = 0; j < r.n; ++j) {
      const double t = 1 + E[j];
      product *= t;
      if (product > 1e150) {
        sum -= std::log(product);
        product = 1;
      }
      if (!g) continue;
      const double q = 1 / t;
      g[j] = r.y[j] - 1 + q;
      if (W) W[j] = q * (1 - q);
    }
    return sum - std::log(product);
  }

  double constant(const Rows& r) const override { return binomial_constant(r); }

  Mean mean(double eta) const override {
    const double e = std::exp(-std::fabs(eta)), v = e / ((1 + e) * (1 + e));
    const double mu = eta > 0 ? 1 / (1 + e) : e / (1 + e);
    return {mu, v, v * (1 - 2 * mu)};
  }
  double link(double mu) const override { return std::log(mu / (1 - mu)); }

 private:
  // A block of 0/1 rows in vector arithmetic, where the product of 1 + e^eta cannot overflow.
  static constexpr Index kBlock = 32;
  static double block(const Rows& r, const double* eta, double* g, double* W, double* T,
                      double* F) {
    using Block = Eigen::Array<double, Dynamic, 1, 0, kBlock, 1>;
    const Eigen::Map<const Eigen::ArrayXd> x(eta, r.n), y(r.y, r.n);
    if (!(x.abs().maxCoeff() < 20)) return sweep<false>(r, eta, g, W, T, F);
    const Block e = x.exp(), t = 1 + e, q = t.inverse(), mu = e * q;
    auto put = [&](double* out, const auto& value) {
      if (out) Eigen::Map<Eigen::ArrayXd>(out, r.n) = value;
    };
    put(g, y - mu);
    if (W || T || F) {
      const Block v = mu * q;
      put(W, v);
      put(T, v * (1 - 2 * mu));
      put(F, v * (1 - 6 * v));
    }
    return (y * x).sum() - std::log(t.prod());
  }

  template <bool kSized>
  static double sweep(const Rows& r, const double* eta, double* g, double* W, double* T,
                      double* F) {
    double sum = 0, product = 1;
    for (Index j = 0; j < r.n; ++j) {
      const double x = eta[j], e = std::exp(-std::fabs(x)), q = 1 / (1 + e);
      const double mu = x > 0 ? q : e * q, v = e * q * q;
      const double w = kSized ? r.w(j) : 1.0, size = kSized ? w * r.trials(j) : 1.0;
      sum += w * r.y[j] * x - (x > 0 ? size * x : 0.0);
      if (kSized) {
        sum -= size * std::log1p(e);
      } else {
        product *= 1 + e;
        if (product > 1e150) {
          sum -= std::log(product);
          product = 1;
        }
      }
      if (g) g[j] = w * r.y[j] - size * mu;
      if (W) W[j] = size * v;
      if (T) T[j] = size * v * (1 - 2 * mu);
      if (F) F[j] = size * v * (1 - 6 * v);
    }
    return kSized ? sum : sum - std::log(product);
  }

  static double sweep_exp_sized(const Rows& r, const double* E, double* g, double* W) {
    double sum = 0;
    for (Index j = 0; j < r.n; ++j) {
      const double w = r.w(j), size = w * r.trials(j), q = 1 / (1 + E[j]);
      sum -= size * std::log1p(E[j]);
      if (g) g[j] = w * r.y[j] - size * (1 - q);
      if (W) W[j] = size * q * (1 - q);
    }
    return sum;
  }
};

// Derivatives of log mu(eta) up to the third.
struct LogTerms {
  double l, d1, d2, d3;
};

inline RowTerms combine(double y, double size, const LogTerms& a, const LogTerms& c) {
  RowTerms t;
  const double f = size - y;
  // A zero count leaves out its term: 0 * log 0 = 0.
  if (y > 0) t = {y * a.l, y * a.d1, -y * a.d2, -y * a.d3, 0};
  if (f > 0) {
    t.l += f * c.l;
    t.g += f * c.d1;
    t.W -= f * c.d2;
    t.T -= f * c.d3;
  }
  return t;
}

// Probit. log Phi(x) and the derivatives of it. For x < -5 the hazard phi / Phi is a + d with
// a = -x and d from a continued fraction: no cancellation in the tail.
class BinomialProbit final : public RowwiseFamily<BinomialProbit> {
 public:
  static constexpr bool kHasF = false;

  static LogTerms log_cdf(double x) {
    constexpr double kLogRoot2Pi = 0.91893853320467274178;
    if (x < -5) {
      const double a = -x;
      double k = a;
      for (int i = 42; i >= 3; --i) k = i / (a + k);
      const double e = 2 / (a + k), d = 1 / (a + e), r = a + d;
      return {-0.5 * x * x - kLogRoot2Pi - std::log(r), r, -r * d, d * d * e * (k - e) * r};
    }
    const double cdf = 0.5 * std::erfc(-x * M_SQRT1_2_),
                 density = std::exp(-0.5 * x * x - kLogRoot2Pi);
    const double l = x > 0 ? std::log1p(-0.5 * std::erfc(x * M_SQRT1_2_)) : std::log(cdf);
    const double r = density / cdf, d2 = -r * (x + r);
    return {l, r, d2, -d2 * (x + r) - r * (1 + d2)};
  }

  template <int Order>
  RowTerms terms(double y, double size, double eta) const {
    LogTerms a{}, c{};
    if (y > 0) a = log_cdf(eta);
    if (size > y) {
      c = log_cdf(-eta);
      c.d1 = -c.d1;
      c.d3 = -c.d3;
    }
    return combine(y, size, a, c);
  }

  double constant(const Rows& r) const override { return binomial_constant(r); }
  Mean mean(double eta) const override {
    const double density = std::exp(-0.5 * eta * eta) * 0.39894228040143267794;
    return {0.5 * std::erfc(-eta * M_SQRT1_2_), density, -eta * density};
  }
  double link(double mu) const override { return -std::sqrt(2.0) * boost::math::erfc_inv(2 * mu); }

 private:
  static constexpr double M_SQRT1_2_ = 0.70710678118654752440;
};

// Complementary log-log. With E = e^eta: c = -E, a = log(1 - e^-E), a' = q = E / (e^E - 1).
class BinomialCloglog final : public RowwiseFamily<BinomialCloglog> {
 public:
  static constexpr bool kHasF = false;

  template <int Order>
  RowTerms terms(double y, double size, double eta) const {
    if (eta > 700) return size > y ? RowTerms::outside() : RowTerms{};
    const double E = std::exp(eta);
    LogTerms a{};
    if (y > 0) {
      const double q = E < 1e-2 ? 1 - E / 2 + E * E / 12 * (1 - E * E / 60) : E / std::expm1(E);
      const double s = E < 1e-2 ? -E / 2 - E * E / 12 * (1 - E * E / 60) : 1 - E - q;
      const double d2 = q * s;
      const double l = eta < -36 ? eta : std::log(-std::expm1(-E));
      a = {l, q, d2, d2 * s - q * (E + d2)};
    }
    return combine(y, size, a, {-E, -E, -E, -E});
  }

  double constant(const Rows& r) const override { return binomial_constant(r); }
  Mean mean(double eta) const override {
    const double E = std::exp(std::min(eta, 700.0)), d1 = std::exp(eta - E);
    return {-std::expm1(-E), d1, d1 * (1 - E)};
  }
  double link(double mu) const override { return std::log(-std::log1p(-mu)); }
};

// Cauchit. mu = atan2(1, -eta) / pi keeps full precision in the lower tail. Not log-concave.
class BinomialCauchit final : public RowwiseFamily<BinomialCauchit> {
 public:
  static constexpr bool kHasF = false;

  static LogTerms log_cdf(double x) {
    const double angle = std::atan2(1.0, -x), s = 1 + x * x;
    const double r = 1 / (s * angle), c = -2 * x / s;
    const double dc = -2 * (1 - x * x) / (s * s), d2 = r * (c - r);
    return {std::log(angle / kPi), r, d2, d2 * (c - r) + r * (dc - d2)};
  }

  template <int Order>
  RowTerms terms(double y, double size, double eta) const {
    LogTerms a{}, c{};
    if (y > 0) a = log_cdf(eta);
    if (size > y) {
      c = log_cdf(-eta);
      c.d1 = -c.d1;
      c.d3 = -c.d3;
    }
    return combine(y, size, a, c);
  }

  bool log_concave() const override { return false; }
  double constant(const Rows& r) const override { return binomial_constant(r); }
  Mean mean(double eta) const override {
    const double d1 = 1 / (kPi * (1 + eta * eta));
    return {std::atan2(1.0, -eta) / kPi, d1, -2 * eta * d1 / (1 + eta * eta)};
  }
  double link(double mu) const override { return std::tan(kPi * (mu - 0.5)); }

 private:
  static constexpr double kPi = 3.14159265358979323846;
};

// Log link: mu = e^eta, defined for eta <= 0. With the odds o = mu / (1 - mu): c' = -o.
class BinomialLog final : public RowwiseFamily<BinomialLog> {
 public:
  static constexpr bool kHasF = true;

  template <int Order>
  RowTerms terms(double y, double size, double eta) const {
    const double f = size - y;
    if (eta > 0 || (eta == 0 && f > 0)) return RowTerms::outside();
    RowTerms t;
    t.l = y * eta;
    t.g = y;
    if (f > 0) {
      const double o = 1 / std::expm1(-eta), v = o * (1 + o);
      t.l += f * std::log(-std::expm1(eta));
      t.g -= f * o;
      t.W = f * v;
      t.T = f * v * (1 + 2 * o);
      t.F = f * v * (1 + 6 * v);
    }
    return t;
  }

  double constant(const Rows& r) const override { return binomial_constant(r); }
  Mean mean(double eta) const override {
    const double mu = std::exp(eta);
    return {mu, mu, mu};
  }
  double link(double mu) const override { return std::log(mu); }
};

// Identity link: mu = eta, defined for 0 < eta < 1, and at an end where all responses are there.
class BinomialIdentity final : public RowwiseFamily<BinomialIdentity> {
 public:
  static constexpr bool kHasF = true;

  template <int Order>
  RowTerms terms(double y, double size, double eta) const {
    const double f = size - y, rest = 1 - eta;
    if (eta < 0 || rest < 0 || (eta == 0 && y > 0) || (rest == 0 && f > 0))
      return RowTerms::outside();
    LogTerms a{}, c{};
    double i = 0, r = 0;
    if (y > 0) {
      i = 1 / eta;
      a = {std::log(eta), i, -i * i, 2 * i * i * i};
    }
    if (f > 0) {
      r = 1 / rest;
      c = {std::log1p(-eta), -r, -r * r, -2 * r * r * r};
    }
    RowTerms t = combine(y, size, a, c);
    t.F = 6 * (y * i * i * i * i + f * r * r * r * r);
    return t;
  }

  double constant(const Rows& r) const override { return binomial_constant(r); }
  Mean mean(double eta) const override { return {eta, 1, 0}; }
  double link(double mu) const override { return mu; }
};

}  // namespace margmix

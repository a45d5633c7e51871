// Inverse links mu(eta) with four derivatives, for families that are written in terms of their
// mean.
#pragma once

#include <boost/math/special_functions/erf.hpp>
#include <cmath>

#include "core/types.hpp"

namespace margmix {

// nu = 1 - mu, which only links of a proportion supply.
struct LinkTerms {
  double mu, nu, d1, d2, d3, d4;
};

struct LogLink {
  static constexpr bool kHasUnits = false;  // does eta change with the units of the response?
  static bool inside(double) { return true; }
  static LinkTerms at(double eta) {
    const double mu = std::exp(eta);
    return {mu, 0, mu, mu, mu, mu};
  }
  static double link(double mu) { return std::log(mu); }
};

struct IdentityLink {
  static constexpr bool kHasUnits = true;
  static bool inside(double eta) { return eta > 0; }
  static LinkTerms at(double eta) { return {eta, 0, 1, 0, 0, 0}; }
  static double link(double mu) { return mu; }
};

struct InverseLink {
  static constexpr bool kHasUnits = true;
  static bool inside(double eta) { return eta > 0; }
  static LinkTerms at(double eta) {
    const double mu = 1 / eta, m2 = mu * mu;
    return {mu, 0, -m2, 2 * m2 * mu, -6 * m2 * m2, 24 * m2 * m2 * mu};
  }
  static double link(double mu) { return 1 / mu; }
};

// eta = 1 / mu^2
struct InverseSquareLink {
  static constexpr bool kHasUnits = true;
  static bool inside(double eta) { return eta > 0; }
  static LinkTerms at(double eta) {
    const double i = 1 / eta, mu = std::sqrt(i), d1 = -0.5 * mu * i, d2 = -1.5 * d1 * i;
    return {mu, 0, d1, d2, -2.5 * d2 * i, 8.75 * d2 * i * i};
  }
  static double link(double mu) { return 1 / (mu * mu); }
};

// mu = eta^2 for every real eta; see PoissonSqrt.
struct SqrtLink {
  static constexpr bool kHasUnits = false;
  static bool inside(double eta) { return eta != 0; }
  static LinkTerms at(double eta) { return {eta * eta, 0, 2 * eta, 2, 0, 0}; }
  static double link(double mu) { return std::sqrt(mu); }
};

struct LogitLink {
  static constexpr bool kHasUnits = false;
  static bool inside(double) { return true; }
  static LinkTerms at(double eta) {
    const double e = std::exp(-std::fabs(eta)), q = 1 / (1 + e), v = e * q * q;
    const double mu = eta > 0 ? q : e * q, nu = eta > 0 ? e * q : q, d2 = v * (nu - mu);
    return {mu, nu, v, d2, v * (1 - 6 * v), d2 * (1 - 12 * v)};
  }
  static double link(double mu) { return std::log(mu / (1 - mu)); }
};

struct ProbitLink {
  static constexpr bool kHasUnits = false;
  static bool inside(double) { return true; }
  static LinkTerms at(double eta) {
    constexpr double kRootHalf = 0.70710678118654752440, kDensity0 = 0.39894228040143267794;
    const double f = kDensity0 * std::exp(-0.5 * eta * eta), x2 = eta * eta;
    return {0.5 * std::erfc(-eta * kRootHalf),
            0.5 * std::erfc(eta * kRootHalf),
            f,
            -eta * f,
            (x2 - 1) * f,
            eta * (3 - x2) * f};
  }
  static double link(double mu) { return -std::sqrt(2.0) * boost::math::erfc_inv(2 * mu); }
};

struct CloglogLink {
  static constexpr bool kHasUnits = false;
  static bool inside(double eta) { return eta < 700; }
  static LinkTerms at(double eta) {
    const double E = std::exp(std::min(eta, 700.0)), nu = std::exp(-E), q = 1 - E;
    const double d1 = E * nu, qq = q * q;
    return {-std::expm1(-E), nu, d1, d1 * q, d1 * (qq - E), d1 * (qq * q - 3 * q * E - E)};
  }
  static double link(double mu) { return std::log(-std::log1p(-mu)); }
};

}  // namespace margmix

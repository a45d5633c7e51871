// Variance functions v(mu) of the families: Var(Y) = phi v(mu) / weight.
#pragma once

#include <stdexcept>
#include <string>

#include "core/types.hpp"

namespace margmix {

enum class Variance { constant, mu_one_minus_mu, mu, mu_squared, mu_cubed };

inline Variance variance_of(const std::string& family) {
  if (family == "gaussian") return Variance::constant;
  if (family == "binomial") return Variance::mu_one_minus_mu;
  if (family == "poisson") return Variance::mu;
  if (family == "Gamma") return Variance::mu_squared;
  if (family == "inverse.gaussian") return Variance::mu_cubed;
  throw std::invalid_argument("gee: no variance function for family " + family);
}

// v and its derivative; v is not positive where mu is outside its range.
struct VarianceValue {
  double v, d1;
};

inline VarianceValue variance(Variance kind, double mu) {
  switch (kind) {
    case Variance::constant: return {1, 0};
    case Variance::mu_one_minus_mu: return {mu > 0 && mu < 1 ? mu * (1 - mu) : -1, 1 - 2 * mu};
    case Variance::mu: return {mu, 1};
    case Variance::mu_squared: return {mu > 0 ? mu * mu : -1, 2 * mu};
    case Variance::mu_cubed: return {mu > 0 ? mu * mu * mu : -1, 3 * mu * mu};
  }
  return {kNaN, kNaN};
}

}  // namespace margmix

// The distribution of a random intercept other than the normal one, with standard deviation sigma.
// b is an increasing function of a variable u whose density is smooth and falls fast, so that a
// rule of equal steps in u converges quickly.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/types.hpp"

namespace margmix {

struct EffectLaw {
  std::string name = "normal";  // or "bridge", "t"
  double df = 0;                // of "t"

  bool normal() const { return name == "normal"; }
};

class EffectDistribution {
 public:
  virtual ~EffectDistribution() = default;

  // b and its first two derivatives in sigma.
  struct Value {
    double b, d1, d2;
  };
  virtual Value at(double u) const = 0;

  // The log-density of u: log_weight(u) + log_constant().
  virtual double log_weight(double u) const = 0;
  virtual double log_constant() const = 0;

  // Where the density of u is zero to all purposes, a whole number of steps of 1.
  virtual double far() const = 0;

  // log f(b), up to a constant.
  virtual double log_density_value(double b) const = 0;

  // First and second derivative of log f in b, and that of the first in sigma.
  struct Slope {
    double d1, d2, d1_sigma;
  };
  virtual Slope log_density(double b) const = 0;

  // d^2 log E[exp L(b)] / d sigma^2 at sigma = 0, where b = sigma q(u) has E q^2 = 1: `second` is
  // L'' + L'^2 at b = 0, gain(b) = exp{L(b) - L(0)} - 1.
  virtual double curvature_at_zero(double second,
                                   const std::function<double(double)>& /* gain */) const {
    return second;
  }

  // Step in u and range of u for the mean of a function of eta + b that is analytic within `strip`
  // of the real line.
  virtual double step(double eta, double strip) const = 0;
  virtual double reach() const = 0;

  // E h(eta + b) where there is a closed form for h(x) = 1 / {1 + exp(-x)}, with its derivatives:
  // h at `factor` eta; 0 if there is none.
  virtual double logit_factor() const { return 0; }
  virtual double d_logit_factor() const { return 0; }
};

// Throws std::invalid_argument for a name that is not known.
std::unique_ptr<EffectDistribution> make_effect(const EffectLaw& law, double sigma);

}  // namespace margmix

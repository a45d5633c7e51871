// The population mean of a row, m(eta, s) = integral of mu(eta + s t) phi(t) dt: with normal
// random effects the random part of a predictor is N(0, s^2), whatever their number. Other
// distributions are those of one random intercept of standard deviation s.
#pragma once

#include <cmath>
#include <vector>

#include "family/registry.hpp"
#include "glmm/effect_distribution.hpp"

namespace margmix {

struct PopulationMean {
  double mean, d_eta, d_s;
};

// Points t_k = k h and weights proportional to exp(-t^2 / 2), padded with zero weights to a
// multiple of four. h falls with s; of all h only 1/2, 1/4, 1/6, ... are used, so that one table
// serves many s.
class TrapezoidTable {
 public:
  // strip: half-width of the strip around the real line in which mu is analytic.
  void prepare(double s, double strip);

  Index size() const { return t_.size(); }
  double reach() const { return s_ * t_.tail(1)[0]; }  // largest |s t|
  const Eigen::ArrayXd& t() const { return t_; }
  const Eigen::ArrayXd& weight() const { return weight_; }
  const Eigen::ArrayXd& weight_t() const { return weight_t_; }
  const Eigen::ArrayXd& shift() const { return shift_; }  // exp(s t)

 private:
  int parts_ = 0, half_ = 0;
  double s_ = kNaN;
  Eigen::ArrayXd t_, weight_, weight_t_, shift_;
};

// Points of a random intercept of any distribution, with their derivatives in its standard
// deviation s and weights that sum to 1.
class EffectTable {
 public:
  // For functions of eta + b that are analytic within `strip` of the real line. Predictors of
  // about one size share a table, so that one serves many rows.
  void prepare(const EffectLaw& law, double eta, double s, double strip);

  Index size() const { return b_.size(); }
  double b(Index k) const { return b_[k]; }
  double d_s(Index k) const { return d_s_[k]; }
  double weight(Index k) const { return weight_[k]; }

 private:
  double s_ = kNaN, most_ = kNaN;
  Eigen::ArrayXd b_, d_s_, weight_;
};

// Closed forms where there are any; otherwise the trapezoidal rule on the whole line, whose error
// falls as exp(-2 pi d / h), with d the half-width of the strip in which the integrand is analytic
// (Trefethen & Weideman 2014). The links have their nearest singularity at eta = +- i a:
// logit a = pi, cauchit a = 1, cloglog none (its growth limits the strip to about pi / 2).
//
// Rows with the s of the row before, as all of them have under a random intercept, share a table.
class PopulationMeanRule {
 public:
  PopulationMeanRule(const FamilySpec& spec, const Family& family, EffectLaw law = {})
      : family_(family), link_(spec.link), law_(std::move(law)) {}

  PopulationMean operator()(double eta, double s) const;

 private:
  PopulationMean trapezoid(double eta, double s) const;
  PopulationMean over_effects(double eta, double s) const;

  // mu = e / (1 + e), mu' = mu / (1 + e) with e = exp(eta) exp(s t): no exponentials at the nodes.
  PopulationMean logit_sum(double eta) const;

  const Family& family_;
  const std::string link_;
  const EffectLaw law_;
  mutable TrapezoidTable table_;  // so a rule serves one thread
  mutable EffectTable effects_;
};

// Half-width of the strip around the real line in which the mean of a link is analytic.
double analytic_strip(const std::string& link);

}  // namespace margmix

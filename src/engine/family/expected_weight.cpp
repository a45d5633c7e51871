#include "family/expected_weight.hpp"

#include <cmath>
#include <stdexcept>

#include "family/links.hpp"

namespace margmix {

namespace {

// log w = 2 log mu' - log V with V = mu (1 - mu), V' = mu' (1 - 2 mu).
template <class Link>
ExpectedWeight binomial_weight(double eta) {
  const LinkTerms t = Link::at(eta);
  const double V = t.mu * t.nu;
  if (!(t.d1 > 0) || !(V > 0)) return {};
  const double w = t.d1 * (t.d1 / V), bend = t.d2 / t.d1, skew = t.nu - t.mu;
  const double s1 = t.d1 * skew / V, s2 = (t.d2 * skew - 2 * t.d1 * t.d1) / V;
  const double a = 2 * bend - s1;
  const double b = 2 * (t.d3 / t.d1 - bend * bend) - (s2 - s1 * s1);
  return {w, w * a, w * (b + a * a)};
}

ExpectedWeight poisson_log_weight(double eta) {
  const double mu = std::exp(eta);
  return {mu, mu, mu};
}

}  // namespace

ExpectedWeightOf expected_weight_of(const FamilySpec& spec) {
  if (spec.family == "binomial" && spec.link == "logit") return binomial_weight<LogitLink>;
  if (spec.family == "binomial" && spec.link == "probit") return binomial_weight<ProbitLink>;
  if (spec.family == "binomial" && spec.link == "cloglog") return binomial_weight<CloglogLink>;
  if (spec.family == "poisson" && spec.link == "log") return poisson_log_weight;
  throw std::invalid_argument("no expected weight for " + spec.family + "(" + spec.link + ")");
}

}  // namespace margmix

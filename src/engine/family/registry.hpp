// The families by name. A new family is one file and one line here.
#pragma once

#include <stdexcept>

#include "family/binomial.hpp"
#include "family/gaussian.hpp"
#include "family/poisson.hpp"

namespace margmix {

struct FamilySpec {
  std::string family, link;
  bool frequency = false;  // weights count rows (dispersion families)
  bool bridge = false;     // the random intercept has the bridge distribution, not the normal
};

inline std::unique_ptr<Family> make_family(const FamilySpec& spec) {
  const std::string name = spec.family + "-" + spec.link;
  if (name == "binomial-logit") return std::make_unique<BinomialLogit>();
  if (name == "binomial-probit") return std::make_unique<BinomialProbit>();
  if (name == "binomial-cloglog") return std::make_unique<BinomialCloglog>();
  if (name == "binomial-cauchit") return std::make_unique<BinomialCauchit>();
  if (name == "binomial-log") return std::make_unique<BinomialLog>();
  if (name == "poisson-log") return std::make_unique<PoissonLog>();
  if (name == "poisson-sqrt") return std::make_unique<PoissonSqrt>();
  if (name == "poisson-identity") return std::make_unique<PoissonIdentity>();
  if (name == "gaussian-identity") return std::make_unique<GaussianIdentity>(spec.frequency);
  if (name == "gaussian-log") return std::make_unique<GaussianLog>(spec.frequency);
  throw std::invalid_argument("the engine has no family " + name);
}

}  // namespace margmix

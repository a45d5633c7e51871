#include "family/registry.hpp"

#include <stdexcept>

#include "family/beta.hpp"
#include "family/binomial.hpp"
#include "family/gamma.hpp"
#include "family/gaussian.hpp"
#include "family/negative_binomial.hpp"
#include "family/poisson.hpp"

namespace margmix {

namespace {

template <class Density, class Link, bool kLogConcave>
std::unique_ptr<Family> dispersion_family(const FamilySpec& spec) {
  return std::make_unique<DispersionFamily<Density, Link, kLogConcave>>(spec.frequency);
}

}  // namespace

std::unique_ptr<Family> make_family(const FamilySpec& spec) {
  const std::string name = spec.family + "-" + spec.link;
  if (name == "binomial-logit") return std::make_unique<BinomialLogit>();
  if (name == "binomial-probit") return std::make_unique<BinomialProbit>();
  if (name == "binomial-cloglog") return std::make_unique<BinomialCloglog>();
  if (name == "binomial-cauchit") return std::make_unique<BinomialCauchit>();
  if (name == "binomial-log") return std::make_unique<BinomialLog>();
  if (name == "binomial-identity") return std::make_unique<BinomialIdentity>();
  if (name == "poisson-log") return std::make_unique<PoissonLog>();
  if (name == "poisson-sqrt") return std::make_unique<PoissonSqrt>();
  if (name == "poisson-identity") return std::make_unique<PoissonIdentity>();
  if (name == "gaussian-identity") return std::make_unique<GaussianIdentity>(spec.frequency);
  if (name == "gaussian-log") return std::make_unique<GaussianLog>(spec.frequency);
  if (name == "nbinom2-log") return std::make_unique<NegativeBinomial2Log>(spec.frequency);
  if (name == "nbinom2-sqrt") return dispersion_family<NegativeBinomial2, SqrtLink, false>(spec);
  if (name == "nbinom2-identity")
    return dispersion_family<NegativeBinomial2, IdentityLink, false>(spec);
  if (name == "nbinom1-log") return dispersion_family<NegativeBinomial1, LogLink, false>(spec);
  if (name == "nbinom1-sqrt") return dispersion_family<NegativeBinomial1, SqrtLink, false>(spec);
  if (name == "nbinom1-identity")
    return dispersion_family<NegativeBinomial1, IdentityLink, false>(spec);
  if (name == "Gamma-log") return dispersion_family<GammaDensity, LogLink, true>(spec);
  if (name == "Gamma-inverse") return dispersion_family<GammaDensity, InverseLink, true>(spec);
  if (name == "Gamma-identity") return dispersion_family<GammaDensity, IdentityLink, false>(spec);
  if (name == "inverse.gaussian-log")
    return dispersion_family<InverseGaussianDensity, LogLink, false>(spec);
  if (name == "inverse.gaussian-1/mu^2")
    return dispersion_family<InverseGaussianDensity, InverseSquareLink, true>(spec);
  if (name == "beta-logit") return dispersion_family<BetaDensity, LogitLink, false>(spec);
  if (name == "beta-probit") return dispersion_family<BetaDensity, ProbitLink, false>(spec);
  if (name == "beta-cloglog") return dispersion_family<BetaDensity, CloglogLink, false>(spec);
  if (name == "betabinomial-logit")
    return dispersion_family<BetaBinomialDensity, LogitLink, false>(spec);
  if (name == "betabinomial-probit")
    return dispersion_family<BetaBinomialDensity, ProbitLink, false>(spec);
  if (name == "betabinomial-cloglog")
    return dispersion_family<BetaBinomialDensity, CloglogLink, false>(spec);
  throw std::invalid_argument("the engine has no family " + name);
}

}  // namespace margmix

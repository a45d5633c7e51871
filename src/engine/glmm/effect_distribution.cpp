#include "glmm/effect_distribution.hpp"

#include <stdexcept>

#include "glmm/bridge_distribution.hpp"
#include "glmm/t_distribution.hpp"

namespace margmix {

std::unique_ptr<EffectDistribution> make_effect(const EffectLaw& law, double sigma) {
  if (law.name == "bridge") return std::make_unique<BridgeDistribution>(sigma);
  if (law.name == "t") return std::make_unique<TDistribution>(sigma, law.df);
  throw std::invalid_argument("unknown distribution of a random effect");
}

}  // namespace margmix

// The Fisher information about eta of one trial or count, w = (dmu / deta)^2 / V(mu), and its
// derivatives. Of a generalized linear model X'WX with these weights is the expected information.
#pragma once

#include "family/registry.hpp"

namespace margmix {

struct ExpectedWeight {
  double w = 0, d1 = 0, d2 = 0;
};

using ExpectedWeightOf = ExpectedWeight (*)(double eta);

// Binomial with logit, probit or cloglog link, Poisson with log link; throws
// std::invalid_argument for others.
ExpectedWeightOf expected_weight_of(const FamilySpec& spec);

}  // namespace margmix

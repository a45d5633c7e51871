// Jeffreys' prior of a generalized linear model: log|X'W(beta)X| / 2, W the expected weights.
#pragma once

#include "design/design.hpp"
#include "family/expected_weight.hpp"
#include "glmm/glm.hpp"

namespace margmix {

class JeffreysPrior {
 public:
  struct Value {
    double value = -kInf;  // -Inf where X'WX is singular
    VectorXd gradient;     // p
    MatrixXd hessian;      // p x p
  };

  JeffreysPrior(const Design& design, const FamilySpec& spec)
      : design_(design), weight_(expected_weight_of(spec)) {}

  // With as many derivatives as `order` says.
  Value operator()(const VectorXd& beta, int order) const;

 private:
  // Weights of the rows [first, first + count) at beta, with two derivatives in eta: count x 3.
  MatrixXd weights(const VectorXd& beta, Index first, Index count) const;

  const Design design_;
  ExpectedWeightOf weight_;
};

// The maximum of the likelihood times Jeffreys' prior (Firth 1993), finite in separated data too;
// `information` is that of the likelihood there.
GlmFit fit_firth(const Design& design, const FamilySpec& spec, VectorXd beta);

}  // namespace margmix

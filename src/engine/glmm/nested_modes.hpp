// Other modes of integrands with two nested levels, as other_modes() for one level.
#pragma once

#include "glmm/nested_design.hpp"
#include "glmm/other_modes.hpp"

namespace margmix {

OtherModes nested_other_modes(const NestedDesign& design, Family& family, const NestedRule& rule,
                              const VectorXd& psi, const RunContext& context,
                              const VectorXd& cluster_weights = {});

}  // namespace margmix

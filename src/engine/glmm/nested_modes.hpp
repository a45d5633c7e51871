// Clusters with two nested levels whose integrand has a higher mode than the one that is found from
// u = 0, as clusters_with_better_modes() for one level.
#pragma once

#include "core/run_context.hpp"
#include "glmm/nested_design.hpp"

namespace margmix {

Index nested_better_modes(const NestedDesign& design, Family& family, const VectorXd& psi,
                          const RunContext& context);

}  // namespace margmix

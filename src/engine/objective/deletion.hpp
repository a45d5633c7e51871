// All parameters of a mixed model without each cluster, see inference/deletion.hpp: the sums are
// its scores. Derivatives are central differences of scores and Hessians, 2 P evaluations.
#pragma once

#include "inference/deletion.hpp"
#include "objective/objective.hpp"

namespace margmix {

// `units`: P, steps of the differences; 0 holds a parameter. `status` tells a failure.
Deletion score_deletion(Objective& model, const VectorXd& psi, const std::vector<int>& K,
                        const Modes& modes, const VectorXd& units, const RunContext& context,
                        Status& status);

}  // namespace margmix

// The kernels of a cluster with two nested levels by the numbers of random columns.
#pragma once

#include <type_traits>

#include "glmm/nested.hpp"

namespace margmix {

// Compiled once each, in nested_1.cpp and nested_n.cpp.
extern template class NestedCluster<1, 1>;
extern template class NestedCluster<Dynamic, Dynamic>;

// Runs call(QB, QA) with the numbers of random columns as constants where both are one.
template <class Call>
void dispatch_nested(const NestedDesign& design, Call call) {
  if (design.qa == 1 && design.qb == 1)
    return call(std::integral_constant<int, 1>(), std::integral_constant<int, 1>());
  call(std::integral_constant<int, Dynamic>(), std::integral_constant<int, Dynamic>());
}

// Modes of u by level of zeros: q_a x clusters, q_b x levels of the finer factor.
inline Modes zero_modes(const NestedDesign& design) {
  return {MatrixXd::Zero(design.qa, design.clusters()), MatrixXd::Zero(design.qb, design.leaves())};
}

}  // namespace margmix

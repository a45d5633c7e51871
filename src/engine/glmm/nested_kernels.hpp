// The kernels of a cluster with two nested levels by the numbers of random columns.
#pragma once

#include "glmm/nested_cluster.hpp"

namespace margmix {

// One random column at each level (nested_1.cpp), and any number (nested_n.cpp).
std::unique_ptr<NestedCluster> nested_kernel_1(const NestedDesign& design, const Family& family,
                                               const NestedRule& rule, const VectorXd& psi);
std::unique_ptr<NestedCluster> nested_kernel_n(const NestedDesign& design, const Family& family,
                                               const NestedRule& rule, const VectorXd& psi);

}  // namespace margmix

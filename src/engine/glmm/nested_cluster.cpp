#include "glmm/nested_cluster.hpp"

#include "glmm/nested_kernels.hpp"

namespace margmix {

std::unique_ptr<NestedCluster> nested_cluster(const NestedDesign& design, const Family& family,
                                              const NestedRule& rule, const VectorXd& psi) {
  const bool one_each = design.qa == 1 && design.qb == 1;
  return one_each ? nested_kernel_1(design, family, rule, psi)
                  : nested_kernel_n(design, family, rule, psi);
}

Modes zero_modes(const NestedDesign& design) {
  return {MatrixXd::Zero(design.qa, design.clusters()), MatrixXd::Zero(design.qb, design.leaves())};
}

}  // namespace margmix

#include "glmm/nested.hpp"
#include "glmm/nested_kernels.hpp"

namespace margmix {

std::unique_ptr<NestedCluster> nested_kernel_1(const NestedDesign& design, const Family& family,
                                               const NestedRule& rule, const VectorXd& psi) {
  return std::make_unique<NestedKernel<1, 1>>(design, family, rule, psi);
}

}  // namespace margmix

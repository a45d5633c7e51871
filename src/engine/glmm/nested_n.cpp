#include "glmm/nested.hpp"
#include "glmm/nested_kernels.hpp"

namespace margmix {

std::unique_ptr<NestedCluster> nested_kernel_n(const NestedDesign& design, const Family& family,
                                               const NestedRule& rule, const VectorXd& psi) {
  return std::make_unique<NestedKernel<Dynamic, Dynamic>>(design, family, rule, psi);
}

}  // namespace margmix

#include "core/eigen_kernels.hpp"

namespace Eigen {
namespace internal {
MARGMIX_EIGEN_KERNELS(template struct)
}  // namespace internal
}  // namespace Eigen

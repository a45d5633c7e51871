// Columns of a matrix. No Eigen here: kernels for different instructions have an Eigen each.
#pragma once

#include <cstddef>

namespace margmix {

struct DenseColumns {
  const double* first;
  std::ptrdiff_t stride, count;
};

}  // namespace margmix

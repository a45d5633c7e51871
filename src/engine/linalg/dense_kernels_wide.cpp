// The kernels of dense_kernels.hpp for AVX2 and FMA.
//
// Eigen compiled for other instructions must not share its functions' names with Eigen elsewhere,
// or the linker would keep one of them for both: here its namespace has another name. What it takes
// from the standard library is included first, and so is compiled as everywhere.
#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <climits>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iosfwd>
#include <limits>
#include <memory>
#include <new>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "linalg/dense_columns.hpp"
#include "linalg/tile_kernels.hpp"
#include "linalg/wide_kernels.hpp"

#ifdef MARGMIX_WIDE_KERNELS

#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define Eigen MargmixWideEigen
// The pragma does not define these in every version of GCC.
#ifndef __AVX2__
#define __AVX__ 1
#define __AVX2__ 1
#define __FMA__ 1
#endif
#include <Eigen/Cholesky>
#include <Eigen/Core>

namespace margmix {
namespace wide {
#include "linalg/dense_kernels_body.hpp"
#include "linalg/tile_kernels_body.hpp"
}  // namespace wide
}  // namespace margmix

#undef Eigen
#pragma GCC pop_options

#endif

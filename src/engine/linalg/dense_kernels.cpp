#include "linalg/dense_kernels.hpp"

#include <Eigen/Cholesky>

namespace margmix {

namespace baseline {
#include "linalg/dense_kernels_body.hpp"
}  // namespace baseline

#ifdef MARGMIX_WIDE_KERNELS

namespace {
bool is_wide() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
}  // namespace

bool dense_cholesky(double* A, Index n) {
  return is_wide() ? wide::dense_cholesky(A, n) : baseline::dense_cholesky(A, n);
}

void dense_inverse(const double* L, Index n, double* inverse) {
  is_wide() ? wide::dense_inverse(L, n, inverse) : baseline::dense_inverse(L, n, inverse);
}

#else

bool dense_cholesky(double* A, Index n) { return baseline::dense_cholesky(A, n); }

void dense_inverse(const double* L, Index n, double* inverse) {
  baseline::dense_inverse(L, n, inverse);
}

#endif

}  // namespace margmix

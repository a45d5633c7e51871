#include "linalg/dense_kernels.hpp"

#include <Eigen/Cholesky>
#include <cstdint>

#include "linalg/tile_kernels.hpp"

namespace margmix {

namespace baseline {
#include "linalg/dense_kernels_body.hpp"
#include "linalg/tile_kernels_body.hpp"
}  // namespace baseline

#ifdef MARGMIX_WIDE_KERNELS

namespace {
bool is_wide() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
}  // namespace

const TileKernels& tile_kernels() {
  return is_wide() ? wide::tile_kernels : baseline::tile_kernels;
}

bool dense_cholesky(double* A, Index n) {
  return is_wide() ? wide::dense_cholesky(A, n) : baseline::dense_cholesky(A, n);
}

void dense_inverse(const double* L, Index n, double* inverse) {
  is_wide() ? wide::dense_inverse(L, n, inverse) : baseline::dense_inverse(L, n, inverse);
}

void add_cross_products(const DenseColumns& A, const DenseColumns& B, Index rows, double* out) {
  is_wide() ? wide::add_cross_products(A, B, rows, out)
            : baseline::add_cross_products(A, B, rows, out);
}

void dense_lower_solve(const double* L, Index n, double* B, Index columns) {
  is_wide() ? wide::dense_lower_solve(L, n, B, columns)
            : baseline::dense_lower_solve(L, n, B, columns);
}

void dense_symmetric_multiply(const double* A, Index stride, Index n, const double* B,
                              Index columns, double* out) {
  is_wide() ? wide::dense_symmetric_multiply(A, stride, n, B, columns, out)
            : baseline::dense_symmetric_multiply(A, stride, n, B, columns, out);
}

void dense_rank_update(double* A, Index stride, Index n, const double* B, const double* C,
                       Index columns) {
  is_wide() ? wide::dense_rank_update(A, stride, n, B, C, columns)
            : baseline::dense_rank_update(A, stride, n, B, C, columns);
}

#else

const TileKernels& tile_kernels() { return baseline::tile_kernels; }

bool dense_cholesky(double* A, Index n) { return baseline::dense_cholesky(A, n); }

void dense_inverse(const double* L, Index n, double* inverse) {
  baseline::dense_inverse(L, n, inverse);
}

void add_cross_products(const DenseColumns& A, const DenseColumns& B, Index rows, double* out) {
  baseline::add_cross_products(A, B, rows, out);
}

void dense_lower_solve(const double* L, Index n, double* B, Index columns) {
  baseline::dense_lower_solve(L, n, B, columns);
}

void dense_symmetric_multiply(const double* A, Index stride, Index n, const double* B,
                              Index columns, double* out) {
  baseline::dense_symmetric_multiply(A, stride, n, B, columns, out);
}

void dense_rank_update(double* A, Index stride, Index n, const double* B, const double* C,
                       Index columns) {
  baseline::dense_rank_update(A, stride, n, B, C, columns);
}

#endif

}  // namespace margmix

// What tiled.hpp does with the tiles of a large square matrix, all of whose columns are `stride`
// apart. Compiled twice (dense_kernels.hpp says why): here is the table of what fits the processor.
// No Eigen: kernels for different instructions have an Eigen each.
#pragma once

#include <cstddef>

#include "linalg/wide_kernels.hpp"

namespace margmix {

struct TileKernels {
  using Size = std::ptrdiff_t;

  // C - A B', with A m x k, B n x k.
  void (*subtract_outer)(const double* A, const double* B, double* C, Size m, Size n, Size k,
                         Size stride);
  // C = A B, with A m x k, B k x n.
  void (*multiply)(const double* A, const double* B, double* C, Size m, Size n, Size k,
                   Size stride);
  // C = A'B, with A k x m, B k x n.
  void (*multiply_inner)(const double* A, const double* B, double* C, Size m, Size n, Size k,
                         Size stride);
  // A -> L of A = LL' in its lower triangle, n x n; false if A is not positive definite.
  bool (*cholesky)(double* A, Size n, Size stride);
  // L^-1, with zeros above its diagonal.
  void (*invert)(const double* L, double* inverse, Size n, Size stride);
  // X -> X L'^-1, rows x n.
  void (*solve_right)(const double* L, double* X, Size rows, Size n, Size stride);
  // X -> -T X for a lower triangle T; X is n x columns.
  void (*subtract_triangular)(const double* T, double* X, Size n, Size columns, Size stride);
};

namespace baseline {
extern const TileKernels tile_kernels;
}
#ifdef MARGMIX_WIDE_KERNELS
namespace wide {
extern const TileKernels tile_kernels;
}
#endif

const TileKernels& tile_kernels();

}  // namespace margmix

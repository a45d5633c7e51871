// Cholesky factor and inverse of a large dense symmetric matrix, and products of tall ones.
//
// They take most of the time of a fit with crossed factors, or of a scan, and a processor with AVX2
// and FMA does them twice as fast as the instructions that every x86-64 processor has. So the same
// code (dense_kernels_body.hpp) is compiled for both, and the processor is asked at run time.
#pragma once

#include "core/types.hpp"
#include "linalg/dense_columns.hpp"
#include "linalg/wide_kernels.hpp"

namespace margmix {

// A (n x n by column, only its lower triangle is read) -> L in the lower triangle. False if A is
// not positive definite.
bool dense_cholesky(double* A, Index n);

// (LL')^-1, both triangles; L: lower triangle.
void dense_inverse(const double* L, Index n, double* inverse);

// out += A'B, A.count x B.count by column.
void add_cross_products(const DenseColumns& A, const DenseColumns& B, Index rows, double* out);

// B -> L^-1 B, n x columns; L: lower triangle.
void dense_lower_solve(const double* L, Index n, double* B, Index columns);

// out = AB for a symmetric A, n x n in columns `stride` apart, of which the lower triangle is read.
void dense_symmetric_multiply(const double* A, Index stride, Index n, const double* B,
                              Index columns, double* out);

// A - BC' in the lower triangle of A, where this is symmetric.
void dense_rank_update(double* A, Index stride, Index n, const double* B, const double* C,
                       Index columns);

namespace baseline {
bool dense_cholesky(double* A, Index n);
void dense_inverse(const double* L, Index n, double* inverse);
void add_cross_products(const DenseColumns& A, const DenseColumns& B, Index rows, double* out);
void dense_lower_solve(const double* L, Index n, double* B, Index columns);
void dense_symmetric_multiply(const double* A, Index stride, Index n, const double* B,
                              Index columns, double* out);
void dense_rank_update(double* A, Index stride, Index n, const double* B, const double* C,
                       Index columns);
}  // namespace baseline

#ifdef MARGMIX_WIDE_KERNELS
namespace wide {
bool dense_cholesky(double* A, Index n);
void dense_inverse(const double* L, Index n, double* inverse);
void add_cross_products(const DenseColumns& A, const DenseColumns& B, Index rows, double* out);
void dense_lower_solve(const double* L, Index n, double* B, Index columns);
void dense_symmetric_multiply(const double* A, Index stride, Index n, const double* B,
                              Index columns, double* out);
void dense_rank_update(double* A, Index stride, Index n, const double* B, const double* C,
                       Index columns);
}  // namespace wide
#endif

}  // namespace margmix

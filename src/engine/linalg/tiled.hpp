// Cholesky factor and inverse of one large symmetric matrix by several threads.
//
// Which tiles there are depends on the size alone, and each is computed by one thread, in one
// order: the same bits at any number of threads.
#pragma once

#include "core/run_context.hpp"
#include "linalg/aligned_matrix.hpp"

namespace margmix {

struct Tiling {
  Index size = 192;       // rows and columns of a tile
  Index smallest = 2500;  // matrix for which tiles bring more than they cost
};

// A -> L of A = LL', of which the lower triangle is read and written. False if A is not positive
// definite.
bool tiled_cholesky(AlignedMatrix& A, int threads, const Tiling& tiling = {});

// (LL')^-1, both triangles.
void tiled_inverse(const AlignedMatrix& L, AlignedMatrix& inverse, int threads,
                   const Tiling& tiling = {});

}  // namespace margmix

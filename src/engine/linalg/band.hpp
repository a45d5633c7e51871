// The rotation of a symmetric matrix to a band, by panels of reflections (Bischof, Lang and Sun
// 2000): nearly all of its 4/3 n^3 operations are products of matrices, where one to a tridiagonal
// matrix waits for memory in half of them.
#pragma once

#include "core/types.hpp"

namespace margmix {

// A (its lower triangle is read) -> Q'AQ in the lower triangle, for an orthogonal Q, with entries
// on no more than `width` diagonals below the main one; what is left of A further down is
// overwritten. B -> Q'B.
void rotate_to_band(MatrixXd& A, Index width, MatrixXd& B);

}  // namespace margmix

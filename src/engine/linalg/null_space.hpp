// The null space of a large symmetric matrix of which only few eigenvalues are zero.
#pragma once

#include <optional>

#include "core/types.hpp"

namespace margmix {

// An orthonormal basis (n x zeros) of the null space of a positive semi-definite K, whose
// eigenvalues count as zero up to `zero` times the largest: inverse iteration with a block of
// vectors on K + sigma I (Golub & Van Loan 2013, 7.3 and 8.2), sigma ten times that. It takes one
// Cholesky factor, n^3 / 3, where all eigenvectors take 9 n^3.
//
// Nothing where that is not the way: K is small or not semi-definite, the null space has more than
// `most` dimensions, or an eigenvalue is too near the limit to be told apart.
std::optional<MatrixXd> small_null_space(const MatrixXd& K, double zero, Index most,
                                         int threads = 1);

}  // namespace margmix

// What checks and scales ask of the columns of a matrix of rows, in one pass.
#pragma once

#include "core/types.hpp"
#include "linalg/exact_sums.hpp"

namespace margmix {

struct ColumnFacts {
  VectorXd mean, about;  // about: sums of squares about the mean, exactly 0 for a constant
  MatrixXd gram;         // X'X, if it was asked for
};

// Of an n x p matrix. Deviations are from the first row, so that the digits of a mean far from zero
// are not lost; `about` is then exact to n rounding errors at worst. What is not finite makes the
// mean of its column NaN or infinite.
ColumnFacts column_facts(const MatrixMap& X, bool with_gram, int threads);

// Sums of the deviations d = x - shift, of d^2 and, lower triangle, of x x', without rounding but
// of each run of rows start[i] .. start[i + 1] - 1 by itself.
ExactSums exact_column_sums(const MatrixMap& X, const VectorMap& shift, const IntegerMap& start);

}  // namespace margmix

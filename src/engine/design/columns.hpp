// What checks and scales ask of the columns of a matrix of rows, in one pass.
#pragma once

#include "core/types.hpp"

namespace margmix {

struct ColumnFacts {
  VectorXd mean, about;  // about: sums of squares about the mean, exactly 0 for a constant
  MatrixXd gram;         // X'X, if it was asked for
};

// Of an n x p matrix. Deviations are from the first row, so that the digits of a mean far from zero
// are not lost; `about` is then exact to n rounding errors at worst. What is not finite makes the
// mean of its column NaN or infinite.
ColumnFacts column_facts(const MatrixMap& X, bool with_gram, int threads);

}  // namespace margmix

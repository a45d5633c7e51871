// The precision that belongs to a known covariance matrix K between levels: its inverse, or, where
// effects of some levels follow from those of others, its pseudo-inverse under a constraint.
#pragma once

#include <vector>

#include "linalg/sparse_cholesky.hpp"
#include "random/constraint.hpp"

namespace margmix {

// K^+ has entries between all levels of a block. The columns of the constraint span the null space
// of K: effects b with covariance K have C'b = 0.
struct PrecisionOfCovariance {
  Pattern pattern;
  VectorXd diagonal, below;
  double log_det = 0;  // on the effects that keep the constraint
  Constraint constraint;
  Index zeros = 0;              // dimensions of the null space
  std::vector<int> indefinite;  // the levels of the first block that is no covariance,
  double least = 0;             // and its smallest eigenvalue
};

// K by its pattern; `block` by level, with no covariance between blocks. An eigenvalue counts as
// zero below 1e-10 of the largest of its block. A null space of more than `most` dimensions is only
// counted. Cubic in the size of a block, linear in their number.
PrecisionOfCovariance precision_of_covariance(const Pattern& pattern, const VectorXd& diagonal,
                                              const VectorXd& below, const std::vector<int>& block,
                                              Index most, int threads = 1);

// The entries of a dense matrix that are not zero, and how far it is from symmetric.
struct LowerTriangle {
  Pattern pattern;
  VectorXd diagonal;
  std::vector<double> below;
  double largest = 0, asymmetry = 0;  // sizes of an entry, and of a difference; NaN is not finite
};

LowerTriangle lower_triangle(const MatrixMap& A);

}  // namespace margmix

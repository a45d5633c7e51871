// Dense forms to compare the engine's with.
#pragma once

#include "random/levels.hpp"

namespace margmix {

inline double largest(const MatrixXd& x) { return x.size() ? x.cwiseAbs().maxCoeff() : 0.0; }

inline MatrixXd dense(const Levels& levels, const Precision& Q) {
  MatrixXd out = Q.diagonal.asDiagonal();
  for (Index j = 0; j < levels.size(); ++j)
    for (int k = levels.pattern().start[j]; k < levels.pattern().start[j + 1]; ++k)
      out(levels.pattern().row[k], j) = out(j, levels.pattern().row[k]) = Q.below[k];
  return out;
}

}  // namespace margmix

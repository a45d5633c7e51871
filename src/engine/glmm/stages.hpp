// What clusters with one and with two levels have in common: the rows they start from, and the
// order of their stages.
#pragma once

#include <cmath>

#include "glmm/mode.hpp"

namespace margmix {

// eta0 = offset + X beta and V = Z Lambda of n rows from `first`. Z(j, r): row j of them, columns
// in the order of Lambda. The buffers of mode are large enough.
template <int Q, class Columns, class Lower>
void attach_rows(const Design& design, Columns Z, const VectorXd& beta, const Lower& Lambda,
                 Index first, Index n, Mode<Q>& mode) {
  mode.n = n;
  mode.eta0.head(n) = design.offset.segment(first, n);
  for (Index c = 0; c < design.p(); ++c)
    mode.eta0.head(n) += beta[c] * design.X.col(c).segment(first, n);
  const Index q = Q == Dynamic ? Lambda.cols() : Index(Q);
  for (Index c = 0; c < q; ++c)
    for (Index j = 0; j < n; ++j) {
      double v = 0;
      for (Index r = c; r < q; ++r) v += Z(j, r) * Lambda(r, c);
      mode.V(j, c) = v;
    }
}

// The value, and its derivatives up to `order`, once the search for the mode has ended.
template <class Value, class Gradient, class Hessian>
Status after_mode(Status mode, int order, double& value, Value quadrature, Gradient gradient,
                  Hessian hessian) {
  if (mode != Status::ok) {
    value = mode == Status::not_finite ? -kInf : kNaN;
    return mode;
  }
  quadrature();
  if (!std::isfinite(value)) return Status::not_finite;
  if (order >= 1) gradient();
  if (order >= 2) hessian();
  return Status::ok;
}

}  // namespace margmix

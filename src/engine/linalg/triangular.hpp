// Small dense pieces of the calculus of the Cholesky factor.
#pragma once

#include "core/types.hpp"

namespace margmix {

// Symmetric matrix built from the upper triangle, the diagonal kept once.
template <class M>
typename M::PlainObject symtri(const M& m) {
  typename M::PlainObject s = m.template triangularView<Eigen::Upper>();
  s.template triangularView<Eigen::StrictlyLower>() = s.transpose();
  return s;
}

// Upper triangle with halved diagonal: dR = Phi(R^-T dA R^-1) R for A = R'R.
template <class M>
typename M::PlainObject upper_half(const M& m) {
  typename M::PlainObject s = m.template triangularView<Eigen::Upper>();
  s.diagonal() *= 0.5;
  return s;
}

}  // namespace margmix

// Cholesky decomposition of the small matrices of a cluster, Q x Q with Q a constant where it is
// small: a few lines, where Eigen's compiles blocked kernels for each Q.
#pragma once

#include <cmath>

#include "core/types.hpp"

namespace margmix {

// A = L L'; the lower triangle of A is read.
template <class Square>
class SmallCholesky {
 public:
  SmallCholesky() = default;
  explicit SmallCholesky(const Square& A) { compute(A); }

  void compute(const Square& A) {
    L_ = A;
    definite_ = true;
    for (Index c = 0; c < L_.cols(); ++c) {
      double pivot = L_(c, c);
      for (Index k = 0; k < c; ++k) pivot -= L_(c, k) * L_(c, k);
      if (!(pivot > 0)) {
        definite_ = false;
        return;
      }
      L_(c, c) = std::sqrt(pivot);
      for (Index r = c + 1; r < L_.rows(); ++r) {
        double x = L_(r, c);
        for (Index k = 0; k < c; ++k) x -= L_(r, k) * L_(c, k);
        L_(r, c) = x / L_(c, c);
      }
    }
  }

  bool definite() const { return definite_; }

  // P = L^-T, upper triangular: A^-1 = P P'.
  Square inverse_factor() const {
    Square P = Square::Zero(L_.rows(), L_.cols());
    for (Index c = 0; c < L_.cols(); ++c) {  // row c of P is column c of L^-1
      P(c, c) = 1 / L_(c, c);
      for (Index r = c + 1; r < L_.rows(); ++r) {
        double x = 0;
        for (Index k = c; k < r; ++k) x -= L_(r, k) * P(c, k);
        P(c, r) = x / L_(r, r);
      }
    }
    return P;
  }

  // A^-1 b
  template <class Vector>
  Vector solve(Vector b) const {
    for (Index r = 0; r < b.size(); ++r) {
      for (Index k = 0; k < r; ++k) b[r] -= L_(r, k) * b[k];
      b[r] /= L_(r, r);
    }
    for (Index r = b.size(); r-- > 0;) {
      for (Index k = r + 1; k < b.size(); ++k) b[r] -= L_(k, r) * b[k];
      b[r] /= L_(r, r);
    }
    return b;
  }

 private:
  Square L_;
  bool definite_ = false;
};

}  // namespace margmix

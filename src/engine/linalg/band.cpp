#include "linalg/band.hpp"

#include <algorithm>
#include <cmath>

#include "linalg/dense_kernels.hpp"
#include "linalg/products.hpp"

namespace margmix {

namespace {

// The columns of P below their diagonal are taken to zero by I - V T V', a product of reflections.
void reflect_panel(Eigen::Ref<MatrixXd> P, MatrixXd& V, MatrixXd& T) {
  const Index n = P.rows(), width = P.cols(), steps = std::min(width, n - 1);
  V.setZero(n, steps);
  T.setZero(steps, steps);
  for (Index c = 0; c < steps; ++c) {
    const Index below = n - c - 1;
    const double head = P(c, c), size = P.col(c).tail(below + 1).norm();
    const double end = head > 0 ? -size : size, tau = size > 0 ? (end - head) / end : 0.0;
    V(c, c) = 1;
    if (tau != 0) V.col(c).tail(below) = P.col(c).tail(below) / (head - end);
    P.col(c).tail(below).setZero();
    P(c, c) = end;
    const auto v = V.col(c).tail(below + 1);
    for (Index k = c + 1; k < width; ++k)
      P.col(k).tail(below + 1) -= tau * v.dot(P.col(k).tail(below + 1)) * v;
    VectorXd t(c);
    for (Index k = 0; k < c; ++k) t[k] = -tau * v.dot(V.col(k).tail(below + 1));
    for (Index r = 0; r < c; ++r) T(r, c) = T.row(r).segment(r, c - r).dot(t.tail(c - r));
    T(c, c) = tau;
  }
}

}  // namespace

// With Y = AVT - V T'V'AVT / 2 the part of A that a panel leaves becomes A - VY' - YV'.
void rotate_to_band(MatrixXd& A, Index width, MatrixXd& B) {
  const Index n = A.rows();
  MatrixXd V, T;
  for (Index j = 0; j + width + 1 < n; j += width) {
    const Index m = n - j - width;
    reflect_panel(A.block(j + width, j, m, width), V, T);
    const Index k = V.cols();
    double* rest = A.data() + (j + width) * (n + 1);
    MatrixXd VT(m, k), Y(m, k), inner(k, k), change(m, k), left(m, 2 * k), right(m, 2 * k);
    multiply(V, T, VT);
    dense_symmetric_multiply(rest, n, m, VT.data(), k, Y.data());
    small_transposed_multiply(VT, Y, inner);
    multiply(V, inner, change);
    Y -= 0.5 * change;
    left << V, Y;
    right << Y, V;
    dense_rank_update(rest, n, m, left.data(), right.data(), 2 * k);
    for (Index c = 0; c < B.cols(); ++c) {
      auto b = B.col(c).tail(m);
      const VectorXd size = VT.transpose() * b;
      b.noalias() -= V * size;
    }
  }
}

}  // namespace margmix

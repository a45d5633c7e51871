#include "glmm/mode.hpp"

#include <algorithm>
#include <cmath>

#include "linalg/small_cholesky.hpp"

namespace margmix {

namespace {

template <int Q>
SquareQ<Q> penalised_information(const RowsByQ<Q>& V, const VectorXd& W, Index n) {
  const Index q = V.cols();
  SquareQ<Q> A = SquareQ<Q>::Identity(q, q);
  for (Index c = 0; c < q; ++c)
    for (Index r = 0; r <= c; ++r) {
      A(r, c) += (V.col(r).array() * W.array() * V.col(c).array()).head(n).sum();
      if (r != c) A(c, r) = A(r, c);
    }
  return A;
}

}  // namespace

// Damped Newton. Stops on the Newton decrement, and then takes one more full step: the error of
// the mode enters the quadrature value at first order. Where the observed A is not positive
// definite the step uses max(W, 0).
template <int Q>
Status Mode<Q>::find(const Rows& rows, const Family& family, const VectorQ<Q>& start, double* T,
                     double* F) {
  constexpr double kDecrement = 1e-6;
  constexpr int kMostIterations = 200;
  const double longest_step = family.longest_step();
  u = start;
  double h = evaluate(rows, family);
  if (!std::isfinite(h)) {
    u.setZero();
    h = evaluate(rows, family);
    if (!std::isfinite(h)) return Status::not_finite;
  }
  bool last = false;
  for (iterations = 1; iterations <= kMostIterations; ++iterations) {
    A = penalised_information<Q>(V, W, n);
    SmallCholesky<SquareQ<Q>> cholesky(A);
    const bool definite = cholesky.definite();
    if (last) {
      if (!definite) return Status::no_mode;
      P = cholesky.inverse_factor();
      log_det_P = P.diagonal().array().log().sum();
      return Status::ok;
    }
    if (!definite) cholesky.compute(penalised_information<Q>(V, W.cwiseMax(0.0), n));
    const VectorQ<Q> f = slope();
    const VectorQ<Q> d = cholesky.solve(f);
    const double decrement = f.dot(d);
    const VectorQ<Q> u_old = u;
    if (definite && std::sqrt(decrement) < kDecrement) {
      u += d;
      h = evaluate(rows, family, T, F);
      if (!std::isfinite(h)) u = u_old, h = evaluate(rows, family, T, F);
      last = true;
      continue;
    }
    double longest = 0;  // the largest change of eta
    for (Index j = 0; j < n; ++j) {
      double change = 0;
      for (Index c = 0; c < V.cols(); ++c) change += V(j, c) * d[c];
      longest = std::max(longest, std::fabs(change));
    }
    double t = longest > longest_step ? longest_step / longest : 1.0;
    // Differences of h this small are rounding.
    const bool rounding = definite && decrement < 1e-9 * (1 + std::fabs(h));
    for (int halvings = 0;; ++halvings) {
      u = u_old + t * d;
      const double h_new = evaluate(rows, family);
      if (std::isfinite(h_new) && (rounding || h_new >= h + 1e-4 * t * decrement)) {
        h = h_new;
        break;
      }
      if (halvings == 60) return Status::no_mode;
      t *= 0.5;
    }
  }
  return Status::no_mode;
}

template struct Mode<1>;
template struct Mode<2>;
template struct Mode<Dynamic>;

}  // namespace margmix

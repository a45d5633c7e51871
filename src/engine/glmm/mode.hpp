// The conditional mode u~ of one cluster and the Cholesky factor at it.
//
//   h(u) = sum_j l_j(eta_j) - u'u / 2,   eta = eta0 + V u,  V = Z Lambda
//   A = I + V' W V = R'R,  P = R^-1      (W observed)
#pragma once

#include <cmath>

#include "design/design.hpp"
#include "linalg/small_cholesky.hpp"

namespace margmix {

template <int Q>
using SquareQ = Eigen::Matrix<double, Q, Q>;
template <int Q>
using VectorQ = Eigen::Matrix<double, Q, 1>;
template <int Q>
using RowsByQ = Eigen::Matrix<double, Dynamic, Q>;

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

// Buffers for the largest cluster, of which the first n rows are in use.
template <int Q>
struct Mode {
  Index n = 0;
  VectorXd eta0, eta, g, W, trial, trial_g, trial_W;
  RowsByQ<Q> V;
  VectorQ<Q> u;
  SquareQ<Q> A, P;
  double log_det_P = 0;
  double rows_value = 0;  // sum of l at the mode
  int iterations = 0;

  void reserve(Index rows, Index q) {
    for (VectorXd* v : {&eta0, &eta, &g, &W, &trial, &trial_g, &trial_W}) v->resize(rows);
    V.resize(rows, q);
    u = VectorQ<Q>::Zero(q);
    A = P = SquareQ<Q>::Identity(q, q);
  }

  // T and F at the mode are filled where not null.
  Status find(const Rows& rows, const Family& family, const VectorQ<Q>& start, double* T = nullptr,
              double* F = nullptr);

 private:
  void linear_predictor(const VectorQ<Q>& at, VectorXd& out) const {
    out.head(n) = eta0.head(n);
    for (Index c = 0; c < V.cols(); ++c) out.head(n) += at[c] * V.col(c).head(n);
  }
  // V'g - u
  VectorQ<Q> slope() const {
    VectorQ<Q> f = -u;
    for (Index c = 0; c < V.cols(); ++c) f[c] += V.col(c).head(n).dot(g.head(n));
    return f;
  }
  double evaluate(const Rows& rows, const Family& family, double* T = nullptr,
                  double* F = nullptr) {
    linear_predictor(u, eta);
    rows_value = family.rows(rows, eta.data(), g.data(), W.data(), T, F);
    return rows_value - 0.5 * u.squaredNorm();
  }
};

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

}  // namespace margmix

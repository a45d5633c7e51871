// The conditional mode u~ of one cluster and the Cholesky factor at it.
//
//   h(u) = sum_j l_j(eta_j) - u'u / 2,   eta = eta0 + V u,  V = Z Lambda
//   A = I + V' W V = R'R,  P = R^-1      (W observed)
#pragma once

#include "design/design.hpp"
#include "family/family.hpp"

namespace margmix {

template <int Q>
using SquareQ = Eigen::Matrix<double, Q, Q>;
template <int Q>
using VectorQ = Eigen::Matrix<double, Q, 1>;
template <int Q>
using RowsByQ = Eigen::Matrix<double, Dynamic, Q>;

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

}  // namespace margmix

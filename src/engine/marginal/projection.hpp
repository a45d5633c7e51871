// The marginal regression that population means imply: the gamma of the same formula that a
// quasi-likelihood fit of the means m_j themselves would give,
//   F(gamma) = sum_j w_j x_j h(e_j) (m_j - mu(e_j)) = 0,  e_j = o_j + x_j'gamma,  h = mu' / V(mu).
// It is what independence estimating equations estimate on these rows if the mixed model holds.
#pragma once

#include <algorithm>
#include <cmath>

#include "family/family.hpp"
#include "linalg/products.hpp"

namespace margmix {

// Variance of a response, up to the dispersion, as a function of its mean.
struct QuadraticVariance {
  double v0, v1, v2;  // v0 + v1 mu + v2 mu^2
  double operator()(double mu) const { return v0 + mu * (v1 + mu * v2); }
  double derivative(double mu) const { return v1 + 2 * mu * v2; }
};

struct ImpliedRows {
  MatrixMap X;        // n x p
  VectorMap offset;   // n
  VectorMap weight;   // n
  VectorMap mean;     // n: m_j
  VectorMap d_eta;    // n: its derivative in the conditional predictor o_j + x_j'beta
  MatrixMap d_theta;  // n x t: its derivatives in theta
};

struct Projection {
  VectorXd gamma;     // p
  MatrixXd jacobian;  // p x (p + t): d gamma / d (beta, theta), by implicit differentiation
  bool converged = false;
  int iterations = 0;
};

class MarginalProjection {
 public:
  MarginalProjection(const ImpliedRows& rows, const Family& family, QuadraticVariance variance)
      : rows_(rows), family_(family), variance_(variance) {}

  // Fisher scoring from `start`, with steps halved while the decrement F'I^-1 F does not fall.
  Projection run(const VectorXd& start) {
    Projection out;
    out.gamma = start;
    VectorXd step = scoring_step(out.gamma);
    double decrement = decrement_;
    for (; out.iterations < 100 && std::isfinite(decrement); ++out.iterations) {
      if (decrement <= 1e-26 * total_) {
        out.converged = true;
        break;
      }
      const VectorXd from = out.gamma;
      VectorXd next;
      double t = 1;
      for (int halving = 0; halving < 40; ++halving, t *= 0.5) {
        out.gamma = from + t * step;
        next = scoring_step(out.gamma);
        if (decrement_ < decrement) break;
      }
      if (!(decrement_ < decrement)) {  // nothing left to gain but rounding
        out.gamma = from;
        out.converged = decrement <= 1e-18 * total_;
        break;
      }
      step = next;
      decrement = decrement_;
    }
    out.jacobian = jacobian(out.gamma);
    return out;
  }

 private:
  static constexpr Index kBlock = 512;

  // I^-1 F with I = sum w h mu' x x'; leaves F'I^-1 F in decrement_ and sum w h mu' in total_.
  VectorXd scoring_step(const VectorXd& gamma) {
    const Index n = rows_.X.rows(), p = rows_.X.cols();
    MatrixXd I = MatrixXd::Zero(p, p);
    VectorXd F = VectorXd::Zero(p);
    total_ = 0;
    for (Index first = 0; first < n; first += kBlock) {
      const Index size = std::min(kBlock, n - first);
      const auto X = rows_.X.middleRows(first, size);
      VectorXd e = X * gamma + rows_.offset.segment(first, size), score(size), weight(size);
      for (Index j = 0; j < size; ++j) {
        const Terms r = terms(first + j, e[j]);
        score[j] = r.h * r.residual;
        weight[j] = r.h * r.d1;
        total_ += weight[j];
      }
      F += X.transpose() * score;
      add_transposed_multiply(X, weight.asDiagonal() * X, I);
    }
    const VectorXd step = I.ldlt().solve(F);
    decrement_ = F.dot(step);
    return step;
  }

  // A d gamma = C (d beta, d theta): A = -dF / dgamma, C = sum w h x (m_eta x', m_theta').
  MatrixXd jacobian(const VectorXd& gamma) const {
    const Index n = rows_.X.rows(), p = rows_.X.cols(), t = rows_.d_theta.cols();
    MatrixXd A = MatrixXd::Zero(p, p), C = MatrixXd::Zero(p, p + t);
    for (Index first = 0; first < n; first += kBlock) {
      const Index size = std::min(kBlock, n - first);
      const auto X = rows_.X.middleRows(first, size);
      VectorXd e = X * gamma + rows_.offset.segment(first, size), a(size), b(size), h(size);
      for (Index j = 0; j < size; ++j) {
        const Terms r = terms(first + j, e[j]);
        h[j] = r.h;
        a[j] = r.h * r.d1 - r.dh * r.residual;
        b[j] = r.h * rows_.d_eta[first + j];
      }
      add_transposed_multiply(X, a.asDiagonal() * X, A);
      add_transposed_multiply(X, b.asDiagonal() * X, C.leftCols(p));
      add_transposed_multiply(X, h.asDiagonal() * rows_.d_theta.middleRows(first, size),
                              C.rightCols(t));
    }
    return A.fullPivLu().solve(C);
  }

  // w h, w dh / de, m - mu and mu' of a row; nothing where the variance vanishes in rounding.
  struct Terms {
    double h = 0, dh = 0, residual = 0, d1 = 0;
  };
  Terms terms(Index j, double e) const {
    const Family::Mean at = family_.mean(e);
    const double V = variance_(at.mu), w = rows_.weight[j];
    if (w == 0 || !(V > 1e-300) || !std::isfinite(at.mu)) return {};
    const double h = at.d1 / V;
    return {w * h, w * (at.d2 - h * variance_.derivative(at.mu) * at.d1) / V, rows_.mean[j] - at.mu,
            at.d1};
  }

  const ImpliedRows& rows_;
  const Family& family_;
  const QuadraticVariance variance_;
  double decrement_ = kNaN, total_ = 0;
};

}  // namespace margmix

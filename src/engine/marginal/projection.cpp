#include "marginal/projection.hpp"

#include <Eigen/LU>

#include "linalg/decompositions.hpp"

namespace margmix {

Projection MarginalProjection::run(const VectorXd& start) {
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

VectorXd MarginalProjection::scoring_step(const VectorXd& gamma) {
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
  const VectorXd step = solve_symmetric(I, F);
  decrement_ = F.dot(step);
  return step;
}

MatrixXd MarginalProjection::jacobian(const VectorXd& gamma) const {
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

MarginalProjection::Terms MarginalProjection::terms(Index j, double e) const {
  const Family::Mean at = family_.mean(e);
  const double V = variance_(at.mu), w = rows_.weight[j];
  if (w == 0 || !(V > 1e-300) || !std::isfinite(at.mu)) return {};
  const double h = at.d1 / V;
  return {w * h, w * (at.d2 - h * variance_.derivative(at.mu) * at.d1) / V, rows_.mean[j] - at.mu,
          at.d1};
}

}  // namespace margmix

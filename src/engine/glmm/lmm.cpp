#include "glmm/lmm.hpp"

#include <cmath>

#include "linalg/decompositions.hpp"
#include "parallel/blocks.hpp"

namespace margmix {

auto LmmObjective::D_rows(Index i) const {  // [X y] of cluster i
  const Index first = design_.first(i), n = design_.size(i), p = design_.p();
  MatrixXd D(n, p + 1);
  D.leftCols(p) = design_.X.middleRows(first, n);
  for (Index j = 0; j < n; ++j) D(j, p) = design_.response.y[first + j] - design_.offset[first + j];
  return D;
}

LmmObjective::Solves LmmObjective::solve(Index i, const MatrixXd& Lambda, MatrixXd& WD) const {
  const Index first = design_.first(i), n = design_.size(i);
  const auto Z = design_.Z.middleRows(first, n);
  Solves s;
  MatrixXd WZ = Z;
  WD = D_rows(i);
  for (Index j = 0; j < n; ++j) {
    const double w = design_.response.w(first + j);
    WZ.row(j) *= w;
    WD.row(j) *= w;
  }
  s.G = Z.transpose() * WZ;
  MatrixXd A = Lambda.transpose() * s.G * Lambda;
  A.diagonal().array() += 1;
  const Cholesky cholesky(A);
  s.A_inverse = cholesky.inverse();
  s.log_det = cholesky.log_det();
  s.ZWD = Z.transpose() * WD;
  s.C = s.A_inverse * (Lambda.transpose() * s.ZWD);
  return s;
}

LmmResult LmmObjective::operator()(const double* theta, double log_phi,
                                   const RunContext& context) const {
  constexpr double kLog2Pi = 1.83787706640934548356;
  const Index p = design_.p(), q = design_.q();
  const MatrixXd Lambda = design_.Lambda(theta);
  const auto blocks = cluster_blocks(design_.clusters());
  LmmResult out;

  std::vector<Cross> cross(blocks.size());
  bool finished = for_each_block(blocks, context, [&](int b, const Block& block) {
    cross[b].M = MatrixXd::Zero(p + 1, p + 1);
    MatrixXd WD;
    for (Index i = block.first; i < block.last; ++i) {
      const Solves s = solve(i, Lambda, WD);
      cross[b].M += D_rows(i).transpose() * WD - s.ZWD.transpose() * Lambda * s.C;
      cross[b].log_det += s.log_det;
    }
  });
  MatrixXd M = MatrixXd::Zero(p + 1, p + 1);
  double log_det = 0;
  for (const Cross& c : cross)
    if (finished) M += c.M, log_det += c.log_det;
  out.B = M.topLeftCorner(p, p);
  const Cholesky B(out.B);
  if (!finished || (p > 0 && !B.definite())) {
    out.status = finished ? Status::not_finite : Status::interrupted;
    return out;
  }
  out.beta = B.solve(VectorXd(M.col(p).head(p)));
  const double rss = M(p, p) - out.beta.dot(M.col(p).head(p));
  double rows = 0, log_weights = 0;
  for (Index j = 0; j < design_.X.rows(); ++j) {
    const double w = design_.response.w(j);
    if (w == 0) continue;
    rows += frequency_ ? w : 1;
    if (!frequency_) log_weights += std::log(w);
  }
  const double N = reml_ ? rows - p : rows;
  const bool profiled = std::isnan(log_phi);
  out.phi = profiled ? rss / N : std::exp(log_phi);
  const double log_det_B = reml_ ? B.log_det() : 0.0;
  out.value = -0.5 * (log_det + log_det_B + N * (kLog2Pi + std::log(out.phi)) + rss / out.phi -
                      log_weights);
  if (!(rss > 0)) out.status = Status::not_finite;

  // d value / d Lambda: with u = A^-1 Lambda'Z'W r and E = Z'W (D - Z Lambda C),
  //   log|A|: 2 G Lambda A^-1;   rss: -2 (Z'W (r - Z Lambda u)) u';   log|B|: -2 E_x B^-1 C_x'
  std::vector<MatrixXd> adjoint(blocks.size());
  const MatrixXd B_inverse = B.inverse();
  VectorXd coefficients(p + 1);
  coefficients << -out.beta, 1.0;
  finished = for_each_block(blocks, context, [&](int b, const Block& block) {
    adjoint[b] = MatrixXd::Zero(q, q);
    MatrixXd WD;
    for (Index i = block.first; i < block.last; ++i) {
      const Solves s = solve(i, Lambda, WD);
      const MatrixXd E = s.ZWD - s.G * (Lambda * s.C);
      adjoint[b] += s.G * Lambda * s.A_inverse;
      adjoint[b] -= (E * coefficients) * (s.C * coefficients).transpose() / out.phi;
      if (reml_) adjoint[b] -= E.leftCols(p) * B_inverse * s.C.leftCols(p).transpose();
    }
  });
  if (!finished) out.status = Status::interrupted;
  const Index n_theta = design_.n_theta();
  out.gradient = VectorXd::Zero(n_theta + (profiled ? 0 : 1));
  for (const MatrixXd& a : adjoint)
    for (Index t = 0; finished && t < n_theta; ++t)
      out.gradient[t] -= a(design_.theta_row[t], design_.theta_col[t]);
  if (!profiled) out.gradient[n_theta] = -0.5 * (N - rss / out.phi);
  return out;
}

}  // namespace margmix

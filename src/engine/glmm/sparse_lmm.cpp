#include "glmm/sparse_lmm.hpp"

#include <cmath>

#include "linalg/decompositions.hpp"

namespace margmix {

namespace {

// What the gradient needs beyond the solutions.
struct Pieces {
  MatrixXd D, C;       // n x (p + 1): [X y];  size x (p + 1): A^-1 V'w D
  VectorXd w, e;       // weights; w (y - X beta - V u)
  MatrixXd B_inverse;  // p x p
};

// d value / d Lambda, minus: z'w V A^-1 (from log|A|), -z'e u' / phi (rss), and under REML
// -z'w (X - V C_x) B^-1 C_x' (log|B|).
MatrixXd adjoint_of_Lambda(const SparseSystem& system, const Pieces& pieces, const VectorXd& u,
                           double phi, bool reml) {
  const GroupedDesign& design = system.design();
  const SparsePlan& plan = system.plan();
  const Index q = design.q(), p = design.p(), n = design.X.rows();
  MatrixXd out = MatrixXd::Zero(q, q);
  system.visit_rows([&](Index j, Index, const double* y) {
    for (Index c = 0; c < q; ++c)
      for (Index r = c; r < q; ++r) out(r, c) += design.Z(j, r) * pieces.w[j] * y[c];
  });
  MatrixXd residual_X, C_B;
  if (reml) {
    residual_X = design.X;
    for (Index k = 0; k < p; ++k) {
      VectorXd fitted = VectorXd::Zero(n);
      system.add_V(pieces.C.col(k), fitted);
      residual_X.col(k) -= fitted;
    }
    residual_X = pieces.w.asDiagonal() * residual_X;
    C_B = pieces.C.leftCols(p) * pieces.B_inverse;
  }
  for (Index s = 0; s < plan.runs(); ++s)
    for (Index j = plan.run_start[s]; j < plan.run_start[s + 1]; ++j)
      for (Index c = 0; c < q; ++c) {
        const Index at = system.at(j, s, c);
        double x = pieces.e[j] * u[at] / phi;
        if (reml) x += residual_X.row(j).dot(C_B.row(at));
        for (Index r = c; r < q; ++r) out(r, c) -= design.Z(j, r) * x;
      }
  return out;
}

// d value / d rho: tr(Q^-1 dQ) / 2 - tr(A^-1 dQ) / 2 - u'dQ u / (2 phi), and under REML minus
// tr(B^-1 C_x'dQ C_x) / 2, since dB = C_x'dQ C_x.
VectorXd gradient_of_rho(const SparseSystem& system, const Pieces& pieces, const VectorXd& u,
                         double phi, bool reml) {
  const Index p = system.design().p(), n_rho = system.design().n_rho;
  MatrixXd C, C_B;
  if (reml) {
    C = pieces.C.leftCols(p);
    C_B = C * pieces.B_inverse;
  }
  VectorXd out(n_rho);
  for (Index r = 0; r < n_rho; ++r)
    out[r] = system.precision()
                 .derivative_sums(r,
                                  [&](Index i, Index j) {
                                    double x = system.inverse(i, j) + u[i] * u[j] / phi;
                                    if (reml) x += C_B.row(i).dot(C.row(j));
                                    return -0.5 * x;
                                  })
                 .sum();
  return out;
}

}  // namespace

SparseLmm sparse_lmm(const GroupedDesign& design, const SparsePlan& plan, const double* theta,
                     double log_phi, bool frequency, bool reml, bool gradient) {
  constexpr double kLog2Pi = 1.83787706640934548356;
  const Index n = design.X.rows(), p = design.p();
  SparseLmm out;
  SparseSystem system(design, plan);
  system.set_Lambda(design.Lambda(theta));
  system.set_rho(VectorMap(theta + design.n_theta(), design.n_rho));
  Pieces pieces;
  pieces.w.resize(n);
  double rows = 0, log_weights = 0;
  for (Index j = 0; j < n; ++j) {
    const double w = pieces.w[j] = design.response.w(j);
    if (w == 0) continue;
    rows += frequency ? w : 1;
    if (!frequency) log_weights += std::log(w);
  }
  out.status = Status::not_finite;
  if (!system.assemble(pieces.w.data()) || !system.factor()) return out;
  pieces.D.resize(n, p + 1);
  pieces.D.leftCols(p) = design.X;
  pieces.D.col(p) = VectorMap(design.response.y, n) - design.offset;
  pieces.C.resize(system.size(), p + 1);
  const MatrixXd wD = pieces.w.asDiagonal() * pieces.D;
  MatrixXd M = pieces.D.transpose() * wD;
  MatrixXd VwD(system.size(), p + 1);
  for (Index k = 0; k <= p; ++k) {
    VwD.col(k) = system.Vt(wD.col(k));
    pieces.C.col(k) = system.solve(VwD.col(k));
  }
  M.noalias() -= VwD.transpose() * pieces.C;
  out.B = 0.5 * (M.topLeftCorner(p, p) + M.topLeftCorner(p, p).transpose());
  const Cholesky B(out.B);
  if (p > 0 && !B.definite()) return out;
  out.beta = B.solve(VectorXd(M.col(p).head(p)));
  const double rss = M(p, p) - out.beta.dot(M.col(p).head(p));
  const double N = reml ? rows - p : rows;
  const bool profiled = std::isnan(log_phi);
  out.phi = profiled ? rss / N : std::exp(log_phi);
  const double log_det_B = reml ? B.log_det() : 0.0;
  out.value = -0.5 * (system.log_det() - system.precision().log_det() + log_det_B +
                      N * (kLog2Pi + std::log(out.phi)) + rss / out.phi - log_weights);
  out.u = pieces.C.col(p) - pieces.C.leftCols(p) * out.beta;
  if (!(rss > 0)) return out;
  out.status = Status::ok;
  if (!gradient) return out;
  VectorXd fitted = VectorXd::Zero(n);
  system.add_V(out.u, fitted);
  pieces.e = pieces.w.cwiseProduct(pieces.D.col(p) - pieces.D.leftCols(p) * out.beta - fitted);
  pieces.B_inverse = B.inverse();
  system.invert();
  const MatrixXd adjoint = adjoint_of_Lambda(system, pieces, out.u, out.phi, reml);
  const Index t = design.n_theta(), v = t + design.n_rho;
  out.gradient = VectorXd::Zero(v + (profiled ? 0 : 1));
  for (Index k = 0; k < t; ++k)
    design.at_entries(k, [&](Index r, Index c) { out.gradient[k] -= adjoint(r, c); });
  out.gradient.segment(t, v - t) = gradient_of_rho(system, pieces, out.u, out.phi, reml);
  if (!profiled) out.gradient[v] = -0.5 * (N - rss / out.phi);
  return out;
}

}  // namespace margmix

#include "glmm/sparse_hessian.hpp"

namespace margmix {

bool has_sparse_hessian(const GroupedDesign& design, const SparsePlan& plan, const Family& family) {
  const bool one = design.groups.size() == 1 && design.q() == 1 && design.n_rho == 0;
  return one && plan.cholesky.head == 0 && plan.size1() == 0 && !family.has_dispersion();
}

namespace {

// (A^-1 o A^-1) C.
MatrixXd squared_inverse_times(const SparseSystem& system, const MatrixXd& C) {
  MatrixXd out(C.rows(), C.cols());
  for (Index j = 0; j < C.rows(); ++j)
    out.row(j) = system.inverse_column(j).cwiseAbs2().transpose() * C;
  return out;
}

}  // namespace

// With subscripts for derivatives along (beta, theta), e_k those of eta at fixed u, and the mode
// given by V'g = Qu:
//
//   eta_k = e_k + V u_k,   d^2 (l - u'Qu / 2) = g'de_k - e_k'W eta_m,
//   A u_km = -V'(T eta_k eta_m + W r_km) - V_k'W eta_m - V_m'W eta_k,   eta_km = V u_km + r_km.
MatrixXd sparse_laplace_hessian(const SparseMode& mode, const MatrixXd& u_k, const VectorXd& beta) {
  const SparseSystem& system = mode.system();
  const GroupedDesign& design = system.design();
  const Index n = design.X.rows(), p = design.p(), P = p + 1, size = system.size();
  const VectorXd &g = mode.g(), &W = mode.W();
  VectorXd ignored(n), T(n), F(n), v(n), z = design.Z.col(0);
  VectorXd predictor = design.offset;
  predictor.noalias() += design.X * beta;
  predictor += mode.x();
  mode.rows().family().rows(design.response, predictor.data(), ignored.data(), ignored.data(),
                            T.data(), F.data());
  std::vector<Index> at(n);  // the effect of each row
  for (Index s = 0; s < system.plan().runs(); ++s)
    for (Index j = system.plan().run_start[s]; j < system.plan().run_start[s + 1]; ++j) {
      at[j] = system.at(j, s, 0);
      v[j] = system.V(j, 0);
    }
  MatrixXd e(n, P), eta(n, P), c = MatrixXd::Zero(size, P);
  e.leftCols(p) = design.X;
  VectorXd k(n);  // weights of eta_km in a'd^2c
  for (Index j = 0; j < n; ++j) {
    e(j, p) = z[j] * mode.u()[at[j]];
    eta.row(j) = e.row(j) + v[j] * u_k.row(at[j]);
    c.row(at[j]) += v[j] * v[j] * T[j] * eta.row(j);
    c(at[j], p) += 2 * v[j] * z[j] * W[j];
    k[j] = system.inverse(at[j], at[j]) * v[j] * v[j] * T[j];
  }
  const VectorXd nu = system.solve(system.Vt(k));
  MatrixXd out = 0.5 * c.transpose() * squared_inverse_times(system, c);
  for (Index j = 0; j < n; ++j) {
    const double a = system.inverse(at[j], at[j]), nu_j = nu[at[j]];
    const auto own = eta.row(j);
    // rows of V_k, of those of u_k where eta moves with theta, and of r_km
    const double z_theta = z[j];
    MatrixXd r = MatrixXd::Zero(P, P), moved = r;
    r.row(p) = z_theta * u_k.row(at[j]);
    r = (r + r.transpose()).eval();
    moved.row(p) = z_theta * own;
    moved = (moved + moved.transpose()).eval();
    MatrixXd log_det = a * (v[j] * v[j] * F[j] * own.transpose() * own + 2 * v[j] * T[j] * moved);
    log_det(p, p) += 2 * a * z_theta * z_theta * W[j];
    log_det += k[j] * r;
    log_det -= nu_j * (v[j] * (T[j] * own.transpose() * own + W[j] * r) + W[j] * moved);
    out -= W[j] * e.row(j).transpose() * own + 0.5 * log_det;
    out.row(p) += g[j] * z_theta * u_k.row(at[j]);
  }
  return 0.5 * (out + out.transpose());
}

}  // namespace margmix

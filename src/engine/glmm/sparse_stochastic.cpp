#include "glmm/sparse_stochastic.hpp"

#include "glmm/sparse_scores.hpp"

namespace margmix {

StochasticInverse::StochasticInverse(const SparseSystem& system, const MatrixMap& probes,
                                     double tolerance, const StochasticInverse* start)
    : system_(system), probes_(static_cast<double>(probes.cols())) {
  for (Index first = 0; first < probes.cols(); first += kBundle) {
    const Index count = std::min<Index>(kBundle, probes.cols() - first);
    Bundle z = Bundle::Zero(kBundle, probes.rows());
    z.topRows(count) = probes.middleCols(first, count).transpose();
    Bundle x = Bundle::Zero(kBundle, probes.rows());
    if (start) x = start->x_[x_.size()].rightCols(probes.rows());
    system.schur_solve(z, tolerance, x);
    iterations_ += system.iterations();
    z_.push_back(system.expand(z));
    x_.push_back(system.expand(x));
  }
}

namespace {

// Columns of F = [X, f_1 ...]: what the covariance of the responses changes by, times V^-1 r.
MatrixXd information_columns(const SparseMode& mode, const Parameters& psi, bool dispersion) {
  const SparseSystem& system = mode.system();
  const GroupedDesign& design = system.design();
  const SparsePlan& plan = system.plan();
  const Index n = design.X.rows(), q = design.q(), p = design.p(), t = design.n_theta();
  VectorXd Zg = VectorXd::Zero(system.size());  // Z'g, in the places of u
  for (Index s = 0; s < plan.runs(); ++s)
    for (Index j = plan.run_start[s]; j < plan.run_start[s + 1]; ++j)
      for (Index r = 0; r < q; ++r) Zg[system.at(j, s, r)] += design.Z(j, r) * mode.g()[j];
  MatrixXd F(n, p + t + (dispersion ? 1 : 0));
  F.leftCols(p) = design.X;
  for (Index k = 0; k < t; ++k) {
    const Index r = design.theta_row[k], c = design.theta_col[k];
    for (Index s = 0; s < plan.runs(); ++s)
      for (Index j = plan.run_start[s]; j < plan.run_start[s + 1]; ++j)
        F(j, p + k) =
            design.Z(j, r) * mode.u()[system.at(j, s, c)] + system.V(j, c) * Zg[system.at(j, s, r)];
  }
  if (dispersion)
    for (Index j = 0; j < n; ++j) F(j, p + t) = mode.W()[j] > 0 ? mode.g()[j] / mode.W()[j] : 0;
  (void)psi;
  return F;
}

MatrixXd average_information(const SparseMode& mode, const Parameters& psi, bool dispersion,
                             double tolerance) {
  const SparseSystem& system = mode.system();
  const Index n = mode.eta().size(), p = system.design().p();
  const MatrixXd F = information_columns(mode, psi, dispersion);
  MatrixXd R = mode.W().asDiagonal() * F;
  MatrixXd f(system.size(), F.cols());
  for (Index k = 0; k < F.cols(); ++k) f.col(k) = system.Vt(R.col(k));
  const MatrixXd x = system.solve_iteratively(f, tolerance);
  VectorXd fitted(n);
  for (Index k = 0; k < F.cols(); ++k) {
    fitted.setZero();
    system.add_V(x.col(k), fitted);
    R.col(k) -= mode.W().cwiseProduct(fitted);
  }
  MatrixXd M = F.transpose() * R;
  M = (0.5 * (M + M.transpose())).eval();
  const Index v = F.cols() - p;
  MatrixXd out = MatrixXd::Zero(F.cols(), F.cols());
  out.topLeftCorner(p, p) = M.topLeftCorner(p, p);
  out.bottomRightCorner(v, v) =
      0.5 * (M.bottomRightCorner(v, v) -
             M.bottomLeftCorner(v, p) *
                 M.topLeftCorner(p, p).ldlt().solve(MatrixXd(M.topRightCorner(p, v))));
  return out;
}

}  // namespace

StochasticStep sparse_stochastic(const GroupedDesign& design, const SparsePlan& plan,
                                 Family& family, const VectorXd& psi, const VectorXd& start,
                                 const MatrixMap& probes, double tolerance, bool information,
                                 const RunContext& context) {
  const Parameters parameters(design, psi.data(), family.has_dispersion());
  family.set_log_dispersion(parameters.log_phi);
  StochasticStep out;
  SparseMode mode(design, plan, family, parameters);
  out.status = mode.find(start, context, tolerance);
  out.cg_iterations = mode.cg_iterations();
  out.u = mode.u();
  if (out.status != Status::ok) return out;
  const StochasticInverse inverse(mode.system(), probes, tolerance);
  out.cg_iterations += inverse.iterations();
  const MatrixXd scores = laplace_scores(
      mode, family, psi.size(), [&](auto visit) { inverse.visit_rows(visit); },
      [&](const VectorXd& f) { return mode.system().solve_iteratively(f, tolerance, nullptr); });
  out.gradient = scores.rowwise().sum();
  if (information)
    out.information =
        average_information(mode, parameters, family.has_dispersion(), std::min(tolerance, 1e-3));
  return out;
}

}  // namespace margmix

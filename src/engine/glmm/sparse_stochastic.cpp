#include "glmm/sparse_stochastic.hpp"

#include <memory>
#include <stdexcept>

#include "glmm/sparse_log_det.hpp"
#include "glmm/sparse_scores.hpp"
#include "linalg/decompositions.hpp"

namespace margmix {

StochasticInverse::StochasticInverse(const SparseSystem& system, const MatrixMap& probes,
                                     double tolerance, const StochasticInverse* start)
    : system_(system), probes_(static_cast<double>(probes.cols())) {
  SparseBlocks* const blocks = system.blocks();
  if (system.design().related() && !blocks)
    throw std::invalid_argument("related levels need the blocks of several factors");
  if (blocks) blocks->invert();
  for (Index first = 0; first < probes.cols(); first += kBundle) {
    const Index count = std::min<Index>(kBundle, probes.cols() - first);
    Bundle z = Bundle::Zero(kBundle, probes.rows());
    z.topRows(count) = probes.middleCols(first, count).transpose();
    Bundle x = Bundle::Zero(kBundle, probes.rows());
    if (start) x = start->x_[x_.size()].rightCols(probes.rows());
    if (blocks) {
      system.block_solve(z, tolerance, x);
      Bundle d;
      z_.push_back(blocks->colour<kBundle>(z, &d));
      d_.push_back(d);
      x_.push_back(x);
    } else {
      system.schur_solve(z, tolerance, x);
      z_.push_back(system.expand(z));
      x_.push_back(system.expand(x));
    }
    iterations_ += system.iterations();
  }
}

void StochasticInverse::add_signs(Index j, Index s, const std::vector<Index>& at,
                                  VectorXd& y) const {
  const Index q = y.size();
  y.setZero();
  for (std::size_t b = 0; b < x_.size(); ++b) {
    const Bundle &x = x_[b], &z = z_[b];
    Column vx = Column::Zero(), vz = Column::Zero();
    for (Index c = 0; c < q; ++c) {
      vx += system_.V(j, c) * x.col(at[c]);
      vz += system_.V(j, c) * z.col(at[c]);
    }
    for (Index c = 0; c < q; ++c) y[c] += vz.dot(x.col(at[c])) + vx.dot(z.col(at[c]));
  }
  y *= 0.5 / probes_;
  system_.add_A11_inverse(j, s, y.data());
}

void StochasticInverse::add_block_entries(Index j, const std::vector<Index>& at,
                                          VectorXd& y) const {
  for (Index c = 0; c < y.size(); ++c) {
    y[c] = 0;
    for (Index d = 0; d < y.size(); ++d) y[c] += system_.V(j, d) * inverse(at[d], at[c]);
  }
}

double StochasticInverse::inverse(Index i, Index j) const {
  const SparseBlocks& blocks = *system_.blocks();
  if (blocks.before(i, j)) std::swap(i, j);
  const bool same = blocks.same_block(i, j);
  double sum = 0;
  for (std::size_t b = 0; b < x_.size(); ++b) {
    const Bundle &x = x_[b], &y = z_[b], &d = d_[b];
    sum += 0.5 * (x.col(i).dot(y.col(j)) + y.col(i).dot(x.col(j))) - y.col(i).dot(y.col(j));
    sum += same ? d.col(i).dot(d.col(j)) : -y.col(i).dot(d.col(j));
  }
  return sum / probes_ + (same ? blocks.inverse(i, j) : 0);
}

namespace {

// F'V^-1 F and F'V^-1 (y - X beta) of the working response, for the columns F = [X, f_1 ...] of
// what the covariance of the responses changes by, times V^-1 (y - X beta). Those of theta are the
// same in all rows of a cell. M has the columns of rho too, Fe is without them.
struct InformationProducts {
  MatrixXd M;
  VectorXd Fe;
};

// The columns of theta, by cell.
MatrixXd theta_columns(const SparseMode& mode) {
  const SparseSystem& system = mode.system();
  const GroupedDesign& design = system.design();
  const SparsePlan& plan = system.plan();
  const Index q = design.q(), t = design.n_theta();
  VectorXd Zg = VectorXd::Zero(system.size());  // Z'g, in the places of u
  for (Index s = 0; s < plan.runs(); ++s)
    for (Index j = plan.run_start[s]; j < plan.run_start[s + 1]; ++j)
      for (Index r = 0; r < q; ++r) Zg[system.at(j, s, r)] += design.Z(j, r) * mode.g()[j];
  for (std::size_t k = 0; k < design.groups.size(); ++k) {  // related levels: Q^-1 Z'g = u / lambda
    if (!design.groups[k].relation) continue;
    const int c = design.groups[k].columns[0];
    for (int at : plan.places[k])
      Zg[plan.size1() + at] = mode.u()[plan.size1() + at] / mode.Lambda()(c, c);
  }
  MatrixXd F(mode.g().size(), t);
  for (Index k = 0; k < t; ++k) {
    const Index r = design.theta_row[k], c = design.theta_col[k];
    for (Index s = 0; s < plan.runs(); ++s)
      for (Index j = plan.run_start[s]; j < plan.run_start[s + 1]; ++j)
        F(j, k) =
            design.Z(j, r) * mode.u()[system.at(j, s, c)] + system.V(j, c) * Zg[system.at(j, s, r)];
  }
  return F;
}

// Q_r u by entry of rho.
MatrixXd rho_columns(const SparseMode& mode) {
  const SparseSystem& system = mode.system();
  MatrixXd out(system.size(), system.design().n_rho);
  for (Index r = 0; r < out.cols(); ++r)
    out.col(r) = system.precision().derivative_times(r, mode.u());
  return out;
}

// M with the columns f = -V Q^-1 Q_r u of rho after the first `before`: V^-1 f = -W V a and f'V^-1
// f = u'Q_r Q^-1 Q_r u - u'Q_r a, with a = A^-1 Q_r u. WF are the other columns.
MatrixXd with_rho(const SparseMode& mode, const MatrixXd& M, const MatrixXd& WF, Index before,
                  const MatrixXd& Qu, const MatrixXd& a, double tolerance) {
  const SparseSystem& system = mode.system();
  const Index R = Qu.cols(), after = M.cols() - before;
  if (R == 0) return M;
  MatrixXd prior(system.size(), R), products(M.cols(), R);
  for (Index r = 0; r < R; ++r) {
    prior.col(r) = system.prior_solve(Qu.col(r), 50 * tolerance);  // a step is none the worse
    VectorXd Va = VectorXd::Zero(WF.rows());
    system.add_V(a.col(r), Va);
    products.col(r).noalias() = -WF.transpose() * Va;
  }
  MatrixXd out(M.cols() + R, M.cols() + R);
  out.topLeftCorner(before, before) = M.topLeftCorner(before, before);
  out.topRightCorner(before, after) = M.topRightCorner(before, after);
  out.bottomRightCorner(after, after) = M.bottomRightCorner(after, after);
  out.block(0, before, before, R) = products.topRows(before);
  out.block(before, before + R, R, after) = products.bottomRows(after).transpose();
  out.block(before, before, R, R) = Qu.transpose() * (prior - a);
  return MatrixXd(out.selfadjointView<Eigen::Upper>());
}

InformationProducts information_products(const SparseMode& mode, double tolerance) {
  const SparseSystem& system = mode.system();
  const Index p = system.design().p(), t = system.design().n_theta();
  const Index d = mode.rows().family().has_dispersion() ? 1 : 0;
  const WorkingSums rows = mode.rows().working(mode.x());
  const MatrixXd F = theta_columns(mode);
  MatrixXd WF(F.rows(), p + t + d);
  WF.leftCols(p) = rows.WF.leftCols(p);
  WF.middleCols(p, t) = mode.W().asDiagonal() * F;
  WF.rightCols(d) = rows.WF.rightCols(d);
  MatrixXd M(p + t + d, p + t + d);
  M.topLeftCorner(p, p) = rows.gram.topLeftCorner(p, p);
  M.topRightCorner(p, d) = rows.gram.topRightCorner(p, d);
  M.bottomRightCorner(d, d) = rows.gram.bottomRightCorner(d, d);
  M.middleCols(p, t).noalias() = WF.transpose() * F;
  M.block(p, p + t, t, d) = M.block(p + t, p, d, t).transpose();
  M = MatrixXd(M.selfadjointView<Eigen::Upper>());
  InformationProducts out;
  out.Fe.resize(p + t + d);
  out.Fe.head(p) = rows.gram.col(p).head(p);
  out.Fe.segment(p, t).noalias() = F.transpose() * mode.g();
  out.Fe.tail(d) = rows.gram.col(p).tail(d);
  const MatrixXd Qu = rho_columns(mode);
  MatrixXd f(system.size(), WF.cols() + Qu.cols());
  for (Index k = 0; k < WF.cols(); ++k) f.col(k) = system.Vt(WF.col(k));
  f.rightCols(Qu.cols()) = Qu;
  const MatrixXd solved = system.solve_iteratively(f, tolerance);
  M.noalias() -= f.leftCols(WF.cols()).transpose() * solved.leftCols(WF.cols());
  const MatrixXd symmetric = 0.5 * (M + M.transpose());
  out.M = with_rho(mode, symmetric, WF, p + t, Qu, solved.rightCols(Qu.cols()), tolerance);
  return out;
}

MatrixXd average_information(const MatrixXd& M, Index p) {
  const Index v = M.cols() - p;
  MatrixXd out = MatrixXd::Zero(M.cols(), M.cols());
  out.topLeftCorner(p, p) = M.topLeftCorner(p, p);
  out.bottomRightCorner(v, v) =
      0.5 *
      (M.bottomRightCorner(v, v) -
       M.bottomLeftCorner(v, p) * solve_symmetric(M.topLeftCorner(p, p), M.topRightCorner(p, v)));
  return out;
}

// With the blocks of A at the mode, where the plan has them.
Status find_mode(SparseMode& mode, const VectorXd& start, const RunContext& context,
                 double tolerance) {
  mode.system().use_blocks();
  const Status status = mode.find(start, context, tolerance);
  return status != Status::ok || mode.system().factor_blocks() ? status : Status::no_mode;
}

VectorXd stochastic_gradient(const SparseMode& mode, const StochasticInverse& inverse, Index P,
                             double tolerance) {
  return laplace_scores(
             mode, P, [&](auto visit) { inverse.visit_rows(visit); },
             [&](const VectorXd& f) {
               return mode.system().solve_iteratively(f, tolerance, nullptr);
             },
             [&](Index i, Index j) { return inverse.inverse(i, j); })
      .rowwise()
      .sum();
}

// What a linear mixed model knows of its Hessian without differences, minus the second derivatives
// of l. With M = F'V^-1 F, the columns of beta are those of M. Scaling V by c^2 gives
// theta'dl/dtheta + 2 dl/dlog phi = r'V^-1 r - n; the derivative of that yields the column of log
// phi from those of theta. `H` has the columns of theta, `Fe` is F'V^-1 r, `theta` and its `g`.
void complete_linear(const MatrixXd& M, const VectorXd& Fe, const VectorXd& theta,
                     const VectorXd& g, MatrixXd& H) {
  const Index t = theta.size(), p = M.cols() - t - 1, phi = p + t;
  H.topLeftCorner(p, p) = M.topLeftCorner(p, p);
  H.block(0, p, p, t) = M.block(0, p, p, t);
  H.block(p, 0, t, p) = M.block(p, 0, t, p);
  H.block(0, phi, p, 1) = M.block(0, phi, p, 1);
  VectorXd column = 0.5 * (Fe.segment(p, t) + g - H.block(p, p, t, t) * theta);
  H.block(p, phi, t, 1) = column;
  H(phi, phi) = 0.5 * (Fe[phi] - theta.dot(column));
  H.row(phi).head(phi) = H.col(phi).head(phi).transpose();
}

// Steps of Newton from the gradient and Hessian of `out`, each of which begins with the solutions
// of the one before; `first` are those at psi.
void newton_to_end(const GroupedDesign& design, const SparsePlan& plan, SparseRows& rows,
                   const MatrixMap& probes, double tolerance, double enough,
                   const StochasticInverse& first, const RunContext& context,
                   StochasticHessian& out) {
  constexpr int kMost = 10;
  const Cholesky H(out.hessian);
  std::unique_ptr<SparseMode> mode;
  std::unique_ptr<StochasticInverse> inverse;
  while (H.definite() && out.steps < kMost) {
    const VectorXd step = H.solve(out.gradient);
    if (!(out.gradient.dot(step) > enough)) return;
    out.psi += step;
    ++out.steps;
    auto now = std::make_unique<SparseMode>(design, plan, rows, out.psi);
    out.status = find_mode(*now, out.u, context, tolerance);
    if (out.status != Status::ok) return;
    out.u = now->u();
    inverse = std::make_unique<StochasticInverse>(now->system(), probes, tolerance,
                                                  inverse ? inverse.get() : &first);
    mode = std::move(now);
    out.gradient = stochastic_gradient(*mode, *inverse, out.psi.size(), tolerance);
  }
}

}  // namespace

StochasticHessian sparse_stochastic_hessian(const GroupedDesign& design, const SparsePlan& plan,
                                            SparseRows& rows, const VectorXd& psi,
                                            const VectorXd& start, const MatrixMap& probes,
                                            double tolerance, const VectorXd& steps, bool linear,
                                            double enough, const RunContext& context) {
  const Index P = psi.size(), p = design.p(), t = design.n_theta();
  StochasticHessian out;
  out.psi = psi;
  SparseMode mode(design, plan, rows, psi);
  out.status = find_mode(mode, start, context, tolerance);
  if (out.status != Status::ok) return out;
  out.u = mode.u();
  const StochasticInverse inverse(mode.system(), probes, tolerance);
  out.gradient = stochastic_gradient(mode, inverse, P, tolerance);
  const InformationProducts at =
      linear ? information_products(mode, tolerance) : InformationProducts();
  out.hessian = MatrixXd::Zero(P, P);
  for (Index k = linear ? p : 0; k < (linear ? p + t : P); ++k) {
    VectorXd moved = psi;
    moved[k] += steps[k];
    SparseMode near(design, plan, rows, moved);
    out.status = find_mode(near, out.u, context, tolerance);
    if (out.status != Status::ok) return out;
    const StochasticInverse solved(near.system(), probes, tolerance, &inverse);
    out.hessian.col(k) =
        (out.gradient - stochastic_gradient(near, solved, P, tolerance)) / steps[k];
  }
  if (linear)
    complete_linear(at.M, at.Fe, psi.segment(p, t), out.gradient.segment(p, t), out.hessian);
  out.hessian = (0.5 * (out.hessian + out.hessian.transpose())).eval();
  if (enough > 0)
    newton_to_end(design, plan, rows, probes, tolerance, enough, inverse, context, out);
  return out;
}

StochasticStep sparse_stochastic(const GroupedDesign& design, const SparsePlan& plan,
                                 SparseRows& rows, const VectorXd& psi, const VectorXd& start,
                                 const MatrixMap& probes, double tolerance, bool information,
                                 const RunContext& context) {
  StochasticStep out;
  SparseMode mode(design, plan, rows, psi);
  out.status = find_mode(mode, start, context, tolerance);
  out.cg_iterations = mode.cg_iterations();
  out.u = mode.u();
  if (out.status != Status::ok) return out;
  if (information && mode.system().blocks())
    out.probes = with_least_directions(mode.system(), probes);
  const MatrixMap use = out.probes.size() > 0
                            ? MatrixMap(out.probes.data(), out.probes.rows(), out.probes.cols())
                            : probes;
  const StochasticInverse inverse(mode.system(), use, tolerance);
  out.cg_iterations += inverse.iterations();
  out.gradient = stochastic_gradient(mode, inverse, psi.size(), tolerance);
  if (information)
    out.information =
        average_information(information_products(mode, std::min(tolerance, 1e-3)).M, design.p());
  return out;
}

}  // namespace margmix

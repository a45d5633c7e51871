#include "glmm/sparse_laplace.hpp"

#include "glmm/sparse_hessian.hpp"
#include "glmm/sparse_scores.hpp"

#include <algorithm>
#include <cmath>

namespace margmix {

SparseMode::SparseMode(const GroupedDesign& design, const SparsePlan& plan, SparseRows& rows)
    : rows_(rows), system_(design, plan) {}

void SparseMode::move(const VectorXd& psi) {
  const GroupedDesign& design = system_.design();
  Lambda_ = design.Lambda(psi.data() + design.p());
  system_.set_Lambda(Lambda_);
  system_.set_rho(psi.segment(design.p() + design.n_theta(), design.n_rho));
  rows_.move(psi);
  newton_steps_ = cg_iterations_ = 0;
}

double SparseMode::evaluate() {
  x_ = VectorXd::Zero(system_.design().X.rows());
  system_.add_V(u_, x_);
  rows_value_ = rows_.terms(x_, g_, W_);
  Qu_ = system_.precision().times(u_);
  return rows_value_ - 0.5 * u_.dot(Qu_);
}

// Damped Newton as in mode.hpp. Far from the mode a direction need not be exact, near it each step
// reduces the error by the tolerance of its solution.
Status SparseMode::find(const VectorXd& start, const RunContext& context, double accuracy) {
  constexpr int kMostSteps = 200;
  const Family& family = rows_.family();
  const double longest_step = family.longest_step();
  system_.use_threads(context.threads);
  u_ = start.size() == system_.size() ? start : VectorXd::Zero(system_.size());
  double h = evaluate();
  if (!std::isfinite(h)) {
    u_.setZero();
    h = evaluate();
    if (!std::isfinite(h)) return Status::not_finite;
  }
  // A quadratic h needs one step, so it should be a good one.
  const bool quadratic = std::isinf(longest_step);
  double tolerance = quadratic ? 0.01 * accuracy : 1e-2;
  VectorXd change(x_.size()), assembled;  // the weights of A
  bool last = false, definite = false;
  // A dense factor costs many solutions: it serves further steps while these shrink fast.
  const bool chords = !system_.blocks() && system_.plan().cholesky.head == 0 &&
                      system_.precision().related() && family.log_concave() && !quadratic;
  double before = 0;     // the decrement of the last step, where its factor may serve
  double full_step = 0;  // the length of the last step, if it was Newton's
  for (newton_steps_ = 1; newton_steps_ <= kMostSteps; ++newton_steps_) {
    if (context.interrupted()) return Status::interrupted;
    const VectorXd f = system_.Vt(g_) - Qu_;
    VectorXd d;
    if (!last && before > 0) d = system_.solve(f);
    const bool chord = d.size() > 0 && f.dot(d) <= 0.02 * before;
    if (!chord) {
      if (assembled.size() == 0 || assembled != W_) {
        definite = system_.assemble(W_.data());
        assembled = W_;
      } else {
        tolerance = 1e-2;  // the weights do not depend on u: this step only checks the one before
      }
      if (last) return definite ? Status::ok : Status::no_mode;
      if (definite) d = system_.newton_step(f, tolerance, &definite);
      cg_iterations_ += system_.iterations();
      if (!definite) {
        const VectorXd clipped = W_.cwiseMax(0.0);
        system_.assemble(clipped.data());
        assembled.resize(0);
        d = system_.newton_step(f, tolerance, nullptr);
      }
    }
    const double decrement = f.dot(d);
    const double length = std::sqrt(std::fabs(decrement));
    const double short_step = (chord ? 0.01 : 1) * accuracy * (1 + std::sqrt(u_.norm()));
    // With an older factor what is left is as much shorter than the step as this is than the one
    // before it; a further step may be lost in rounding.
    const bool chord_settled =
        chord && length * std::sqrt(std::fabs(decrement) / before) < 0.05 * short_step;
    before = chords && definite ? decrement : 0;
    // Newton's steps, solved exactly, fall with their squares: after a, b comes about b^3 / a^2.
    // With a dispersion near zero rounding may be what b is.
    const bool exact = definite && !chord && system_.iterations() == 0 && !family.has_dispersion();
    const bool newton_settled = exact && length < 0.1 * full_step &&
                                length * std::pow(length / full_step, 2) < 1e-3 * short_step;
    full_step = exact ? length : 0;
    const VectorXd u_old = u_;
    if (definite && (length < short_step || chord_settled || newton_settled)) {
      u_ += d;
      h = evaluate();
      if (!std::isfinite(h)) u_ = u_old, h = evaluate();
      last = true;
      continue;
    }
    double t = 1.0;
    if (std::isfinite(longest_step)) {
      change.setZero();
      system_.add_V(d, change);
      t = std::min(1.0, longest_step / change.cwiseAbs().maxCoeff());
    }
    const bool rounding = definite && decrement < 1e-9 * (1 + std::fabs(h));
    for (int halvings = 0;; ++halvings) {
      u_ = u_old + t * d;
      const double h_new = evaluate();
      if (std::isfinite(h_new) && (rounding || h_new >= h + 1e-4 * t * decrement)) {
        h = h_new;
        break;
      }
      if (halvings == 60) return Status::no_mode;
      t *= 0.5;
    }
    if (t < 1) full_step = 0;
    if (definite && !quadratic) tolerance = decrement > 1 ? 1e-2 : decrement > 1e-4 ? 1e-4 : 1e-6;
  }
  return Status::no_mode;
}

Status SparseMode::place(const VectorXd& u, const RunContext& context) {
  system_.use_threads(context.threads);
  u_ = u;
  if (!std::isfinite(evaluate())) return Status::not_finite;
  return system_.assemble(W_.data()) ? Status::ok : Status::no_mode;
}

namespace {

// At a mode, with A assembled.
SparseLaplace laplace_at(SparseMode& mode, Status status, Index P, int order) {
  SparseLaplace out;
  SparseRows& rows = mode.rows();
  out.status = status;
  out.newton_steps = mode.newton_steps();
  out.cg_iterations = mode.cg_iterations();
  out.u = mode.u();
  if (status != Status::ok) return out;
  SparseSystem& system = mode.system();
  if (order < 1 && mode.Lambda().isZero(0)) {  // A = I
    out.value = mode.rows_value() + rows.constant();
    return out;
  }
  ++out.factorisations;
  if (!system.factor()) {
    out.status = Status::no_mode;
    return out;
  }
  const SparsePrecision& Q = system.precision();
  out.value = mode.rows_value() + rows.constant() - 0.5 * mode.quadratic() -
              0.5 * (system.log_det() - Q.log_det());
  if (order < 1) return out;
  system.invert();
  out.scores = laplace_scores(
      mode, P, [&](auto visit) { system.visit_rows(visit); },
      [&](const VectorXd& f) { return system.solve(f); },
      [&](Index i, Index j) { return system.inverse(i, j); });
  out.gradient = out.scores.rowwise().sum();
  return out;
}

}  // namespace

SparseLaplace sparse_laplace(SparseMode& mode, const VectorXd& psi, const VectorXd& start,
                             int order, const RunContext& context) {
  mode.move(psi);
  const Status status = mode.find_any(start, context);
  SparseLaplace out = laplace_at(mode, status, psi.size(), order);
  if (order < 2 || out.status != Status::ok) return out;
  const SparseSystem& system = mode.system();
  out.tangents = sparse_mode_tangents(mode);
  if (has_sparse_hessian(system.design(), system.plan(), mode.rows().family()))
    out.hessian = sparse_laplace_hessian(mode, out.tangents, psi.head(system.design().p()));
  return out;
}

SparseLaplace sparse_laplace_beside(SparseMode& mode, const VectorXd& psi, const VectorXd& u,
                                    const RunContext& context) {
  mode.move(psi);
  const Status status = mode.place(u, context);
  return laplace_at(mode, status, psi.size(), 1);
}

// The mode solves V'g = Q u: du = A^-1 (dV'g + V'(dg at fixed u) - dQ u).
MatrixXd sparse_mode_tangents(const SparseMode& mode) {
  const SparseSystem& system = mode.system();
  SparseRows& rows = mode.rows();
  const GroupedDesign& design = system.design();
  const SparsePlan& plan = system.plan();
  const Index n = design.X.rows(), p = design.p(), t = design.n_theta();
  const Index P = parameter_count(design, rows.family());
  MatrixXd out(system.size(), P);
  rows.visit_WX(mode.x(),
                [&](Index k, const VectorXd& WX) { out.col(k) = system.solve(-system.Vt(WX)); });
  for (Index k = 0; k < t; ++k) {
    VectorXd f = VectorXd::Zero(system.size()), shift = VectorXd::Zero(n);
    design.at_entries(k, [&](Index r, Index c) {
      for (Index s = 0; s < plan.runs(); ++s)
        for (Index j = plan.run_start[s]; j < plan.run_start[s + 1]; ++j) {
          const Index at = system.at(j, s, c);
          shift[j] += design.Z(j, r) * mode.u()[at];
          f[at] += design.Z(j, r) * mode.g()[j];
        }
    });
    out.col(p + k) = system.solve(f - system.Vt(mode.W().cwiseProduct(shift)));
  }
  for (Index r = 0; r < design.n_rho; ++r)
    out.col(p + t + r) = -system.solve(system.precision().derivative_times(r, mode.u()));
  if (rows.family().has_dispersion()) {
    const MatrixXd dg = rows.aux_slopes(mode.x());
    for (Index a = 0; a < dg.cols(); ++a)
      out.col(P - dg.cols() + a) = system.solve(system.Vt(dg.col(a)));
  }
  return out;
}

}  // namespace margmix

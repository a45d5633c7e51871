// Several grouping factors: convert, call, convert back.
#include "glue_groups.h"

#include "glmm/sparse_importance.hpp"
#include "glmm/sparse_laplace.hpp"
#include "glmm/sparse_log_det.hpp"
#include "glmm/sparse_stochastic.hpp"

using namespace margmix;

namespace {

SEXP integers(const std::vector<int>& x) { return Rcpp::IntegerVector(x.begin(), x.end()); }

Rcpp::List from_plan(const SparsePlan& p) {
  Rcpp::List places(p.places.size());
  for (std::size_t k = 0; k < p.places.size(); ++k) places[k] = integers(p.places[k]);
  Rcpp::List out;
  out["big"] = p.big;
  out["columns1"] = integers(p.columns1);
  out["columns2"] = integers(p.columns2);
  out["run_start"] = integers(p.run_start);
  out["run_level"] = integers(p.run_level);
  out["near_start"] = integers(p.near_start);
  out["near"] = integers(p.near);
  out["local"] = integers(p.local);
  out["position"] = integers(p.position);
  out["owner_start"] = integers(p.owner_start);
  out["owner_run"] = integers(p.owner_run);
  out["owner_local"] = integers(p.owner_local);
  out["places"] = places;
  out["A22_start"] = integers(p.A22.start);
  out["A22_row"] = integers(p.A22.row);
  out["pair"] = integers(p.pair);
  Rcpp::List Q_below(p.Q_below.size());
  for (std::size_t k = 0; k < p.Q_below.size(); ++k) Q_below[k] = integers(p.Q_below[k]);
  out["Q_below"] = Q_below;
  out["head"] = static_cast<int>(p.cholesky.head);
  out["L_start"] = integers(p.cholesky.L.start);
  out["L_row"] = integers(p.cholesky.L.row);
  out["exact"] = p.exact;
  out["flops"] = p.flops;
  return out;
}

std::vector<MatrixMap> matrices(const Rcpp::List& list) {
  std::vector<MatrixMap> out;
  for (R_xlen_t k = 0; k < list.size(); ++k) {
    SEXP x = list[k];
    if (TYPEOF(x) != REALSXP || !Rf_isMatrix(x)) Rcpp::stop("internal: modes must be matrices");
    out.emplace_back(REAL(x), Rf_nrows(x), Rf_ncols(x));
  }
  return out;
}

Rcpp::List from_matrices(const std::vector<MatrixXd>& x) {
  Rcpp::List out(x.size());
  for (std::size_t k = 0; k < x.size(); ++k) out[k] = glue::matrix(x[k]);
  return out;
}

VectorXd start_from(const SparseSystem& system, const Rcpp::List& modes) {
  return modes.size() ? system.join(matrices(modes)) : VectorXd();
}

}  // namespace

// [[Rcpp::export]]
Rcpp::List groups_plan_(const Rcpp::List& design, double budget) {
  return from_plan(make_plan(glue::grouped_design(design), budget));
}

// What follows from the precision of related levels at rho alone: is it definite, log|Q| and the
// diagonal of its inverse.
// [[Rcpp::export]]
Rcpp::List relation_facts_(const Rcpp::List& relation, const Rcpp::NumericVector& rho) {
  const auto levels = glue::relation(relation);
  if (rho.size() != levels->n_rho()) Rcpp::stop("internal: `rho` has the wrong length");
  const Precision Q = levels->at(rho.begin());
  const PrecisionFacts facts =
      precision_facts(levels->pattern(), Q.diagonal, Q.below, levels->constraint());
  return Rcpp::List::create(Rcpp::_["definite"] = facts.definite,
                            Rcpp::_["log_det"] = facts.log_det.sum(),
                            Rcpp::_["variance"] = glue::vector(facts.variance));
}

// Places in maximin order, and how far each is from those before it.
// [[Rcpp::export]]
Rcpp::List field_order_(const Rcpp::List& relation) {
  const MaximinOrder r = maximin_order(glue::places(relation));
  return Rcpp::List::create(Rcpp::_["order"] = integers(r.order),
                            Rcpp::_["apart"] = glue::vector(r.apart));
}

// The nearest candidates before each place of `of`, one place after the other.
// [[Rcpp::export]]
Rcpp::List field_parents_(const Rcpp::List& relation, const std::vector<int>& order, int count,
                          const Rcpp::LogicalVector& of, const Rcpp::LogicalVector& candidate) {
  const auto flags = [](const Rcpp::LogicalVector& x) {
    return std::vector<char>(x.begin(), x.end());
  };
  const auto near =
      nearest_before(glue::places(relation), order, count, flags(of), flags(candidate));
  std::vector<int> start = {0}, parent;
  for (const auto& own : near) {
    parent.insert(parent.end(), own.begin(), own.end());
    start.push_back(static_cast<int>(parent.size()));
  }
  return Rcpp::List::create(Rcpp::_["parent_start"] = integers(start),
                            Rcpp::_["parent"] = integers(parent));
}

// Draws with the covariance of related levels, by column of independent ones.
// [[Rcpp::export]]
Rcpp::NumericMatrix relation_draws_(const Rcpp::List& relation, const Rcpp::NumericVector& rho,
                                    const Rcpp::NumericMatrix& normals) {
  const auto levels = glue::relation(relation);
  if (rho.size() != levels->n_rho() || normals.nrow() != levels->size())
    Rcpp::stop("internal: draws of other levels");
  return glue::matrix(related_draws(levels->pattern(), levels->at(rho.begin()),
                                    MatrixMap(normals.begin(), normals.nrow(), normals.ncol()),
                                    levels->constraint()));
}

// [[Rcpp::export]]
Rcpp::List groups_stochastic_(const Rcpp::List& design, const Rcpp::List& family,
                              const Rcpp::NumericVector& psi, const Rcpp::List& modes,
                              const Rcpp::NumericMatrix& probes, double tolerance, bool information,
                              int threads) {
  const GroupedDesign d = glue::grouped_design(design);
  const SparsePlan plan = glue::plan(design["plan"]);
  const auto f = glue::family(family);
  const SparseSystem system(d, plan);
  const StochasticStep r =
      sparse_stochastic(d, plan, *f, VectorMap(psi.begin(), psi.size()), start_from(system, modes),
                        MatrixMap(probes.begin(), probes.nrow(), probes.ncol()), tolerance,
                        information, glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(Rcpp::_["gradient"] = glue::vector(r.gradient),
                            Rcpp::_["information"] = glue::matrix(r.information),
                            Rcpp::_["modes"] = from_matrices(system.split(r.u)),
                            Rcpp::_["cg_iterations"] = r.cg_iterations,
                            Rcpp::_["status"] = glue::name(r.status));
}

// [[Rcpp::export]]
Rcpp::List groups_stochastic_hessian_(const Rcpp::List& design, const Rcpp::List& family,
                                      const Rcpp::NumericVector& psi, const Rcpp::List& modes,
                                      const Rcpp::NumericMatrix& probes, double tolerance,
                                      const Rcpp::NumericVector& steps, bool linear, int threads) {
  const GroupedDesign d = glue::grouped_design(design);
  const SparsePlan plan = glue::plan(design["plan"]);
  const auto f = glue::family(family);
  const SparseSystem system(d, plan);
  if (steps.size() != psi.size()) Rcpp::stop("internal: `steps` has the wrong length");
  const StochasticHessian r = sparse_stochastic_hessian(
      d, plan, *f, VectorMap(psi.begin(), psi.size()), start_from(system, modes),
      MatrixMap(probes.begin(), probes.nrow(), probes.ncol()), tolerance,
      VectorMap(steps.begin(), steps.size()), linear, glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(Rcpp::_["gradient"] = glue::vector(r.gradient),
                            Rcpp::_["hessian"] = glue::matrix(r.hessian),
                            Rcpp::_["modes"] = from_matrices(system.split(r.u)),
                            Rcpp::_["status"] = glue::name(r.status));
}

// [[Rcpp::export]]
Rcpp::List groups_importance_(const Rcpp::List& design, const Rcpp::List& family,
                              const Rcpp::NumericVector& psi, const Rcpp::List& modes,
                              const Rcpp::NumericMatrix& normals, int threads) {
  const GroupedDesign d = glue::grouped_design(design);
  const SparsePlan plan = glue::plan(design["plan"]);
  const auto f = glue::family(family);
  const SparseSystem system(d, plan);
  if (normals.nrow() != d.X.rows() + system.size()) Rcpp::stop("internal: wrong number of normals");
  const ImportanceDraws r = sparse_importance(
      d, plan, *f, VectorMap(psi.begin(), psi.size()), start_from(system, modes),
      MatrixMap(normals.begin(), normals.nrow(), normals.ncol()), glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(Rcpp::_["center"] = r.center,
                            Rcpp::_["log_weights"] = glue::vector(r.log_weights),
                            Rcpp::_["status"] = glue::name(r.status));
}

// [[Rcpp::export]]
Rcpp::List groups_estimate_(const Rcpp::List& design, const Rcpp::List& family,
                            const Rcpp::NumericVector& psi, const Rcpp::List& modes,
                            const Rcpp::NumericMatrix& probes, int threads) {
  const GroupedDesign d = glue::grouped_design(design);
  const SparsePlan plan = glue::plan(design["plan"]);
  const auto f = glue::family(family);
  const SparseSystem system(d, plan);
  const SparseEstimate r = sparse_laplace_estimate(
      d, plan, *f, VectorMap(psi.begin(), psi.size()), start_from(system, modes),
      MatrixMap(probes.begin(), probes.nrow(), probes.ncol()), glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(Rcpp::_["value"] = r.value, Rcpp::_["sd"] = r.sd,
                            Rcpp::_["modes"] = from_matrices(system.split(r.u)),
                            Rcpp::_["status"] = glue::name(r.status));
}

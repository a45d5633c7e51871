// Several grouping factors: convert, call, convert back.
#include "glue_groups.h"

#include "glmm/sparse_importance.hpp"
#include "glmm/sparse_laplace.hpp"
#include "glmm/sparse_lmm.hpp"
#include "glmm/sparse_log_det.hpp"
#include "glmm/sparse_posterior.hpp"
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
  out["head"] = static_cast<int>(p.cholesky.head);
  out["L_start"] = integers(p.cholesky.L.start);
  out["L_row"] = integers(p.cholesky.L.row);
  out["exact"] = p.exact;
  out["flops"] = p.flops;
  return out;
}

SparsePlan to_plan(const Rcpp::List& list) {
  auto ints = [&](const char* name) { return Rcpp::as<std::vector<int>>(list[name]); };
  SparsePlan p;
  p.big = list["big"];
  p.columns1 = ints("columns1");
  p.columns2 = ints("columns2");
  p.run_start = ints("run_start");
  p.run_level = ints("run_level");
  p.near_start = ints("near_start");
  p.near = ints("near");
  p.local = ints("local");
  p.position = ints("position");
  p.owner_start = ints("owner_start");
  p.owner_run = ints("owner_run");
  p.owner_local = ints("owner_local");
  const Rcpp::List places = list["places"];
  for (R_xlen_t k = 0; k < places.size(); ++k)
    p.places.push_back(Rcpp::as<std::vector<int>>(places[k]));
  p.A22 = {ints("A22_start"), ints("A22_row")};
  p.pair = ints("pair");
  p.cholesky.size = p.size2();
  p.cholesky.head = Rcpp::as<int>(list["head"]);
  p.cholesky.L = {ints("L_start"), ints("L_row")};
  p.exact = list["exact"];
  p.flops = list["flops"];
  return p;
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

// [[Rcpp::export]]
Rcpp::List groups_laplace_(const Rcpp::List& design, const Rcpp::List& family,
                           const Rcpp::NumericVector& psi, const Rcpp::List& modes, int order,
                           int threads) {
  const GroupedDesign d = glue::grouped_design(design);
  const SparsePlan plan = to_plan(design["plan"]);
  const auto f = glue::family(family);
  const SparseSystem system(d, plan);
  const SparseLaplace r = sparse_laplace(d, plan, *f, VectorMap(psi.begin(), psi.size()),
                                         start_from(system, modes), order, glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(
      Rcpp::_["value"] = r.value, Rcpp::_["gradient"] = glue::vector(r.gradient),
      Rcpp::_["modes"] = from_matrices(system.split(r.u)),
      Rcpp::_["scores"] = glue::matrix(r.scores), Rcpp::_["factorisations"] = r.factorisations,
      Rcpp::_["newton_steps"] = r.newton_steps, Rcpp::_["cg_iterations"] = r.cg_iterations,
      Rcpp::_["status"] = glue::name(r.status));
}

// Mode variances of each factor (list), and with `rows` (X, Z, cluster) the variances of
// predictors.
// [[Rcpp::export]]
Rcpp::List groups_posterior_(const Rcpp::List& design, const Rcpp::List& family,
                             const Rcpp::NumericVector& psi, const Rcpp::List& modes,
                             Rcpp::Nullable<Rcpp::List> rows, const Rcpp::NumericMatrix& V,
                             int threads) {
  const GroupedDesign d = glue::grouped_design(design);
  const SparsePlan plan = to_plan(design["plan"]);
  const auto f = glue::family(family);
  const Parameters parameters(d, psi.begin(), f->has_dispersion());
  f->set_log_dispersion(parameters.log_phi);
  SparseMode mode(d, plan, *f, parameters);
  const VectorXd start = f->log_concave() ? start_from(mode.system(), modes) : VectorXd();
  const Status status = mode.find(start, glue::context(threads));
  glue::stop_if_interrupted(status);
  if (status != Status::ok || !mode.system().factor()) Rcpp::stop("internal: no mode at the fit");
  mode.system().invert();
  if (rows.isNull())
    return Rcpp::List::create(Rcpp::_["variance"] =
                                  from_matrices(sparse_mode_variance(mode, parameters.Lambda)));
  const Rcpp::List r(rows);
  const Rcpp::IntegerMatrix levels = r["cluster"];
  const VectorXd variance = sparse_prediction_variance(
      mode, *f, parameters.Lambda, glue::matrix(r, "X"), glue::matrix(r, "Z"),
      Eigen::Map<const Eigen::MatrixXi>(levels.begin(), levels.nrow(), levels.ncol()),
      MatrixMap(V.begin(), V.nrow(), V.ncol()));
  return Rcpp::List::create(Rcpp::_["variance"] = glue::vector(variance));
}

// [[Rcpp::export]]
Rcpp::List groups_stochastic_(const Rcpp::List& design, const Rcpp::List& family,
                              const Rcpp::NumericVector& psi, const Rcpp::List& modes,
                              const Rcpp::NumericMatrix& probes, double tolerance, bool information,
                              int threads) {
  const GroupedDesign d = glue::grouped_design(design);
  const SparsePlan plan = to_plan(design["plan"]);
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
  const SparsePlan plan = to_plan(design["plan"]);
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
  const SparsePlan plan = to_plan(design["plan"]);
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
  const SparsePlan plan = to_plan(design["plan"]);
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

// [[Rcpp::export]]
Rcpp::List groups_lmm_(const Rcpp::List& design, const Rcpp::NumericVector& theta, double log_phi,
                       bool frequency, bool reml, bool gradient) {
  const GroupedDesign d = glue::grouped_design(design);
  if (theta.size() != d.n_theta()) Rcpp::stop("internal: `theta` has the wrong length");
  const SparseLmm r =
      sparse_lmm(d, to_plan(design["plan"]), theta.begin(), log_phi, frequency, reml, gradient);
  return Rcpp::List::create(
      Rcpp::_["value"] = r.value, Rcpp::_["gradient"] = glue::vector(r.gradient),
      Rcpp::_["beta"] = glue::vector(r.beta), Rcpp::_["B"] = glue::matrix(r.B),
      Rcpp::_["phi"] = r.phi, Rcpp::_["status"] = glue::name(r.status));
}

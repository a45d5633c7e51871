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

// A model of several factors at psi and at modes, or at none.
struct SparseModel {
  SparseModel(const Rcpp::List& design, const Rcpp::List& f, const Rcpp::NumericVector& at,
              const Rcpp::List& modes, int threads)
      : d(glue::grouped_design(design)),
        plan(glue::plan(design["plan"])),
        family(make_family(glue::spec(f, design))),
        system(d, plan),
        psi(VectorMap(at.begin(), at.size())),
        u(modes.size() ? system.join(matrices(modes)) : VectorXd()),
        context(glue::context(threads)) {}

  const GroupedDesign d;
  const SparsePlan plan;
  const std::unique_ptr<Family> family;
  const SparseSystem system;
  const VectorXd psi, u;
  const RunContext context;
};

// probes, tolerance, information: is it wanted?
SEXP stochastic_step(const SparseModel& at, const Rcpp::List& ask) {
  const StochasticStep r =
      sparse_stochastic(at.d, at.plan, *at.family, at.psi, at.u, glue::matrix(ask, "probes"),
                        glue::number(ask, "tolerance"), glue::flag(ask, "information"), at.context);
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(Rcpp::_["gradient"] = glue::vector(r.gradient),
                            Rcpp::_["information"] = glue::matrix(r.information),
                            Rcpp::_["modes"] = from_matrices(at.system.split(r.u)),
                            Rcpp::_["cg_iterations"] = r.cg_iterations,
                            Rcpp::_["status"] = glue::name(r.status));
}

// probes, tolerance, steps, linear
SEXP stochastic_hessian(const SparseModel& at, const Rcpp::List& ask) {
  const VectorMap steps(glue::doubles(ask, "steps", at.psi.size()), at.psi.size());
  const StochasticHessian r = sparse_stochastic_hessian(
      at.d, at.plan, *at.family, at.psi, at.u, glue::matrix(ask, "probes"),
      glue::number(ask, "tolerance"), steps, glue::flag(ask, "linear"), at.context);
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(Rcpp::_["gradient"] = glue::vector(r.gradient),
                            Rcpp::_["hessian"] = glue::matrix(r.hessian),
                            Rcpp::_["modes"] = from_matrices(at.system.split(r.u)),
                            Rcpp::_["status"] = glue::name(r.status));
}

// normals: (rows + random effects) x draws
SEXP importance(const SparseModel& at, const Rcpp::List& ask) {
  const MatrixMap normals = glue::matrix(ask, "normals");
  if (normals.rows() != at.d.X.rows() + at.system.size())
    Rcpp::stop("internal: wrong number of normals");
  const ImportanceDraws r =
      sparse_importance(at.d, at.plan, *at.family, at.psi, at.u, normals, at.context);
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(Rcpp::_["center"] = r.center,
                            Rcpp::_["log_weights"] = glue::vector(r.log_weights),
                            Rcpp::_["status"] = glue::name(r.status));
}

// probes
SEXP laplace_estimate(const SparseModel& at, const Rcpp::List& ask) {
  const SparseEstimate r = sparse_laplace_estimate(at.d, at.plan, *at.family, at.psi, at.u,
                                                   glue::matrix(ask, "probes"), at.context);
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(Rcpp::_["value"] = r.value, Rcpp::_["sd"] = r.sd,
                            Rcpp::_["modes"] = from_matrices(at.system.split(r.u)),
                            Rcpp::_["status"] = glue::name(r.status));
}

constexpr glue::Piece<SparseModel> kPieces[] = {{"stochastic_step", stochastic_step},
                                                {"stochastic_hessian", stochastic_hessian},
                                                {"importance", importance},
                                                {"laplace_estimate", laplace_estimate}};

}  // namespace

// [[Rcpp::export]]
Rcpp::List groups_plan_(const Rcpp::List& design, double budget) {
  return from_plan(make_plan(glue::grouped_design(design), budget));
}

// By draws: what several factors are asked for beyond their objective.
// [[Rcpp::export]]
SEXP sparse_(const Rcpp::List& design, const Rcpp::List& family, const Rcpp::NumericVector& psi,
             const Rcpp::List& modes, const std::string& piece, const Rcpp::List& ask,
             int threads) {
  return glue::piece(kPieces, piece, {design, family, psi, modes, threads}, ask);
}

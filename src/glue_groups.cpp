// Several grouping factors: convert, call, convert back.
#include "glue_cells.h"

#include "glmm/sparse_importance.hpp"
#include "glmm/sparse_laplace.hpp"
#include "glmm/sparse_log_det.hpp"
#include "glmm/sparse_stochastic.hpp"

using namespace margmix;

namespace glue {

GroupedDesign grouped_design(const Rcpp::List& list) {
  GroupedDesign d{has_cells(list) ? cell_design(list) : design(list), {}};
  const Rcpp::List groups = glue::list(list, "groups");
  for (R_xlen_t k = 0; k < groups.size(); ++k) {
    const Rcpp::List group = groups[k];
    Group g{integers(group, "index"), {}, Rf_xlength(group["levels"])};
    for (int c : copied_integers(group, "columns")) g.columns.push_back(c - 1);
    if (g.index.size() != d.X.rows()) Rcpp::stop("internal: `index` has the wrong length");
    if (has(group, "relation")) g.relation = relation(group["relation"]);
    if (g.relation) {
      if (g.relation->size() != g.levels) Rcpp::stop("internal: a relation of other levels");
      d.n_rho += g.relation->n_rho();
      if (has(group, "cluster")) g.cluster = copied_integers(group, "cluster");
    }
    d.groups.push_back(std::move(g));
  }
  if (has(list, "theta_span")) d.span = copied_integers(list, "theta_span");
  return d;
}

namespace {

struct PlanField {
  const char* name;
  std::vector<int> SparsePlan::*member;
};

constexpr PlanField kPlanFields[] = {{"columns1", &SparsePlan::columns1},
                                     {"columns2", &SparsePlan::columns2},
                                     {"run_start", &SparsePlan::run_start},
                                     {"run_level", &SparsePlan::run_level},
                                     {"near_start", &SparsePlan::near_start},
                                     {"near", &SparsePlan::near},
                                     {"local", &SparsePlan::local},
                                     {"position", &SparsePlan::position},
                                     {"owner_start", &SparsePlan::owner_start},
                                     {"owner_run", &SparsePlan::owner_run},
                                     {"owner_local", &SparsePlan::owner_local},
                                     {"pair", &SparsePlan::pair}};

std::vector<std::vector<int>> vectors(const Rcpp::List& list) {
  std::vector<std::vector<int>> out;
  for (R_xlen_t k = 0; k < list.size(); ++k) out.push_back(Rcpp::as<std::vector<int>>(list[k]));
  return out;
}

Rcpp::List block_list(const BlockPlan& b) {
  return glue::list({{"at", b.at},
                     {"A_start", b.A.start},
                     {"A_row", b.A.row},
                     {"entry", b.entry},
                     {"head", static_cast<int>(b.cholesky.head)},
                     {"L_start", b.cholesky.L.start},
                     {"L_row", b.cholesky.L.row},
                     {"front", b.cholesky.front}});
}

BlockPlan block_plan(const Rcpp::List& list) {
  BlockPlan b;
  b.at = copied_integers(list, "at");
  b.A = {copied_integers(list, "A_start"), copied_integers(list, "A_row")};
  b.entry = copied_integers(list, "entry");
  b.cholesky.size = static_cast<Index>(b.at.size());
  b.cholesky.head = integer(list, "head");
  b.cholesky.L = {copied_integers(list, "L_start"), copied_integers(list, "L_row")};
  b.cholesky.front = copied_integers(list, "front");
  return b;
}

Rcpp::List plan_list(const SparsePlan& p) {
  Rcpp::List blocks(p.blocks.size());
  for (std::size_t k = 0; k < p.blocks.size(); ++k) blocks[k] = block_list(p.blocks[k]);
  Rcpp::List out = list({{"big", p.big},
                         {"places", Rcpp::wrap(p.places)},
                         {"A22_start", p.A22.start},
                         {"A22_row", p.A22.row},
                         {"Q_below", Rcpp::wrap(p.Q_below)},
                         {"head", static_cast<int>(p.cholesky.head)},
                         {"L_start", p.cholesky.L.start},
                         {"L_row", p.cholesky.L.row},
                         {"front", p.cholesky.front},
                         {"blocks", blocks},
                         {"exact", p.exact},
                         {"flops", p.flops}});
  for (const PlanField& field : kPlanFields) out[field.name] = Rcpp::wrap(p.*field.member);
  return out;
}

}  // namespace

SparsePlan plan(const Rcpp::List& list) {
  SparsePlan p;
  for (const PlanField& field : kPlanFields) p.*field.member = copied_integers(list, field.name);
  p.big = integer(list, "big");
  p.places = vectors(list["places"]);
  p.A22 = {copied_integers(list, "A22_start"), copied_integers(list, "A22_row")};
  if (has(list, "Q_below")) p.Q_below = vectors(list["Q_below"]);  // older fits have none
  p.cholesky.size = p.size2();
  p.cholesky.head = integer(list, "head");
  p.cholesky.L = {copied_integers(list, "L_start"), copied_integers(list, "L_row")};
  if (has(list, "front")) p.cholesky.front = copied_integers(list, "front");  // likewise
  const Rcpp::List blocks = has(list, "blocks") ? glue::list(list, "blocks") : Rcpp::List();
  for (R_xlen_t k = 0; k < blocks.size(); ++k) p.blocks.push_back(block_plan(blocks[k]));
  p.exact = flag(list, "exact");
  p.flops = number(list, "flops");
  return p;
}

}  // namespace glue

namespace {

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
        rows(glue::rows_of(design)(d, *family)),
        system(d, plan),
        psi(VectorMap(at.begin(), at.size())),
        u(modes.size() ? system.join(matrices(modes)) : VectorXd()),
        context(glue::context(threads)) {}

  const GroupedDesign d;
  const SparsePlan plan;
  const std::unique_ptr<Family> family;
  const std::unique_ptr<SparseRows> rows;
  const SparseSystem system;
  const VectorXd psi, u;
  const RunContext context;
};

// probes, tolerance, information: is it wanted?
SEXP stochastic_step(const SparseModel& at, const Rcpp::List& ask) {
  const StochasticStep r =
      sparse_stochastic(at.d, at.plan, *at.rows, at.psi, at.u, glue::matrix(ask, "probes"),
                        glue::number(ask, "tolerance"), glue::flag(ask, "information"), at.context);
  glue::stop_if_interrupted(r.status);
  return glue::list({{"gradient", r.gradient},
                     {"information", r.information},
                     {"modes", from_matrices(at.system.split(r.u))},
                     {"probes", r.probes},
                     {"cg_iterations", r.cg_iterations},
                     {"status", r.status}});
}

// probes, tolerance, steps, linear, enough
SEXP stochastic_hessian(const SparseModel& at, const Rcpp::List& ask) {
  const VectorMap steps = glue::vector(ask, "steps", at.psi.size());
  const StochasticHessian r =
      sparse_stochastic_hessian(at.d, at.plan, *at.rows, at.psi, at.u, glue::matrix(ask, "probes"),
                                glue::number(ask, "tolerance"), steps, glue::flag(ask, "linear"),
                                glue::number(ask, "enough"), at.context);
  glue::stop_if_interrupted(r.status);
  return glue::list({{"psi", r.psi},
                     {"gradient", r.gradient},
                     {"hessian", r.hessian},
                     {"modes", from_matrices(at.system.split(r.u))},
                     {"steps", r.steps},
                     {"status", r.status}});
}

// normals: (rows + random effects) x draws
SEXP importance(const SparseModel& at, const Rcpp::List& ask) {
  const MatrixMap normals = glue::matrix(ask, "normals");
  if (normals.rows() != at.d.X.rows() + at.system.size())
    Rcpp::stop("internal: wrong number of normals");
  const ImportanceDraws r =
      sparse_importance(at.d, at.plan, *at.rows, at.psi, at.u, normals, at.context);
  glue::stop_if_interrupted(r.status);
  return glue::list({{"center", r.center}, {"log_weights", r.log_weights}, {"status", r.status}});
}

// probes
SEXP laplace_estimate(const SparseModel& at, const Rcpp::List& ask) {
  const SparseEstimate r = sparse_laplace_estimate(at.d, at.plan, *at.rows, at.psi, at.u,
                                                   glue::matrix(ask, "probes"), at.context);
  glue::stop_if_interrupted(r.status);
  return glue::list({{"value", r.value},
                     {"sd", r.sd},
                     {"modes", from_matrices(at.system.split(r.u))},
                     {"status", r.status}});
}

constexpr glue::Piece<SparseModel> kGroupPieces[] = {{"stochastic_step", stochastic_step},
                                                     {"stochastic_hessian", stochastic_hessian},
                                                     {"importance", importance},
                                                     {"laplace_estimate", laplace_estimate}};

}  // namespace

// [[Rcpp::export(rng = false)]]
Rcpp::List groups_plan_(const Rcpp::List& design, double budget) {
  return glue::plan_list(make_plan(glue::grouped_design(design), budget));
}

// By draws: what several factors are asked for beyond their objective.
// [[Rcpp::export(rng = false)]]
SEXP sparse_(const Rcpp::List& design, const Rcpp::List& family, const Rcpp::NumericVector& psi,
             const Rcpp::List& modes, const std::string& piece, const Rcpp::List& ask,
             int threads) {
  return glue::piece(kGroupPieces, piece, {design, family, psi, modes, threads}, ask);
}

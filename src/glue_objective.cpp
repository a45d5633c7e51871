// Mixed models, whatever their random part: convert, call, convert back.
#include "glue_objective.h"
#include "glmm/nested_posterior.hpp"
#include "glue_cells.h"
#include "objective/deletion.hpp"
#include "objective/soft_penalty.hpp"

using namespace margmix;

namespace {

// Of groups[[1]] and, nested in it, groups[[2]].
NestedDesign nested_design(const Rcpp::List& list) {
  const GroupedDesign d = glue::grouped_design(list);
  auto sorted = [&](std::size_t k) {
    std::vector<int> columns = d.groups.at(k).columns;
    std::sort(columns.begin(), columns.end());
    return columns;
  };
  const std::vector<int> top = sorted(0), leaf = sorted(1);
  VectorXd weight;
  if (glue::has(list, "inner_weights"))
    weight = glue::vector(list, "inner_weights", d.groups[1].levels);
  return {glue::design(list), d.groups[1].index, IntegerMap(leaf.data(), leaf.size()),
          IntegerMap(top.data(), top.size()), weight};
}

// As fitted with a penalty, if the design says so.
std::unique_ptr<Objective> penalized(std::unique_ptr<Objective> model, const Rcpp::List& design,
                                     const FamilySpec& spec) {
  if (!glue::has(design, "penalty")) return model;
  return soft_objective(std::move(model), glue::design(design), spec,
                        glue::number(design, "penalty"));
}

std::unique_ptr<Objective> objective(const glue::ModelAt& model) {
  const Rcpp::List& design = model.design;
  auto is = [&](const char* kind) { return Rf_inherits(design, kind); };
  const EffectLaw law = glue::effect_law(design);
  std::unique_ptr<Objective> out =
      is("margmix_two_levels") ? nested_objective(nested_design(design), model.spec)
      : is("margmix_sparse")
          ? sparse_objective(glue::grouped_design(design), glue::plan(design["plan"]), model.spec,
                             glue::rows_of(design))
      : law.normal() ? product_objective(glue::design(design), model.spec)
                     : effect_objective(glue::design(design), model.spec, law);
  if (model.psi.size() != out->parameters()) Rcpp::stop("internal: `psi` has the wrong length");
  if (glue::has(design, "cluster_weights"))
    out->weigh_clusters(
        glue::vector(design, "cluster_weights", glue::integers(design, "start").size() - 1));
  return penalized(std::move(out), design, model.spec);
}

ObjectiveRequest objective_request(const Rcpp::List& ask) {
  return {glue::integer(ask, "order"), glue::flag(ask, "scores"), glue::flag(ask, "information"),
          glue::flag(ask, "known_phi"), glue::has(ask, "exact") && glue::flag(ask, "exact")};
}

// Totals of part of the clusters.
Rcpp::List exact_list(const ObjectiveResult& r, Index P, int order) {
  const ExactSums& sums = r.exact.front();
  Rcpp::List steps(r.exact.size() - 1);
  for (R_xlen_t s = 0; s < steps.size(); ++s) steps[s] = glue::exact(r.exact[s + 1], 1, P);
  return glue::list({{"value", glue::exact(sums, 0, 1)},
                     {"gradient", order >= 1 ? glue::exact(sums, 1, P) : R_NilValue},
                     {"hessian", order >= 2 ? glue::exact_symmetric(sums, 1 + P, P) : R_NilValue},
                     {"steps", steps},
                     {"status", r.status}});
}

// Modes as R has them, levels x effects: the matrix of one factor, or a list of those of several,
// or of one with related levels.
SEXP from_modes(const Modes& modes, const Rcpp::List& design) {
  Rcpp::List out(modes.size());
  for (std::size_t k = 0; k < modes.size(); ++k) out[k] = glue::matrix(modes[k].transpose());
  const bool several = Rf_inherits(design, "margmix_several_factors");
  return modes.size() == 1 && !several ? SEXP(out[0]) : SEXP(out);
}

// NULL or an empty list: the search starts at zeros.
Modes modes(const Rcpp::List& ask) {
  Modes out;
  if (!glue::has(ask, "modes")) return out;
  SEXP x = ask["modes"];
  const Rcpp::List list = Rf_isMatrix(x) ? Rcpp::List::create(x) : Rcpp::List(x);
  for (R_xlen_t k = 0; k < list.size(); ++k) {
    const Rcpp::NumericMatrix u = list[k];
    out.emplace_back(MatrixMap(u.begin(), u.nrow(), u.ncol()).transpose());
  }
  return out;
}

Rcpp::List objective_list(const ObjectiveResult& r, const Rcpp::List& design) {
  return glue::list({{"value", r.value},
                     {"gradient", r.gradient},
                     {"hessian", r.hessian},
                     {"modes", from_modes(r.modes, design)},
                     {"scores", MatrixXd(r.scores.transpose())},
                     {"information", r.information},
                     {"values", r.values},
                     {"status", r.status}});
}

Rcpp::List level(const LevelPosterior& x) {
  return glue::list({{"mode", x.mode},
                     {"mean", x.mean},
                     {"median", x.median},
                     {"variance", x.variance},
                     {"mode_variance", x.mode_variance}});
}

// At the estimates of a fit.
void stop_unless_found(Status status) {
  glue::stop_if_interrupted(status);
  if (status != Status::ok) Rcpp::stop("internal: no mode at the fit");
}

// K, modes, order, scores, information, known_phi; with `exact` the totals alone, unrounded (not of
// sparse models), and the gradients at the `steps` of the columns of the Hessian in log phi
SEXP evaluate(const glue::ModelAt& model, const Rcpp::List& ask) {
  const ObjectiveRequest request = objective_request(ask);
  const ObjectiveResult r = objective(model)->evaluate(model.psi, glue::copied_integers(ask, "K"),
                                                       modes(ask), request, model.context);
  glue::stop_if_interrupted(r.status);
  if (!r.exact.empty()) return exact_list(r, model.psi.size(), request.order);
  return objective_list(r, model.design);
}

// K
SEXP other_modes(const glue::ModelAt& model, const Rcpp::List& ask) {
  const OtherModes r =
      objective(model)->other_modes(model.psi, glue::copied_integers(ask, "K"), model.context);
  return glue::list({{"better", static_cast<int>(r.better)}, {"missed", r.missed}});
}

// K, modes, median -> a list by factor
SEXP posterior(const glue::ModelAt& model, const Rcpp::List& ask) {
  const PosteriorResult r =
      objective(model)->posterior(model.psi, glue::copied_integers(ask, "K"), modes(ask),
                                  glue::flag(ask, "median"), model.context);
  stop_unless_found(r.status);
  Rcpp::List out(r.levels.size());
  for (std::size_t k = 0; k < r.levels.size(); ++k) out[k] = level(r.levels[k]);
  return out;
}

// modes, V, and of the rows X, Z, cluster (n x factors, from 0; -1 is a new level)
SEXP prediction_variance(const glue::ModelAt& model, const Rcpp::List& ask) {
  const Rcpp::IntegerMatrix levels = ask["cluster"];
  const PredictionRows at{
      glue::matrix(ask, "X"), glue::matrix(ask, "Z"),
      Eigen::Map<const Eigen::MatrixXi>(levels.begin(), levels.nrow(), levels.ncol())};
  VectorXd out;
  stop_unless_found(objective(model)->prediction_variance(
      model.psi, modes(ask), at, glue::matrix(ask, "V"), model.context, out));
  return glue::vector(out);
}

// modes, top, leaf: effects x levels, by combination; two nested levels only
SEXP combination_covariance(const glue::ModelAt& model, const Rcpp::List& ask) {
  return glue::matrix(nested_combination_covariance(nested_design(model.design), *model.family(),
                                                    model.psi, modes(ask), glue::matrix(ask, "top"),
                                                    glue::matrix(ask, "leaf"), model.context));
}

// K, modes, units -> parameters minus those without each cluster
SEXP deletion(const glue::ModelAt& model, const Rcpp::List& ask) {
  Status status;
  const Deletion r = score_deletion(*objective(model), model.psi, glue::copied_integers(ask, "K"),
                                    modes(ask), glue::vector(ask, "units"), model.context, status);
  glue::stop_if_interrupted(status);
  return glue::list({{"steps", r.steps}, {"second", r.second}});
}

constexpr glue::Piece<glue::ModelAt> kObjectivePieces[] = {
    {"evaluate", evaluate},
    {"other_modes", other_modes},
    {"posterior", posterior},
    {"prediction_variance", prediction_variance},
    {"combination_covariance", combination_covariance},
    {"deletion", deletion}};

}  // namespace

// What an objective is asked for.
// [[Rcpp::export(rng = false)]]
SEXP objective_(const Rcpp::List& design, const Rcpp::List& family, const Rcpp::NumericVector& psi,
                const std::string& piece, const Rcpp::List& ask, int threads) {
  return glue::piece(kObjectivePieces, piece, {design, family, psi, threads}, ask);
}

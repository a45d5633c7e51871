// Mixed models, whatever their random part: convert, call, convert back.
#include "glue_objective.h"
#include "glmm/nested_posterior.hpp"
#include "glue_groups.h"
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
  return {glue::design(list), d.groups[1].index, IntegerMap(leaf.data(), leaf.size()),
          IntegerMap(top.data(), top.size())};
}

// As fitted with a penalty, if the design says so.
std::unique_ptr<Objective> penalized(std::unique_ptr<Objective> model, const Rcpp::List& design,
                                     const FamilySpec& spec) {
  if (!design.containsElementNamed("penalty") || Rf_isNull(design["penalty"])) return model;
  return soft_objective(std::move(model), glue::design(design), spec, design["penalty"]);
}

std::unique_ptr<Objective> objective(const Rcpp::List& design, const Rcpp::List& family,
                                     const Rcpp::NumericVector& psi) {
  const FamilySpec spec = glue::spec(family, design);
  auto is = [&](const char* kind) { return Rf_inherits(design, kind); };
  std::unique_ptr<Objective> out =
      is("margmix_two_levels") ? nested_objective(nested_design(design), spec)
      : is("margmix_sparse")
          ? sparse_objective(glue::grouped_design(design), glue::plan(design["plan"]), spec)
      : is("margmix_bridge") ? bridge_objective(glue::design(design), spec)
                             : product_objective(glue::design(design), spec);
  if (psi.size() != out->parameters()) Rcpp::stop("internal: `psi` has the wrong length");
  return penalized(std::move(out), design, spec);
}

VectorXd vector(const Rcpp::NumericVector& x) { return VectorMap(x.begin(), x.size()); }

Rcpp::List level(const LevelPosterior& x) {
  return Rcpp::List::create(
      Rcpp::_["mode"] = glue::matrix(x.mode), Rcpp::_["mean"] = glue::matrix(x.mean),
      Rcpp::_["median"] = glue::matrix(x.median), Rcpp::_["variance"] = glue::matrix(x.variance),
      Rcpp::_["mode_variance"] = glue::matrix(x.mode_variance));
}

// At the estimates of a fit.
void stop_unless_found(Status status) {
  glue::stop_if_interrupted(status);
  if (status != Status::ok) Rcpp::stop("internal: no mode at the fit");
}

}  // namespace

// [[Rcpp::export]]
Rcpp::List objective_evaluate_(const Rcpp::List& design, const Rcpp::List& family,
                               const Rcpp::NumericVector& psi, const std::vector<int>& K,
                               const Rcpp::RObject& modes, const Rcpp::List& ask, int threads) {
  const ObjectiveResult r = objective(design, family, psi)
                                ->evaluate(vector(psi), K, glue::modes(modes),
                                           glue::objective_request(ask), glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return glue::objective_list(r, design);
}

// [[Rcpp::export]]
Rcpp::List objective_other_modes_(const Rcpp::List& design, const Rcpp::List& family,
                                  const Rcpp::NumericVector& psi, const std::vector<int>& K,
                                  int threads) {
  const OtherModes r =
      objective(design, family, psi)->other_modes(vector(psi), K, glue::context(threads));
  return Rcpp::List::create(Rcpp::_["better"] = static_cast<int>(r.better),
                            Rcpp::_["missed"] = r.missed);
}

// A list by factor.
// [[Rcpp::export]]
Rcpp::List objective_posterior_(const Rcpp::List& design, const Rcpp::List& family,
                                const Rcpp::NumericVector& psi, const std::vector<int>& K,
                                const Rcpp::RObject& modes, bool median, int threads) {
  const PosteriorResult r =
      objective(design, family, psi)
          ->posterior(vector(psi), K, glue::modes(modes), median, glue::context(threads));
  stop_unless_found(r.status);
  Rcpp::List out(r.levels.size());
  for (std::size_t k = 0; k < r.levels.size(); ++k) out[k] = level(r.levels[k]);
  return out;
}

// `rows`: X, Z, and cluster (n x factors, from 0; -1 is a new level).
// [[Rcpp::export]]
Rcpp::NumericVector objective_prediction_variance_(
    const Rcpp::List& design, const Rcpp::List& family, const Rcpp::NumericVector& psi,
    const Rcpp::RObject& modes, const Rcpp::List& rows, const Rcpp::NumericMatrix& V, int threads) {
  const Rcpp::IntegerMatrix levels = rows["cluster"];
  const PredictionRows at{
      glue::matrix(rows, "X"), glue::matrix(rows, "Z"),
      Eigen::Map<const Eigen::MatrixXi>(levels.begin(), levels.nrow(), levels.ncol())};
  VectorXd out;
  const Status status = objective(design, family, psi)
                            ->prediction_variance(vector(psi), glue::modes(modes), at,
                                                  MatrixMap(V.begin(), V.nrow(), V.ncol()),
                                                  glue::context(threads), out);
  stop_unless_found(status);
  return glue::vector(out);
}

// [[Rcpp::export]]
Rcpp::NumericMatrix nested_combination_covariance_(const Rcpp::List& design,
                                                   const Rcpp::List& family,
                                                   const Rcpp::NumericVector& psi,
                                                   const Rcpp::RObject& modes,
                                                   const Rcpp::NumericMatrix& top,
                                                   const Rcpp::NumericMatrix& leaf, int threads) {
  const NestedDesign d = nested_design(design);
  const auto f = make_family(glue::spec(family, design));
  return glue::matrix(nested_combination_covariance(
      d, *f, vector(psi), glue::modes(modes), MatrixMap(top.begin(), top.nrow(), top.ncol()),
      MatrixMap(leaf.begin(), leaf.nrow(), leaf.ncol()), glue::context(threads)));
}

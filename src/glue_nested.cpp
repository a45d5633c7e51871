// Mixed models with two nested levels: convert, call, convert back.
#include "glue_objective.h"

#include "glmm/nested_modes.hpp"
#include "glmm/nested_posterior.hpp"

using namespace margmix;

namespace {

// The design, and what is in its element `nested`: level, leaf_columns, top_columns.
NestedDesign nested_design(const Rcpp::List& list) {
  const Rcpp::List nested = list["nested"];
  return {glue::design(list), glue::integers(nested, "level"),
          glue::integers(nested, "leaf_columns"), glue::integers(nested, "top_columns")};
}

NestedRule rule_of(const NestedDesign& design, const Rcpp::IntegerVector& K) {
  if (K.size() != 2) Rcpp::stop("internal: `K` must have two elements");
  return nested_rule(K[0], K[1], design.qa, design.qb);
}

VectorXd parameters(const NestedDesign& design, const Family& family,
                    const Rcpp::NumericVector& psi) {
  if (psi.size() != parameter_count(design.flat, family))
    Rcpp::stop("internal: `psi` has the wrong length");
  return VectorMap(psi.begin(), psi.size());
}

Rcpp::List level(const NestedPosterior::Level& x) {
  return Rcpp::List::create(
      Rcpp::_["mode"] = glue::matrix(x.mode), Rcpp::_["mean"] = glue::matrix(x.mean),
      Rcpp::_["median"] = glue::matrix(x.median), Rcpp::_["variance"] = glue::matrix(x.variance),
      Rcpp::_["mode_variance"] = glue::matrix(x.mode_variance));
}

}  // namespace

// [[Rcpp::export]]
Rcpp::List nested_objective_(const Rcpp::List& design, const Rcpp::List& family,
                             const Rcpp::NumericVector& psi, const Rcpp::IntegerVector& K,
                             const Rcpp::List& modes, const Rcpp::List& ask, int threads) {
  const NestedDesign d = nested_design(design);
  const auto f = glue::family(family);
  const ObjectiveRequest request = glue::objective_request(ask);
  const ObjectiveResult r = nested_objective(d, *f, rule_of(d, K), parameters(d, *f, psi),
                                             glue::modes(modes), request, glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return glue::objective_list(r);
}

// [[Rcpp::export]]
Rcpp::List nested_other_modes_(const Rcpp::List& design, const Rcpp::List& family,
                               const Rcpp::NumericVector& psi, const Rcpp::IntegerVector& K,
                               int threads) {
  const NestedDesign d = nested_design(design);
  const auto f = glue::family(family);
  return glue::other_modes(
      nested_other_modes(d, *f, rule_of(d, K), parameters(d, *f, psi), glue::context(threads)));
}

// [[Rcpp::export]]
Rcpp::List nested_posterior_(const Rcpp::List& design, const Rcpp::List& family,
                             const Rcpp::NumericVector& psi, const Rcpp::IntegerVector& K,
                             const Rcpp::List& modes, bool median, int threads) {
  const NestedDesign d = nested_design(design);
  const auto f = glue::family(family);
  const NestedPosterior r = nested_posterior(d, *f, rule_of(d, K), parameters(d, *f, psi),
                                             glue::modes(modes), median, glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(Rcpp::_["top"] = level(r.top), Rcpp::_["leaf"] = level(r.leaf));
}

// [[Rcpp::export]]
Rcpp::NumericVector nested_prediction_variance_(const Rcpp::List& design, const Rcpp::List& family,
                                                const Rcpp::NumericVector& psi,
                                                const Rcpp::List& modes, const Rcpp::List& rows,
                                                const Rcpp::NumericMatrix& V, int threads) {
  const NestedDesign d = nested_design(design);
  const auto f = glue::family(family);
  const NestedPredictionVariance variance(d, *f, parameters(d, *f, psi), glue::modes(modes),
                                          MatrixXd(MatrixMap(V.begin(), V.nrow(), V.ncol())),
                                          glue::context(threads));
  return glue::vector(variance({glue::matrix(rows, "X"), glue::matrix(rows, "Z"),
                                glue::integers(rows, "top"), glue::integers(rows, "leaf")}));
}

// [[Rcpp::export]]
Rcpp::NumericMatrix nested_combination_covariance_(const Rcpp::List& design,
                                                   const Rcpp::List& family,
                                                   const Rcpp::NumericVector& psi,
                                                   const Rcpp::List& modes,
                                                   const Rcpp::NumericMatrix& top,
                                                   const Rcpp::NumericMatrix& leaf, int threads) {
  const NestedDesign d = nested_design(design);
  const auto f = glue::family(family);
  return glue::matrix(nested_combination_covariance(
      d, *f, parameters(d, *f, psi), glue::modes(modes),
      MatrixMap(top.begin(), top.nrow(), top.ncol()),
      MatrixMap(leaf.begin(), leaf.nrow(), leaf.ncol()), glue::context(threads)));
}

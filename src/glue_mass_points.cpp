// A scalar random effect of any distribution: convert, call, convert back.
#include "glue.h"

#include "glmm/mass_points.hpp"

using namespace margmix;

// points x clusters
// [[Rcpp::export]]
Rcpp::NumericMatrix conditional_log_density_(const Rcpp::List& design, const Rcpp::List& family,
                                             const Rcpp::NumericVector& beta, double log_phi,
                                             const Rcpp::NumericVector& b, int threads) {
  const Design d = glue::design(design);
  const auto f = make_family(glue::spec(family, design));
  const ConditionalDensity r =
      conditional_log_density(d, *f, VectorMap(beta.begin(), beta.size()), log_phi,
                              VectorMap(b.begin(), b.size()), glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return glue::matrix(r.log_density);
}

// [[Rcpp::export]]
Rcpp::List mass_point_likelihood_(const Rcpp::List& design, const Rcpp::List& family,
                                  const Rcpp::NumericVector& psi, int order, int threads) {
  const Design d = glue::design(design);
  const auto f = make_family(glue::spec(family, design));
  const MassPointTotals r = mass_point_likelihood(d, *f, VectorMap(psi.begin(), psi.size()), order,
                                                  glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(
      Rcpp::_["value"] = r.value, Rcpp::_["gradient"] = glue::vector(r.gradient),
      Rcpp::_["hessian"] = glue::matrix(r.hessian),
      Rcpp::_["posterior"] = glue::matrix(r.posterior), Rcpp::_["status"] = glue::name(r.status));
}

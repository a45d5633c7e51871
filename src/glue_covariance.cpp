// Structured covariances of random effects: convert, call, convert back.
#include "glue.h"

#include "random/covariance.hpp"

using namespace margmix;

// `g`: gradient in the entries, for what their second derivatives add to a Hessian.
// [[Rcpp::export]]
Rcpp::List covariance_entries_(const std::string& kind, int q, const Rcpp::NumericVector& tau,
                               const Rcpp::NumericVector& g) {
  const auto covariance = make_covariance(kind, q);
  const VectorXd at = VectorMap(tau.begin(), tau.size());
  if (at.size() != covariance->parameters()) Rcpp::stop("internal: `tau` has the wrong length");
  const VectorXd entries = covariance->entries(at);
  if (g.size() != entries.size()) Rcpp::stop("internal: `g` has the wrong length");
  return Rcpp::List::create(
      Rcpp::_["entries"] = glue::vector(entries),
      Rcpp::_["jacobian"] = glue::matrix(covariance->jacobian(at)),
      Rcpp::_["bend"] = glue::matrix(covariance->bend(at, VectorMap(g.begin(), g.size()))));
}

// [[Rcpp::export]]
Rcpp::NumericVector covariance_parameters_(const std::string& kind, int q,
                                           const Rcpp::NumericVector& entries) {
  return glue::vector(
      make_covariance(kind, q)->parameters_of(VectorMap(entries.begin(), entries.size())));
}

// Posterior densities for the ranking of clusters: convert, call, convert back.
#include "glue.h"

#include "glmm/posterior_density.hpp"

using namespace margmix;

// [[Rcpp::export]]
Rcpp::NumericMatrix posterior_log_density_(const Rcpp::List& design, const Rcpp::List& family,
                                           const Rcpp::NumericVector& psi, int coordinate, int K,
                                           const Rcpp::NumericVector& mean,
                                           const Rcpp::NumericVector& sd,
                                           const Rcpp::NumericVector& t, int threads) {
  const Design d = glue::design(design);
  const auto f = glue::family(family);
  if (mean.size() != d.clusters() || sd.size() != d.clusters())
    Rcpp::stop("internal: a mean and an sd for each cluster");
  return glue::matrix(
      posterior_log_density(d, *f, VectorMap(psi.begin(), psi.size()), coordinate, K,
                            VectorMap(mean.begin(), mean.size()), VectorMap(sd.begin(), sd.size()),
                            VectorMap(t.begin(), t.size()), glue::context(threads)));
}

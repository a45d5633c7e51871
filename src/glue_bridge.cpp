// Random intercepts of the bridge distribution: convert, call, convert back.
#include "glue.h"

#include "glmm/bridge_posterior.hpp"

using namespace margmix;

// [[Rcpp::export]]
Rcpp::List bridge_score_density_(const Rcpp::List& design, const Rcpp::List& family,
                                 const Rcpp::NumericVector& psi, int points, int threads) {
  const Design d = glue::design(design);
  const auto f = glue::family(family);
  const ScoreDensity r = bridge_score_density(d, *f, VectorMap(psi.begin(), psi.size()), points,
                                              glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(Rcpp::_["low"] = glue::vector(r.low),
                            Rcpp::_["high"] = glue::vector(r.high),
                            Rcpp::_["log_density"] = glue::matrix(r.log_density));
}

// b and its derivatives in sigma at normal scores u.
// [[Rcpp::export]]
Rcpp::List bridge_quantile_(const Rcpp::NumericVector& u, double sigma) {
  const BridgeDistribution bridge(sigma);
  const R_xlen_t n = u.size();
  Rcpp::NumericVector b(n), d1(n), d2(n);
  for (R_xlen_t k = 0; k < n; ++k) {
    const BridgeDistribution::Value v = bridge.at(u[k]);
    b[k] = v.b;
    d1[k] = v.d1;
    d2[k] = v.d2;
  }
  return Rcpp::List::create(Rcpp::_["b"] = b, Rcpp::_["d1"] = d1, Rcpp::_["d2"] = d2);
}

// Random intercepts of the bridge distribution: convert, call, convert back.
#include "glue_objective.h"

#include "glmm/bridge_posterior.hpp"

using namespace margmix;

// [[Rcpp::export]]
Rcpp::List bridge_objective_(const Rcpp::List& design, const Rcpp::List& family,
                             const Rcpp::NumericVector& psi, int K, const Rcpp::List& ask,
                             int threads) {
  const Design d = glue::design(design);
  const auto f = glue::family(family);
  if (psi.size() != d.p() + 1 || d.q() != 1) Rcpp::stop("internal: `psi` has the wrong length");
  const ObjectiveRequest request = glue::objective_request(ask);
  const ObjectiveResult r = bridge_objective(d, *f, K, VectorMap(psi.begin(), psi.size()), request,
                                             glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return glue::objective_list(r);
}

// [[Rcpp::export]]
Rcpp::List bridge_posterior_(const Rcpp::List& design, const Rcpp::List& family,
                             const Rcpp::NumericVector& psi, int K, bool median, int threads) {
  const Design d = glue::design(design);
  const auto f = glue::family(family);
  const BridgePosteriorResult r = bridge_posterior(d, *f, K, VectorMap(psi.begin(), psi.size()),
                                                   median, glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(Rcpp::_["mode"] = glue::matrix(r.mode),
                            Rcpp::_["mean"] = glue::matrix(r.mean),
                            Rcpp::_["median"] = glue::matrix(r.median),
                            Rcpp::_["mode_variance"] = glue::matrix(r.mode_variance),
                            Rcpp::_["variance"] = glue::matrix(r.variance),
                            Rcpp::_["tangents"] = glue::matrix(r.tangents));
}

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

// Variance of eta-hat - eta for rows(X, Z, cluster); see prediction_variance().
// [[Rcpp::export]]
Rcpp::NumericVector bridge_prediction_variance_(const Rcpp::List& design, double sigma,
                                                const Rcpp::NumericMatrix& modes,
                                                const Rcpp::NumericMatrix& tangents,
                                                const Rcpp::NumericMatrix& mode_variance,
                                                const Rcpp::List& rows,
                                                const Rcpp::NumericMatrix& V) {
  const Design d = glue::design(design);
  return glue::vector(prediction_variance(
      d, d.Lambda(&sigma), glue::matrix(rows, "X"), glue::matrix(rows, "Z"),
      glue::integers(rows, "cluster"), MatrixMap(V.begin(), V.nrow(), V.ncol()),
      MatrixMap(modes.begin(), modes.nrow(), modes.ncol()),
      MatrixMap(tangents.begin(), tangents.nrow(), tangents.ncol()),
      MatrixMap(mode_variance.begin(), mode_variance.nrow(), mode_variance.ncol())));
}

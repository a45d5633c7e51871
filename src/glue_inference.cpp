// Covariances and population means: convert, call, convert back.
#include "glue.h"

#include "inference/sandwich.hpp"
#include "marginal/population_mean.hpp"

using namespace margmix;

// [[Rcpp::export]]
Rcpp::List kauermann_carroll_(const Rcpp::NumericMatrix& scores,
                              const Rcpp::NumericMatrix& information,
                              const Rcpp::NumericMatrix& contrasts) {
  const KauermannCarroll r =
      kauermann_carroll(MatrixMap(scores.begin(), scores.nrow(), scores.ncol()),
                        MatrixMap(information.begin(), information.nrow(), information.ncol()),
                        MatrixMap(contrasts.begin(), contrasts.nrow(), contrasts.ncol()));
  return Rcpp::List::create(Rcpp::_["vcov"] = glue::matrix(r.vcov),
                            Rcpp::_["leverage"] = glue::vector(r.leverage),
                            Rcpp::_["df"] = glue::vector(r.df));
}

// [[Rcpp::export]]
Rcpp::List population_mean_(const Rcpp::NumericVector& eta, const Rcpp::NumericVector& s,
                            const Rcpp::List& family) {
  const auto f = glue::family(family);
  const PopulationMeanRule rule(
      {Rcpp::as<std::string>(family["family"]), Rcpp::as<std::string>(family["link"]), false}, *f);
  const R_xlen_t n = eta.size();
  Rcpp::NumericVector mean(n), d_eta(n), d_s(n);
  for (R_xlen_t j = 0; j < n; ++j) {
    if (j % 10000 == 0) Rcpp::checkUserInterrupt();
    const PopulationMean m = rule(eta[j], s[j]);
    mean[j] = m.mean;
    d_eta[j] = m.d_eta;
    d_s[j] = m.d_s;
  }
  return Rcpp::List::create(Rcpp::_["mean"] = mean, Rcpp::_["d_eta"] = d_eta, Rcpp::_["d_s"] = d_s);
}

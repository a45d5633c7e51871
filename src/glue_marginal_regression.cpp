// Implied marginal regressions and second moments: convert, call, convert back.
#include "glue.h"

#include "marginal/moments.hpp"
#include "marginal/projection.hpp"

using namespace margmix;

static VectorMap view(const Rcpp::NumericVector& x) { return VectorMap(x.begin(), x.size()); }

// rows: list(X, offset, weight, mean, d_eta, d_theta); variance: v0, v1, v2.
// [[Rcpp::export]]
Rcpp::List marginal_projection_(const Rcpp::List& rows, const Rcpp::List& family,
                                const Rcpp::NumericVector& variance,
                                const Rcpp::NumericVector& start) {
  const auto f = glue::family(family);
  const MatrixMap X = glue::matrix(rows, "X");
  const R_xlen_t n = X.rows();
  const ImpliedRows implied{X,
                            VectorMap(glue::doubles(rows, "offset", n), n),
                            VectorMap(glue::doubles(rows, "weight", n), n),
                            VectorMap(glue::doubles(rows, "mean", n), n),
                            VectorMap(glue::doubles(rows, "d_eta", n), n),
                            glue::matrix(rows, "d_theta")};
  const Projection r =
      MarginalProjection(implied, *f, {variance[0], variance[1], variance[2]}).run(view(start));
  return Rcpp::List::create(
      Rcpp::_["gamma"] = glue::vector(r.gamma), Rcpp::_["jacobian"] = glue::matrix(r.jacobian),
      Rcpp::_["converged"] = r.converged, Rcpp::_["iterations"] = r.iterations);
}

// [[Rcpp::export]]
Rcpp::List between_variance_(const Rcpp::NumericVector& eta, const Rcpp::NumericVector& s,
                             const Rcpp::List& family) {
  const auto f = glue::family(family);
  const BetweenMoments moments(glue::spec(family), *f);
  const R_xlen_t n = eta.size();
  Rcpp::NumericVector value(n), d_eta(n), d_s(n);
  for (R_xlen_t j = 0; j < n; ++j) {
    if (j % 10000 == 0) Rcpp::checkUserInterrupt();
    const BetweenVariance v = moments.variance(eta[j], s[j]);
    value[j] = v.value;
    d_eta[j] = v.d_eta;
    d_s[j] = v.d_s;
  }
  return Rcpp::List::create(Rcpp::_["value"] = value, Rcpp::_["d_eta"] = d_eta,
                            Rcpp::_["d_s"] = d_s);
}

// n x n covariances of conditional means; S is the covariance matrix of the random parts.
// [[Rcpp::export]]
Rcpp::NumericMatrix between_covariance_(const Rcpp::NumericVector& eta,
                                        const Rcpp::NumericMatrix& S, const Rcpp::List& family) {
  const auto f = glue::family(family);
  const BetweenMoments moments(glue::spec(family), *f);
  const int n = static_cast<int>(eta.size());
  Rcpp::NumericMatrix out(n, n);
  for (int j = 0; j < n; ++j) {
    Rcpp::checkUserInterrupt();
    const double sj = std::sqrt(S(j, j));
    for (int k = 0; k <= j; ++k)
      out(j, k) = out(k, j) = moments.covariance(eta[j], sj, eta[k], std::sqrt(S(k, k)), S(j, k));
  }
  return out;
}

// Scans of variants: convert, call, convert back.
#include "glue.h"

#include "association/saddlepoint.hpp"
#include "association/score_scan.hpp"

using namespace margmix;

namespace {

VectorMap column(const Rcpp::List& list, const char* name) {
  const Rcpp::NumericVector x = list[name];
  return VectorMap(x.begin(), x.size());
}

}  // namespace

// `null`: person (from 0), is_case (0 or 1), r, W, X, C; `G`: people x variants, doubles or
// integers.
// [[Rcpp::export]]
Rcpp::List score_scan_(const Rcpp::List& null, SEXP G, int threads) {
  const ScanNull n{glue::integers(null, "person"),
                   glue::integers(null, "is_case"),
                   column(null, "r"),
                   column(null, "W"),
                   glue::matrix(null, "X"),
                   glue::matrix(null, "C")};
  Genotypes genotypes{static_cast<const double*>(nullptr), Rf_nrows(G), Rf_ncols(G)};
  if (TYPEOF(G) == INTSXP)
    genotypes.values = static_cast<const int*>(INTEGER(G));
  else
    genotypes.values = static_cast<const double*>(REAL(G));
  const ScanResult r = score_scan(n, genotypes, glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(
      Rcpp::_["missing"] = glue::vector(r.missing), Rcpp::_["sum"] = glue::vector(r.sum),
      Rcpp::_["cases"] = glue::vector(r.cases), Rcpp::_["case_sum"] = glue::vector(r.case_sum),
      Rcpp::_["smallest"] = glue::vector(r.smallest), Rcpp::_["largest"] = glue::vector(r.largest),
      Rcpp::_["score"] = glue::vector(r.score), Rcpp::_["variance"] = glue::vector(r.variance),
      Rcpp::_["weight"] = glue::vector(r.weight));
}

// `g`: rows x scores; one q for each.
// [[Rcpp::export]]
Rcpp::NumericVector saddlepoint_p_(const std::string& law, const Rcpp::NumericMatrix& g,
                                   const Rcpp::NumericVector& mu, const Rcpp::NumericVector& trials,
                                   const Rcpp::NumericVector& q) {
  const CountLaw kind = law == "poisson" ? CountLaw::poisson : CountLaw::binomial;
  const MatrixMap all(g.begin(), g.nrow(), g.ncol());
  const VectorMap m(mu.begin(), mu.size()), n(trials.begin(), trials.size());
  Rcpp::NumericVector out(q.size());
  for (R_xlen_t k = 0; k < q.size(); ++k) out[k] = saddlepoint_p(kind, all.col(k), m, n, q[k]);
  return out;
}

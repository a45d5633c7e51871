// Scans of variants: convert, call, convert back.
#include "glue.h"

#include "association/saddlepoint.hpp"
#include "association/score_scan.hpp"
#include "linalg/dense_kernels.hpp"

using namespace margmix;

namespace {

VectorMap column(const Rcpp::List& list, const char* name) {
  const Rcpp::NumericVector x = list[name];
  return VectorMap(x.begin(), x.size());
}

// Doubles, integers or bytes; bytes hold four people each.
Genotypes genotypes(SEXP G, int people) {
  Genotypes out{static_cast<const double*>(nullptr), people, Rf_ncols(G)};
  if (TYPEOF(G) == RAWSXP)
    out.values = static_cast<const unsigned char*>(RAW(G));
  else if (TYPEOF(G) == INTSXP)
    out.values = static_cast<const int*>(INTEGER(G));
  else
    out.values = static_cast<const double*>(REAL(G));
  return out;
}

Rcpp::List scan_list(const ScanResult& r) {
  return Rcpp::List::create(
      Rcpp::_["missing"] = glue::vector(r.missing), Rcpp::_["sum"] = glue::vector(r.sum),
      Rcpp::_["cases"] = glue::vector(r.cases), Rcpp::_["case_sum"] = glue::vector(r.case_sum),
      Rcpp::_["score"] = glue::vector(r.score), Rcpp::_["variance"] = glue::vector(r.variance),
      Rcpp::_["weight"] = glue::vector(r.weight), Rcpp::_["products"] = glue::matrix(r.products));
}

CountRows count_rows(const std::string& law, const VectorMap& mu, const VectorMap& trials) {
  return {law == "poisson" ? CountLaw::poisson : CountLaw::binomial, mu, trials};
}

}  // namespace

// `models`: lists of columns, by_person, C; `G`: people x variants.
// [[Rcpp::export]]
Rcpp::List score_scan_(const Rcpp::List& models, SEXP G, int people, int threads) {
  std::vector<ScanNull> nulls;
  for (const Rcpp::List model : models)
    nulls.push_back(
        {glue::matrix(model, "columns"), column(model, "W_person"), glue::matrix(model, "C")});
  const Scan scan = score_scan(nulls, genotypes(G, people), glue::context(threads));
  glue::stop_if_interrupted(scan.status);
  Rcpp::List found;
  for (const ScanResult& result : scan.models) found.push_back(scan_list(result));
  return Rcpp::List::create(Rcpp::_["models"] = found,
                            Rcpp::_["smallest"] = glue::vector(scan.smallest),
                            Rcpp::_["largest"] = glue::vector(scan.largest));
}

// Positions of people and variants, from 0.
// [[Rcpp::export]]
Rcpp::NumericMatrix genotype_columns_(SEXP G, int people, const Rcpp::IntegerVector& rows,
                                      const Rcpp::IntegerVector& variants, bool impute) {
  return glue::matrix(genotype_columns(genotypes(G, people), IntegerMap(rows.begin(), rows.size()),
                                       IntegerMap(variants.begin(), variants.size()), impute));
}

// `null`: person (from 0), X, mu, trials; `G`: people x scores, of which b holds the coefficients
// of X; one z for each.
// [[Rcpp::export]]
Rcpp::NumericVector saddlepoint_tails_(const std::string& law, const Rcpp::List& null,
                                       const Rcpp::NumericMatrix& G, const Rcpp::NumericMatrix& b,
                                       const Rcpp::NumericVector& z, int threads) {
  const ScoreRows model{count_rows(law, column(null, "mu"), column(null, "trials")),
                        glue::integers(null, "person"), glue::matrix(null, "X")};
  bool done = true;
  const VectorXd out = saddlepoint_tails(
      model, MatrixMap(G.begin(), G.nrow(), G.ncol()), MatrixMap(b.begin(), b.nrow(), b.ncol()),
      VectorMap(z.begin(), z.size()), glue::context(threads), done);
  glue::stop_if_interrupted(done ? Status::ok : Status::interrupted);
  return glue::vector(out);
}

// `B` -> L^-1 B; L: lower triangle.
// [[Rcpp::export]]
Rcpp::NumericMatrix lower_solve_(const Rcpp::NumericMatrix& L, const Rcpp::NumericMatrix& B) {
  Rcpp::NumericMatrix out = Rcpp::clone(B);
  dense_lower_solve(L.begin(), L.nrow(), out.begin(), out.ncol());
  return out;
}

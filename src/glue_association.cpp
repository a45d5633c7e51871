// Scans of variants: convert, call, convert back.
#include "glue.h"

#include "association/saddlepoint.hpp"
#include "association/score_scan.hpp"
#include "linalg/dense_kernels.hpp"

using namespace margmix;

namespace {

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
  return glue::list({{"missing", r.missing},
                     {"sum", r.sum},
                     {"cases", r.cases},
                     {"case_sum", r.case_sum},
                     {"score", r.score},
                     {"variance", r.variance},
                     {"weight", r.weight},
                     {"products", r.products}});
}

CountRows count_rows(const std::string& law, const VectorMap& mu, const VectorMap& trials) {
  return {law == "poisson" ? CountLaw::poisson : CountLaw::binomial, mu, trials};
}

// models: lists of columns, W_person, C; threads
SEXP scan(const Genotypes& G, const Rcpp::List& ask) {
  const Rcpp::List models = glue::list(ask, "models");
  std::vector<ScanNull> nulls;
  for (const Rcpp::List model : models)
    nulls.push_back({glue::matrix(model, "columns"), glue::vector(model, "W_person"),
                     glue::matrix(model, "C")});
  const Scan r = score_scan(nulls, G, glue::context(glue::integer(ask, "threads")));
  glue::stop_if_interrupted(r.status);
  Rcpp::List found;
  for (const ScanResult& result : r.models) found.push_back(scan_list(result));
  return glue::list({{"models", found}, {"smallest", r.smallest}, {"largest", r.largest}});
}

// rows and variants, positions from 0; impute
SEXP columns(const Genotypes& G, const Rcpp::List& ask) {
  return glue::matrix(genotype_columns(G, glue::integers(ask, "rows"),
                                       glue::integers(ask, "variants"), glue::flag(ask, "impute")));
}

constexpr glue::Piece<Genotypes> kPieces[] = {{"scan", scan}, {"columns", columns}};

}  // namespace

// What genotypes, people x variants, are asked for.
// [[Rcpp::export]]
SEXP genotypes_(SEXP G, int people, const std::string& piece, const Rcpp::List& ask) {
  return glue::piece(kPieces, piece, genotypes(G, people), ask);
}

// `null`: person (from 0), X, mu, trials; `G`: people x scores, of which b holds the coefficients
// of X; one z for each.
// [[Rcpp::export]]
Rcpp::NumericVector saddlepoint_tails_(const std::string& law, const Rcpp::List& null,
                                       const Rcpp::NumericMatrix& G, const Rcpp::NumericMatrix& b,
                                       const Rcpp::NumericVector& z, int threads) {
  const ScoreRows model{count_rows(law, glue::vector(null, "mu"), glue::vector(null, "trials")),
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

// `A` -> L with LL' = A, whose lower triangle alone is read and written; without rows if A is not
// positive definite.
// [[Rcpp::export]]
Rcpp::NumericMatrix lower_factor_(const Rcpp::NumericMatrix& A) {
  Rcpp::NumericMatrix out = Rcpp::clone(A);
  return dense_cholesky(out.begin(), out.nrow()) ? out : Rcpp::NumericMatrix(0, 0);
}

// Scans of variants: convert, call, convert back.
#include "glue.h"

#include "association/saddlepoint.hpp"
#include "association/score_scan.hpp"
#include "linalg/dense_kernels.hpp"
#include "linalg/products.hpp"

using namespace margmix;

namespace {

// Doubles, integers or bytes; bytes hold four people each. To be read alone: R may copy for
// one who could write.
Genotypes genotypes(SEXP G, int people) {
  Genotypes out{static_cast<const double*>(nullptr), people, Rf_ncols(G)};
  if (TYPEOF(G) == RAWSXP)
    out.values = RAW_RO(G);
  else if (TYPEOF(G) == INTSXP)
    out.values = INTEGER_RO(G);
  else
    out.values = REAL_RO(G);
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

// law, people, person, X, mu, trials of the model; variants, b and z of the scores, positions from
// 0; threads
SEXP tails(const Genotypes& G, const Rcpp::List& ask) {
  const ScoreRows model{
      count_rows(glue::text(ask, "law"), glue::vector(ask, "mu"), glue::vector(ask, "trials")),
      glue::integers(ask, "people"), glue::integers(ask, "person"), glue::matrix(ask, "X")};
  const FarScores scores{glue::integers(ask, "variants"), glue::matrix(ask, "b"),
                         glue::vector(ask, "z")};
  bool done = true;
  const VectorXd out =
      saddlepoint_tails(model, G, scores, glue::context(glue::integer(ask, "threads")), done);
  glue::stop_if_interrupted(done ? Status::ok : Status::interrupted);
  return glue::vector(out);
}

constexpr glue::Piece<Genotypes> kGenotypePieces[] = {
    {"scan", scan}, {"columns", columns}, {"tails", tails}};

// A -> AA'.
SEXP products(const Rcpp::NumericMatrix& A, const Rcpp::List&) {
  return glue::matrix(row_products(MatrixMap(A.begin(), A.nrow(), A.ncol())));
}

// L, a lower triangle, and B -> L^-1 B.
SEXP lower_solve(const Rcpp::NumericMatrix& L, const Rcpp::List& ask) {
  Rcpp::NumericMatrix B = Rcpp::clone(Rcpp::as<Rcpp::NumericMatrix>(ask["B"]));
  dense_lower_solve(L.begin(), L.nrow(), B.begin(), B.ncol());
  return B;
}

// A -> L with LL' = A, whose lower triangle alone is read and written; without rows if A is not
// positive definite.
SEXP lower_factor(const Rcpp::NumericMatrix& A, const Rcpp::List&) {
  Rcpp::NumericMatrix L = Rcpp::clone(A);
  return dense_cholesky(L.begin(), L.nrow()) ? L : Rcpp::NumericMatrix(0, 0);
}

constexpr glue::Piece<Rcpp::NumericMatrix> kDensePieces[] = {
    {"products", products}, {"lower_solve", lower_solve}, {"lower_factor", lower_factor}};

}  // namespace

// What genotypes, people x variants, are asked for.
// [[Rcpp::export(rng = false)]]
SEXP genotypes_(SEXP G, int people, const std::string& piece, const Rcpp::List& ask) {
  return glue::piece(kGenotypePieces, piece, genotypes(G, people), ask);
}

// What a dense matrix is asked for.
// [[Rcpp::export(rng = false)]]
SEXP dense_(const Rcpp::NumericMatrix& A, const std::string& piece, const Rcpp::List& ask) {
  return glue::piece(kDensePieces, piece, A, ask);
}

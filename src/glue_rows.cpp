// Equal rows: convert, call, convert back.
#include "glue.h"

#include "design/equal_rows.hpp"

using namespace margmix;

namespace {

void append_columns(std::vector<Column>& columns, SEXP x, R_xlen_t n) {
  const R_xlen_t count = n > 0 ? Rf_xlength(x) / n : 0;
  if (count * n != Rf_xlength(x)) Rcpp::stop("internal: columns must have a value for each row");
  for (R_xlen_t k = 0; k < count; ++k) {
    if (TYPEOF(x) == REALSXP)
      columns.emplace_back(static_cast<const double*>(REAL(x) + k * n));
    else if (TYPEOF(x) == INTSXP)
      columns.emplace_back(static_cast<const int*>(INTEGER(x) + k * n));
    else
      Rcpp::stop("internal: columns must be doubles or integers");
  }
}

}  // namespace

// [[Rcpp::export(rng = false)]]
Rcpp::IntegerVector equal_rows_(const Rcpp::List& columns, double n) {
  const R_xlen_t rows = static_cast<R_xlen_t>(n);
  std::vector<Column> all;
  for (R_xlen_t k = 0; k < columns.size(); ++k) append_columns(all, columns[k], rows);
  const std::vector<int> set = equal_rows(all, rows);
  return Rcpp::IntegerVector(set.begin(), set.end());
}

// [[Rcpp::export(rng = false)]]
std::vector<int> run_starts_(SEXP x) {
  if (TYPEOF(x) == REALSXP) return run_starts(REAL(x), Rf_xlength(x));
  if (TYPEOF(x) == INTSXP) return run_starts(INTEGER(x), Rf_xlength(x));
  Rcpp::stop("internal: runs are of doubles or integers");
}

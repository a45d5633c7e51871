// Rows and columns of data: convert, call, convert back.
#include "glue.h"

#include "design/columns.hpp"
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

struct NoThing {};

SEXP sets_of_equal_rows(const NoThing&, const Rcpp::List& ask) {
  const Rcpp::List columns = glue::list(ask, "columns");
  const R_xlen_t rows = static_cast<R_xlen_t>(glue::number(ask, "n"));
  std::vector<Column> all;
  for (R_xlen_t k = 0; k < columns.size(); ++k) append_columns(all, columns[k], rows);
  return Rcpp::wrap(equal_rows(all, rows));
}

SEXP starts_of_runs(const NoThing&, const Rcpp::List& ask) {
  SEXP x = ask["x"];
  if (TYPEOF(x) == REALSXP) return Rcpp::wrap(run_starts(REAL(x), Rf_xlength(x)));
  if (TYPEOF(x) == INTSXP) return Rcpp::wrap(run_starts(INTEGER(x), Rf_xlength(x)));
  Rcpp::stop("internal: runs are of doubles or integers");
}

SEXP facts_of_columns(const NoThing&, const Rcpp::List& ask) {
  const ColumnFacts facts =
      column_facts(glue::matrix(ask, "X"), glue::flag(ask, "gram"), glue::integer(ask, "threads"));
  return glue::list({{"mean", facts.mean}, {"about", facts.about}, {"gram", facts.gram}});
}

constexpr glue::Piece<NoThing> kPieces[] = {
    {"equal", sets_of_equal_rows}, {"runs", starts_of_runs}, {"columns", facts_of_columns}};

}  // namespace

// What rows of data are asked for, before any model.
// [[Rcpp::export(rng = false)]]
SEXP rows_(const std::string& piece, const Rcpp::List& ask) {
  return glue::piece(kPieces, piece, NoThing{}, ask);
}

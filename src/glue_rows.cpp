// Rows and columns of data: convert, call, convert back.
#include "glue.h"

#include "design/columns.hpp"
#include "design/equal_rows.hpp"
#include "linalg/row_products.hpp"
#include "objective/totals.hpp"

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

// x -> sums of its columns without rounding
SEXP exact_sums(const NoThing&, const Rcpp::List& ask) {
  const MatrixMap x = glue::matrix(ask, "x");
  ExactSums sums(x.cols());
  for (Index k = 0; k < x.cols(); ++k)
    for (Index i = 0; i < x.rows(); ++i) sums.add(k, x(i, k));
  return glue::exact(sums, 0, x.cols());
}

// x (n x p), map (p x k) -> the rows of x map, each by itself
SEXP rows_by_map(const NoThing&, const Rcpp::List& ask) {
  const MatrixMap x = glue::matrix(ask, "x"), map = glue::matrix(ask, "map");
  MatrixXd out = MatrixXd::Zero(x.rows(), map.cols());
  for (Index k = 0; k < map.cols(); ++k) add_products_by_row(x, map.col(k), out.col(k));
  return glue::matrix(out);
}

// x -> x'x without rounding but that of products
SEXP exact_gram(const NoThing&, const Rcpp::List& ask) {
  const MatrixMap x = glue::matrix(ask, "x");
  ExactSums sums(triangle_size(x.cols()));
  for (Index i = 0; i < x.rows(); ++i) {
    const VectorXd row = x.row(i).transpose();
    sums.add_lower(0, row * row.transpose());
  }
  return glue::exact_symmetric(sums, 0, x.cols());
}

// X, shift, start -> sums of the columns without rounding, see exact_column_sums()
SEXP column_sums(const NoThing&, const Rcpp::List& ask) {
  const MatrixMap X = glue::matrix(ask, "X");
  const Index p = X.cols();
  const ExactSums sums =
      exact_column_sums(X, glue::vector(ask, "shift", p), glue::integers(ask, "start"));
  return glue::list({{"d", glue::exact(sums, 0, p)},
                     {"d2", glue::exact(sums, p, p)},
                     {"gram", glue::exact_symmetric(sums, 2 * p, p)}});
}

// slices, by total, and their shape -> the sum, rounded
SEXP exact_total(const NoThing&, const Rcpp::List& ask) {
  const MatrixMap slices = glue::matrix(ask, "slices");
  const std::vector<int> shape = glue::copied_integers(ask, "shape");
  const Index size = slices.rows();
  ExactSums sums(size);
  for (Index c = 0; c < slices.cols(); ++c) sums.add(0, slices.col(c).data(), size);
  const VectorXd total = sums.rounded(0, size);
  if (shape.size() == 1) return glue::vector(total);
  if (size == Index(shape[0]) * shape[1])
    return glue::matrix(Eigen::Map<const MatrixXd>(total.data(), shape[0], shape[1]));
  return glue::matrix(from_lower(total, shape[0]));
}

// gradients at the steps in log phi, and the Hessian -> the Hessian with its columns in log phi
SEXP aux_columns(const NoThing&, const Rcpp::List& ask) {
  const MatrixMap gradients = glue::matrix(ask, "gradients");
  MatrixXd hessian = glue::matrix(ask, "hessian");
  set_aux_columns(gradients, VectorXd::Constant(gradients.cols() / 4, kLogPhiStep), hessian);
  return glue::matrix(hessian);
}

// Numbers in [0, 1) that look random and belong to the values, whatever is beside them: by
// splitmix64 of the bits of a double, or of the bytes of text (FNV-1a).
double spread(std::uint64_t h) {
  h += 0x9e3779b97f4a7c15u;
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
  return static_cast<double>((h ^ (h >> 31)) >> 11) * 0x1p-53;
}

std::uint64_t bytes_of(SEXP text) {
  std::uint64_t h = 0xcbf29ce484222325u;
  for (const char* at = Rf_translateCharUTF8(text); *at; ++at)
    h = (h ^ static_cast<unsigned char>(*at)) * 0x100000001b3u;
  return h;
}

// x: doubles, integers or text
SEXP spread_values(const NoThing&, const Rcpp::List& ask) {
  SEXP x = ask["x"];
  Rcpp::NumericVector out(Rf_xlength(x));
  for (R_xlen_t i = 0; i < out.size(); ++i) {
    if (TYPEOF(x) == STRSXP) {
      out[i] = spread(bytes_of(STRING_ELT(x, i)));
      continue;
    }
    const double value = TYPEOF(x) == INTSXP ? INTEGER(x)[i] : REAL(x)[i];
    std::uint64_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    out[i] = spread(bits);
  }
  return out;
}

constexpr glue::Piece<NoThing> kPieces[] = {
    {"equal", sets_of_equal_rows}, {"runs", starts_of_runs},      {"columns", facts_of_columns},
    {"exact_sums", exact_sums},    {"exact_total", exact_total},  {"aux_columns", aux_columns},
    {"spread", spread_values},     {"row_products", rows_by_map}, {"exact_gram", exact_gram},
    {"column_sums", column_sums}};

}  // namespace

// What rows of data are asked for, before any model.
// [[Rcpp::export(rng = false)]]
SEXP rows_(const std::string& piece, const Rcpp::List& ask) {
  return glue::piece(kPieces, piece, NoThing{}, ask);
}

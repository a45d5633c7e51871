#include "glue.h"

#ifndef _WIN32
#include <unistd.h>
#endif

using namespace margmix;

namespace glue {

bool has(const Rcpp::List& list, const char* name) {
  return list.containsElementNamed(name) && !Rf_isNull(list[name]);
}

const double* doubles(const Rcpp::List& list, const char* name, R_xlen_t length) {
  SEXP x = list[name];
  if (TYPEOF(x) != REALSXP || Rf_xlength(x) != length)
    Rcpp::stop("internal: `%s` must be %d doubles", name, static_cast<int>(length));
  return REAL(x);
}

VectorMap vector(const Rcpp::List& list, const char* name, R_xlen_t length) {
  return VectorMap(doubles(list, name, length), length);
}

VectorMap vector(const Rcpp::List& list, const char* name) {
  SEXP x = list[name];
  if (TYPEOF(x) != REALSXP) Rcpp::stop("internal: `%s` must be doubles", name);
  return VectorMap(REAL(x), Rf_xlength(x));
}

MatrixMap matrix(const Rcpp::List& list, const char* name) {
  SEXP x = list[name];
  if (TYPEOF(x) != REALSXP || !Rf_isMatrix(x)) Rcpp::stop("internal: `%s` must be a matrix", name);
  return MatrixMap(REAL(x), Rf_nrows(x), Rf_ncols(x));
}

IntegerMap integers(const Rcpp::List& list, const char* name) {
  SEXP x = list[name];
  if (TYPEOF(x) != INTSXP) Rcpp::stop("internal: `%s` must be integer", name);
  return IntegerMap(INTEGER(x), Rf_xlength(x));
}

std::vector<int> copied_integers(const Rcpp::List& list, const char* name) {
  return Rcpp::as<std::vector<int>>(list[name]);
}

Rcpp::List list(const Rcpp::List& list, const char* name) { return list[name]; }

double number(const Rcpp::List& list, const char* name) { return Rcpp::as<double>(list[name]); }

int integer(const Rcpp::List& list, const char* name) { return Rcpp::as<int>(list[name]); }

bool flag(const Rcpp::List& list, const char* name) { return Rcpp::as<bool>(list[name]); }

std::string text(const Rcpp::List& list, const char* name) {
  return Rcpp::as<std::string>(list[name]);
}

namespace {

// The offset of most designs. Nobody writes to it, so it takes no memory.
constexpr R_xlen_t kZeros = 1 << 18;
double zeros[kZeros];

}  // namespace

const double* by_row(const Rcpp::List& list, const char* name, R_xlen_t n) {
  SEXP x = list[name];
  if (TYPEOF(x) != REALSXP || Rf_xlength(x) != 1) return doubles(list, name, n);
  if (REAL(x)[0] == 0 && n <= kZeros) return zeros;
  double* copies = reinterpret_cast<double*>(R_alloc(n, sizeof(double)));
  std::fill(copies, copies + n, REAL(x)[0]);
  return copies;
}

namespace {

// Is it among the names that an element of the list has?
bool is_among(const Rcpp::List& list, const char* element, const char* name) {
  if (!has(list, element)) return false;
  const std::vector<std::string> all = Rcpp::as<std::vector<std::string>>(list[element]);
  return std::find(all.begin(), all.end(), name) != all.end();
}

}  // namespace

const double* unless_one(const Rcpp::List& list, const char* name, R_xlen_t n) {
  if (is_among(list, "by_row", name)) return by_row(list, name, n);
  SEXP stored = list[name];
  if (TYPEOF(stored) == REALSXP && Rf_xlength(stored) == 1 && REAL(stored)[0] == 1) return nullptr;
  const double* x = by_row(list, name, n);
  return std::all_of(x, x + n, [](double v) { return v == 1.0; }) ? nullptr : x;
}

Design design(const Rcpp::List& list) {
  const MatrixMap X = matrix(list, "X"), Z = matrix(list, "Z");
  const R_xlen_t n = X.rows();
  Rows rows;
  rows.n = n;
  rows.y = doubles(list, "y", n);
  rows.size = unless_one(list, "trials", n);
  rows.weight = unless_one(list, "weights", n);
  return {X,
          Z,
          rows,
          VectorMap(by_row(list, "offset", n), n),
          integers(list, "start"),
          integers(list, "theta_row"),
          integers(list, "theta_col"),
          0,
          has(list, "D") ? matrix(list, "D") : MatrixMap(nullptr, 0, 0)};
}

FamilySpec spec(const Rcpp::List& list) {
  return {text(list, "family"), text(list, "link"), text(list, "weights_type") != "prior"};
}

EffectLaw effect_law(const Rcpp::List& list) {
  if (!has(list, "law")) return {};
  const Rcpp::List law = list["law"];
  return {text(law, "name"), number(law, "df")};
}

std::unique_ptr<Family> family(const Rcpp::List& list) { return make_family(spec(list)); }

FamilySpec spec(const Rcpp::List& family, const Rcpp::List& design) {
  return {text(family, "family"), text(family, "link"), text(design, "weights_type") != "prior"};
}

namespace {

void check_interrupt(void*) { R_CheckUserInterrupt(); }

// A process made by fork() has a copy of OpenMP's list of threads, but not the threads: it would
// wait for them without end. It is told by its number, which is not that of the process that loaded
// this library. Windows has no fork().
#ifdef _WIN32
bool is_forked() { return false; }
#else
const pid_t loaded_by = getpid();
bool is_forked() { return getpid() != loaded_by; }
#endif

}  // namespace

RunContext context(int threads) {
  RunContext context;
  context.threads = is_forked() ? 1 : threads;
  // R_ToplevelExec turns R's long jump into a return value: no jump passes through the engine.
  context.interrupted = [] { return R_ToplevelExec(check_interrupt, nullptr) == FALSE; };
  return context;
}

void stop_unless(bool finished) {
  if (!finished) throw Rcpp::internal::InterruptedException();
}

void stop_if_interrupted(Status status) { stop_unless(status != Status::interrupted); }

const char* name(Status status) {
  switch (status) {
    case Status::ok: return "ok";
    case Status::not_finite: return "not_finite";
    case Status::no_mode: return "no_mode";
    case Status::interrupted: return "interrupted";
  }
  return "unknown";
}

Rcpp::NumericVector vector(const VectorXd& x) {
  return Rcpp::NumericVector(x.data(), x.data() + x.size());
}

Rcpp::NumericMatrix matrix(const MatrixXd& x) {
  Rcpp::NumericMatrix out(x.rows(), x.cols());
  std::copy(x.data(), x.data() + x.size(), out.begin());
  return out;
}

Named::Named(const char* n, SEXP x) : name(n), value(x) {}
Named::Named(const char* n, double x) : name(n), value(Rf_ScalarReal(x)) {}
Named::Named(const char* n, int x) : name(n), value(Rf_ScalarInteger(x)) {}
Named::Named(const char* n, bool x) : name(n), value(Rf_ScalarLogical(x)) {}
Named::Named(const char* n, const char* x) : name(n), value(Rf_mkString(x)) {}
Named::Named(const char* n, Status x) : Named(n, glue::name(x)) {}
Named::Named(const char* n, const VectorXd& x) : Named(n, SEXP(vector(x))) {}
Named::Named(const char* n, const MatrixXd& x) : Named(n, SEXP(matrix(x))) {}
Named::Named(const char* n, const std::vector<int>& x) : Named(n, SEXP(Rcpp::wrap(x))) {}

Rcpp::List list(std::initializer_list<Named> elements) {
  Rcpp::List out(elements.size());
  Rcpp::CharacterVector names(elements.size());
  R_xlen_t k = 0;
  for (const Named& element : elements) {
    out[k] = element.value;
    names[k++] = element.name;
  }
  out.names() = names;
  return out;
}

namespace {

SEXP slices_of(const ExactSums& sums, Index first, Index size, const std::vector<int>& shape) {
  Rcpp::NumericMatrix out = matrix(sums.slices(first, size));
  out.attr("shape") = Rcpp::wrap(shape);
  return out;
}

}  // namespace

SEXP exact(const ExactSums& sums, Index first, Index size) {
  return slices_of(sums, first, size, {static_cast<int>(size)});
}

SEXP exact(const ExactSums& sums, Index first, Index rows, Index columns) {
  return slices_of(sums, first, rows * columns,
                   {static_cast<int>(rows), static_cast<int>(columns)});
}

SEXP exact_symmetric(const ExactSums& sums, Index first, Index n) {
  return slices_of(sums, first, triangle_size(n), {static_cast<int>(n), static_cast<int>(n)});
}

}  // namespace glue

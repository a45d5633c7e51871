// Conversions between R objects and the engine's views. No mathematics.
#pragma once

#include <Rcpp.h>

#ifndef _WIN32
#include <unistd.h>
#endif

#include "core/run_context.hpp"
#include "design/design.hpp"
#include "family/registry.hpp"

namespace glue {

inline const double* doubles(const Rcpp::List& list, const char* name, R_xlen_t length) {
  SEXP x = list[name];
  if (TYPEOF(x) != REALSXP || Rf_xlength(x) != length)
    Rcpp::stop("internal: `%s` must be %d doubles", name, static_cast<int>(length));
  return REAL(x);
}

// A value for each row; the list may have one for all. R frees the copy when the call returns.
inline const double* by_row(const Rcpp::List& list, const char* name, R_xlen_t n) {
  SEXP x = list[name];
  if (TYPEOF(x) != REALSXP || Rf_xlength(x) != 1) return doubles(list, name, n);
  double* copies = reinterpret_cast<double*>(R_alloc(n, sizeof(double)));
  std::fill(copies, copies + n, REAL(x)[0]);
  return copies;
}

inline margmix::IntegerMap integers(const Rcpp::List& list, const char* name) {
  SEXP x = list[name];
  if (TYPEOF(x) != INTSXP) Rcpp::stop("internal: `%s` must be integer", name);
  return margmix::IntegerMap(INTEGER(x), Rf_xlength(x));
}

inline margmix::MatrixMap matrix(const Rcpp::List& list, const char* name) {
  SEXP x = list[name];
  if (TYPEOF(x) != REALSXP || !Rf_isMatrix(x)) Rcpp::stop("internal: `%s` must be a matrix", name);
  return margmix::MatrixMap(REAL(x), Rf_nrows(x), Rf_ncols(x));
}

// All values of a vector of doubles.
inline margmix::VectorMap values(const Rcpp::List& list, const char* name) {
  SEXP x = list[name];
  if (TYPEOF(x) != REALSXP) Rcpp::stop("internal: `%s` must be doubles", name);
  return margmix::VectorMap(REAL(x), Rf_xlength(x));
}

inline double number(const Rcpp::List& list, const char* name) {
  return Rcpp::as<double>(list[name]);
}

inline int integer(const Rcpp::List& list, const char* name) { return Rcpp::as<int>(list[name]); }

inline bool flag(const Rcpp::List& list, const char* name) { return Rcpp::as<bool>(list[name]); }

inline std::string text(const Rcpp::List& list, const char* name) {
  return Rcpp::as<std::string>(list[name]);
}

// Sizes and weights that are all one are passed on as "none".
inline const double* unless_one(const double* x, R_xlen_t n) {
  return std::all_of(x, x + n, [](double v) { return v == 1.0; }) ? nullptr : x;
}

inline margmix::Design design(const Rcpp::List& list) {
  const margmix::MatrixMap X = matrix(list, "X"), Z = matrix(list, "Z");
  const R_xlen_t n = X.rows();
  margmix::Rows rows;
  rows.n = n;
  rows.y = doubles(list, "y", n);
  rows.size = unless_one(by_row(list, "trials", n), n);
  rows.weight = unless_one(by_row(list, "weights", n), n);
  const bool has_D = list.containsElementNamed("D") && !Rf_isNull(list["D"]);
  return {X,
          Z,
          rows,
          margmix::VectorMap(by_row(list, "offset", n), n),
          integers(list, "start"),
          integers(list, "theta_row"),
          integers(list, "theta_col"),
          0,
          has_D ? matrix(list, "D") : margmix::MatrixMap(nullptr, 0, 0)};
}

// list(family, link, weights_type), and perhaps bridge
inline margmix::FamilySpec spec(const Rcpp::List& list) {
  return {Rcpp::as<std::string>(list["family"]), Rcpp::as<std::string>(list["link"]),
          Rcpp::as<std::string>(list["weights_type"]) == "frequency",
          list.containsElementNamed("bridge") && Rcpp::as<bool>(list["bridge"])};
}

inline std::unique_ptr<margmix::Family> family(const Rcpp::List& list) {
  return margmix::make_family(spec(list));
}

// A family object of R; what the weights are is a property of the design.
inline margmix::FamilySpec spec(const Rcpp::List& family, const Rcpp::List& design) {
  return {Rcpp::as<std::string>(family["family"]), Rcpp::as<std::string>(family["link"]),
          Rcpp::as<std::string>(design["weights_type"]) == "frequency", false};
}

inline void check_interrupt(void*) { R_CheckUserInterrupt(); }

// A process made by fork() has a copy of OpenMP's list of threads, but not the threads: it would
// wait for them without end. It is told by its number, which is not that of the process that loaded
// this library. Windows has no fork().
#ifdef _WIN32
inline bool is_forked() { return false; }
#else
inline const pid_t loaded_by = getpid();
inline bool is_forked() { return getpid() != loaded_by; }
#endif

inline margmix::RunContext context(int threads) {
  margmix::RunContext context;
  context.threads = is_forked() ? 1 : threads;
  // R_ToplevelExec turns R's long jump into a return value: no jump passes through the engine.
  context.interrupted = [] { return R_ToplevelExec(check_interrupt, nullptr) == FALSE; };
  return context;
}

inline void stop_if_interrupted(margmix::Status status) {
  if (status == margmix::Status::interrupted) throw Rcpp::internal::InterruptedException();
}

inline const char* name(margmix::Status status) {
  switch (status) {
    case margmix::Status::ok: return "ok";
    case margmix::Status::not_finite: return "not_finite";
    case margmix::Status::no_mode: return "no_mode";
    case margmix::Status::interrupted: return "interrupted";
  }
  return "unknown";
}

// What can be asked of a thing, by name. R calls one compiled function for each kind of thing, with
// the name of the piece it wants and the arguments of that piece.
template <typename Thing>
struct Piece {
  const char* name;
  SEXP (*of)(const Thing& thing, const Rcpp::List& ask);
};

template <typename Thing, std::size_t n>
SEXP piece(const Piece<Thing> (&pieces)[n], const std::string& name, const Thing& thing,
           const Rcpp::List& ask) {
  for (const Piece<Thing>& known : pieces)
    if (name == known.name) return known.of(thing, ask);
  Rcpp::stop("internal: no piece `%s`", name);
}

inline Rcpp::NumericVector vector(const margmix::VectorXd& x) {
  return Rcpp::NumericVector(x.data(), x.data() + x.size());
}

inline Rcpp::NumericMatrix matrix(const margmix::MatrixXd& x) {
  Rcpp::NumericMatrix out(x.rows(), x.cols());
  std::copy(x.data(), x.data() + x.size(), out.begin());
  return out;
}

}  // namespace glue

// Conversions between R objects and the engine's views. No mathematics.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include <Rcpp.h>

#include "core/run_context.hpp"
#include "design/design.hpp"
#include "family/registry.hpp"
#include "glmm/effect_distribution.hpp"
#include "linalg/exact_sums.hpp"

namespace glue {

// Elements of a list by name -----------------------------------------------------------------

// Is it there, and not NULL?
bool has(const Rcpp::List& list, const char* name);

const double* doubles(const Rcpp::List& list, const char* name, R_xlen_t length);
margmix::VectorMap vector(const Rcpp::List& list, const char* name, R_xlen_t length);
margmix::VectorMap vector(const Rcpp::List& list, const char* name);  // of any length
margmix::MatrixMap matrix(const Rcpp::List& list, const char* name);
margmix::IntegerMap integers(const Rcpp::List& list, const char* name);
std::vector<int> copied_integers(const Rcpp::List& list, const char* name);  // doubles, too
Rcpp::List list(const Rcpp::List& list, const char* name);
double number(const Rcpp::List& list, const char* name);
int integer(const Rcpp::List& list, const char* name);
bool flag(const Rcpp::List& list, const char* name);
std::string text(const Rcpp::List& list, const char* name);

// A value for each row; the list may have one for all. R frees the copy when the call returns.
const double* by_row(const Rcpp::List& list, const char* name, R_xlen_t n);

// Sizes and weights that are all one are passed on as "none", unless `by_row` of the list names
// them.
const double* unless_one(const Rcpp::List& list, const char* name, R_xlen_t n);

margmix::Design design(const Rcpp::List& list);

// list(family, link, weights_type)
margmix::FamilySpec spec(const Rcpp::List& list);
std::unique_ptr<margmix::Family> family(const Rcpp::List& list);

// The distribution of a random intercept: list(law = list(name, df)), or normal without `law`.
margmix::EffectLaw effect_law(const Rcpp::List& list);

// A family object of R; what the weights are is a property of the design.
margmix::FamilySpec spec(const Rcpp::List& family, const Rcpp::List& design);

// A run ------------------------------------------------------------------------------------------

margmix::RunContext context(int threads);
void stop_if_interrupted(margmix::Status status);
void stop_unless(bool finished);  // an interrupt by the user

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

// Results ----------------------------------------------------------------------------------------

const char* name(margmix::Status status);
Rcpp::NumericVector vector(const margmix::VectorXd& x);
Rcpp::NumericMatrix matrix(const margmix::MatrixXd& x);

// An element of a list.
struct Named {
  Named(const char* n, SEXP x);
  Named(const char* n, double x);
  Named(const char* n, int x);
  Named(const char* n, bool x);
  Named(const char* n, const char* x);
  Named(const char* n, margmix::Status x);
  Named(const char* n, const margmix::VectorXd& x);
  Named(const char* n, const margmix::MatrixXd& x);
  Named(const char* n, const std::vector<int>& x);

  const char* name;
  Rcpp::RObject value;
};

Rcpp::List list(std::initializer_list<Named> elements);

// Totals without rounding, as R adds them up: slices, with the shape of the sum. A square matrix of
// which there is a triangle is symmetric.
SEXP exact(const margmix::ExactSums& sums, margmix::Index first, margmix::Index size);
SEXP exact(const margmix::ExactSums& sums, margmix::Index first, margmix::Index rows,
           margmix::Index columns);
SEXP exact_symmetric(const margmix::ExactSums& sums, margmix::Index first, margmix::Index n);

}  // namespace glue

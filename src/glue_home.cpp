// Weak references to environments: no engine is called.
#include <Rcpp.h>

// [[Rcpp::export]]
SEXP weak_reference_(SEXP env) { return R_MakeWeakRef(env, R_NilValue, R_NilValue, FALSE); }

// [[Rcpp::export]]
SEXP weak_value_(SEXP reference) { return R_WeakRefKey(reference); }

// Weak references to environments: no engine is called.
#include <Rcpp.h>

// Of an environment a reference; of a reference its environment, NULL where that is gone.
// [[Rcpp::export(rng = false)]]
SEXP weak_reference_(SEXP x) {
  return TYPEOF(x) == WEAKREFSXP ? R_WeakRefKey(x)
                                 : R_MakeWeakRef(x, R_NilValue, R_NilValue, FALSE);
}

// Diagnostics of the integration: convert, call, convert back.
#include "glue.h"

#include "glmm/cluster_values.hpp"

using namespace margmix;

// [[Rcpp::export]]
Rcpp::List cluster_values_(const Rcpp::List& design, const Rcpp::List& family,
                           const Rcpp::NumericVector& psi, int K, const Rcpp::NumericMatrix& modes,
                           const Rcpp::NumericMatrix& t, const Rcpp::NumericVector& log_q0,
                           int threads) {
  const Design d = glue::design(design);
  const auto f = glue::family(family);
  if (psi.size() != parameter_count(d, *f)) Rcpp::stop("internal: `psi` has the wrong length");
  const ImportancePoints points{MatrixMap(t.begin(), t.nrow(), t.ncol()),
                                VectorMap(log_q0.begin(), log_q0.size())};
  const ClusterValues r = cluster_values(
      d, *f, product_rule(K, d.moves()), VectorMap(psi.begin(), psi.size()),
      MatrixMap(modes.begin(), modes.nrow(), modes.ncol()), points, glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(Rcpp::_["quadrature"] = glue::vector(r.quadrature),
                            Rcpp::_["importance"] = glue::vector(r.importance),
                            Rcpp::_["constant"] = f->constant(d.response),
                            Rcpp::_["status"] = glue::name(r.status));
}

// Mixed models: convert, call, convert back.
#include "glue.hpp"

#include "glmm/objective.hpp"

using namespace margmix;

// [[Rcpp::export]]
Rcpp::List glmm_objective_(const Rcpp::List& design, const Rcpp::List& family,
                           const Rcpp::NumericVector& psi, int K, const Rcpp::NumericMatrix& modes,
                           const Rcpp::List& ask, int threads) {
  const Design d = glue::design(design);
  const auto f = glue::family(family);
  if (psi.size() != parameter_count(d, *f)) Rcpp::stop("internal: `psi` has the wrong length");
  const ObjectiveRequest request{ask["order"], ask["scores"], ask["information"]};
  const ObjectiveResult r =
      objective(d, *f, product_rule(K, d.q()), VectorMap(psi.begin(), psi.size()),
                MatrixMap(modes.begin(), modes.nrow(), modes.ncol()), request,
                glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(
      Rcpp::_["value"] = r.value, Rcpp::_["gradient"] = glue::vector(r.gradient),
      Rcpp::_["hessian"] = glue::matrix(r.hessian), Rcpp::_["modes"] = glue::matrix(r.modes),
      Rcpp::_["scores"] = glue::matrix(r.scores),
      Rcpp::_["information"] = glue::matrix(r.information), Rcpp::_["status"] = glue::name(r.status));
}

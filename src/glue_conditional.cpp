// Logistic regression given the successes of clusters: convert, call, convert back.
#include "glue.h"

#include "glmm/conditional_logistic.hpp"

// [[Rcpp::export]]
Rcpp::List fit_conditional_logistic_(const Rcpp::List& design, double tolerance, int iterations,
                                     int threads) {
  const margmix::Design d = glue::design(design);
  const margmix::ConditionalLogistic r =
      margmix::fit_conditional_logistic(d, tolerance, iterations, glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(
      Rcpp::_["beta"] = glue::vector(r.beta), Rcpp::_["value"] = r.value,
      Rcpp::_["information"] = glue::matrix(r.information), Rcpp::_["criterion"] = r.criterion,
      Rcpp::_["iterations"] = r.iterations, Rcpp::_["status"] = glue::name(r.status));
}

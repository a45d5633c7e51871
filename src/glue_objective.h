// The result of an objective as R reads it.
#pragma once

#include "glue.h"

#include "glmm/objective.hpp"

namespace glue {

inline margmix::ObjectiveRequest objective_request(const Rcpp::List& ask) {
  return {ask["order"], ask["scores"], ask["information"], ask["known_phi"]};
}

inline Rcpp::List objective_list(const margmix::ObjectiveResult& r) {
  return Rcpp::List::create(
      Rcpp::_["value"] = r.value, Rcpp::_["gradient"] = vector(r.gradient),
      Rcpp::_["hessian"] = matrix(r.hessian), Rcpp::_["modes"] = matrix(r.modes),
      Rcpp::_["scores"] = matrix(r.scores), Rcpp::_["information"] = matrix(r.information),
      Rcpp::_["status"] = name(r.status));
}

}  // namespace glue

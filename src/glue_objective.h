// The result of an objective as R reads it.
#pragma once

#include "glue.h"

#include "glmm/other_modes.hpp"
#include "objective/objective.hpp"

namespace glue {

inline margmix::ObjectiveRequest objective_request(const Rcpp::List& ask) {
  return {ask["order"], ask["scores"], ask["information"], ask["known_phi"]};
}

inline Rcpp::List matrices(const margmix::Modes& modes) {
  Rcpp::List out(modes.size());
  for (std::size_t k = 0; k < modes.size(); ++k) out[k] = matrix(modes[k]);
  return out;
}

// A list of matrices, one for each factor; none: the search starts at zeros.
inline margmix::Modes modes(const Rcpp::List& list) {
  margmix::Modes out;
  for (R_xlen_t k = 0; k < list.size(); ++k) {
    const Rcpp::NumericMatrix x = list[k];
    out.emplace_back(margmix::MatrixMap(x.begin(), x.nrow(), x.ncol()));
  }
  return out;
}

inline Rcpp::List objective_list(const margmix::ObjectiveResult& r) {
  return Rcpp::List::create(
      Rcpp::_["value"] = r.value, Rcpp::_["gradient"] = vector(r.gradient),
      Rcpp::_["hessian"] = matrix(r.hessian), Rcpp::_["modes"] = matrices(r.modes),
      Rcpp::_["scores"] = matrix(r.scores), Rcpp::_["information"] = matrix(r.information),
      Rcpp::_["values"] = vector(r.values), Rcpp::_["status"] = name(r.status));
}

inline Rcpp::List other_modes(const margmix::OtherModes& r) {
  return Rcpp::List::create(Rcpp::_["better"] = static_cast<int>(r.better),
                            Rcpp::_["missed"] = r.missed);
}

}  // namespace glue

// Sums over clusters that travel as lists of numbers: those of parts of the clusters add up.
#pragma once

#include "glue.h"
#include "inference/correction.hpp"
#include "inference/satterthwaite.hpp"

namespace glue {

inline Rcpp::NumericVector counts(const margmix::LostContrasts::Flags& lost) {
  return vector(margmix::VectorXd(lost.cast<double>()));
}

inline margmix::LostContrasts::Flags flags(const Rcpp::List& list, const char* name) {
  const Rcpp::NumericVector x = list[name];
  return margmix::VectorMap(x.begin(), x.size()).array() > 0;
}

inline Rcpp::List satterthwaite(const margmix::SatterthwaiteSums& sums) {
  return Rcpp::List::create(Rcpp::_["trace"] = vector(sums.trace),
                            Rcpp::_["square"] = vector(sums.square), Rcpp::_["T"] = matrix(sums.T));
}

inline margmix::SatterthwaiteSums satterthwaite(const Rcpp::List& list) {
  const margmix::MatrixMap T = matrix(list, "T");
  const R_xlen_t k = T.rows();
  return {margmix::VectorMap(doubles(list, "trace", k), k),
          margmix::VectorMap(doubles(list, "square", k), k), T};
}

}  // namespace glue

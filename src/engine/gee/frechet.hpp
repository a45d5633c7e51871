// Do the estimated correlations of binary responses exist? With odds o = mu / (1 - mu) a
// correlation r of two 0/1 responses lies between its Frechet bounds
//   -min(sqrt(o_j o_k), 1 / sqrt(o_j o_k)) <= r <= min(sqrt(o_j / o_k), sqrt(o_k / o_j)).
#pragma once

#include "gee/equations.hpp"

namespace margmix {

struct FrechetCount {
  double pairs = 0, clusters = 0;  // outside the bounds
  double skipped = 0;              // clusters too large to be looked at
};

FrechetCount count_frechet(const MarginalData& data, const Family& family, const Correlation& R,
                           const VectorXd& beta, int threads);

}  // namespace margmix

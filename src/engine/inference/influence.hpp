// Influence of whole clusters on beta after one Newton step without each of them.
//
//   dfbeta_i = beta - beta_(i) = (B - B_i)^-1 u_i,  Cook's distance  dfbeta_i'B dfbeta_i / p
// (Preisser & Qaqish 1996). NaN for a cluster of leverage one, without which beta is not
// identified.
#pragma once

#include "inference/correction.hpp"

namespace margmix {

struct Influence {
  MatrixXd dfbeta;  // p x m
  VectorXd cooks_distance, leverage;
};

Influence influence(const ClusterPieces& pieces);

}  // namespace margmix

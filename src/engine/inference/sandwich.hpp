// Cluster-robust covariance of beta, with corrections for few clusters, from p x p pieces.
//
// V = factor * B^-1 (sum u~_i u~_i') B^-1 with the corrected scores of correction.hpp:
//   robust, KC, MD, FG   factor 1
//   FW                   the mean of KC and MD
//   DF                   plain scores, factor m / (m - p)
//   jackknife            sum (beta - beta_(i))(beta - beta_(i))' (m - p) / m after one step,
//                        beta - beta_(i) = (B - B_i)^-1 u_i: MD times (m - p) / m
//                        (Lipsitz, Laird & Harrington 1990)
//   MBN                  kappa V + delta xi B^-1 (Morel, Bokossa & Neerchal 2003) with
//                        kappa = (N - 1) / (N - p) m / (m - 1), N rows,
//                        delta = p / (m - p) if m > 3 p, else 1/2,
//                        xi = max(1, tr(B^-1 M) / p), M the meat times kappa
#pragma once

#include "inference/correction.hpp"
#include "inference/satterthwaite.hpp"

namespace margmix {

enum class DfRule { none, satterthwaite, pan_wall, fay_graubard };

struct Sandwich {
  MatrixXd vcov;      // p x p, NaN in the rows that a cluster of leverage one determines alone
  VectorXd leverage;  // largest eigenvalue of B_i B^-1, by cluster
  VectorXd df;        // of each contrast
};

struct SandwichRequest {
  std::string type;
  MatrixXd contrasts;  // p x k
  DfRule rule = DfRule::satterthwaite;
  double rows = 0;  // for MBN
};

Sandwich sandwich(const ClusterPieces& pieces, const SandwichRequest& ask);

// What a sandwich is made of: sums over clusters, so that those of parts of the clusters add up.
struct SandwichSums {
  MatrixXd meat;  // whitened
  SatterthwaiteSums satterthwaite;
  LostContrasts::Flags lost_rows, lost;
  VectorXd leverage;
};

SandwichSums sandwich_sums(const ClusterPieces& pieces, const SandwichRequest& ask);

// The same without rounding: `exact` has the lower triangle of the meat, and then the sums of
// Satterthwaite, which in the result are empty.
struct ExactSandwichSums {
  SandwichSums rest;
  ExactSums exact;
};
ExactSandwichSums exact_sandwich_sums(const ClusterPieces& pieces, const SandwichRequest& ask);

// The sandwich of m clusters; of the pieces only B is asked. df is that of Satterthwaite.
Sandwich sandwich_of_sums(const ClusterPieces& pieces, const SandwichRequest& ask,
                          const SandwichSums& sums, Index m);

}  // namespace margmix

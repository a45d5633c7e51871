// What an influence function and its degrees of freedom take from the clusters, in one pass over
// their pieces: corrected scores A_i u_i and Satterthwaite degrees of freedom of estimates whose
// part in beta is d'u, d given (for a linear contrast c of beta, d = B^-1 c).
#pragma once

#include "inference/correction.hpp"
#include "inference/satterthwaite.hpp"

namespace margmix {

struct CorrectedInfluence {
  MatrixXd scores;    // p x m
  VectorXd leverage;  // m
  VectorXd df;        // k; NaN where one cluster alone determines the estimate
};

// directions: p x k.
inline CorrectedInfluence corrected_influence(const ClusterPieces& pieces, Correction type,
                                              const MatrixMap& directions) {
  const Index p = pieces.p(), m = pieces.clusters(), k = directions.cols();
  CorrectedInfluence out{MatrixXd::Constant(p, m, kNaN), VectorXd::Constant(m, kNaN),
                         VectorXd::Constant(k, kNaN)};
  if (!pieces.definite()) return out;
  const MatrixXd K = pieces.L().transpose() * directions;  // L^-1 (B d)
  Satterthwaite satterthwaite(K);
  LostContrasts lost(K);
  std::vector<MatrixXd> A(1);
  for (Index i = 0; i < m; ++i) {
    const WhitenedCluster c = pieces(i);
    A[0] = correction(type, pieces, c);
    out.leverage[i] = c.leverage();
    out.scores.col(i) = pieces.L() * (A[0] * c.v);
    lost.add(c);
    satterthwaite.add(c, A);
  }
  out.df = satterthwaite.df();
  for (Index j = 0; j < k; ++j)
    if (lost[j]) out.df[j] = kNaN;
  return out;
}

}  // namespace margmix

#include "inference/influence.hpp"

namespace margmix {

Influence influence(const ClusterPieces& pieces) {
  const Index p = pieces.p(), m = pieces.clusters();
  Influence out{MatrixXd::Constant(p, m, kNaN), VectorXd::Constant(m, kNaN),
                VectorXd::Constant(m, kNaN)};
  if (!pieces.definite()) return out;
  for (Index i = 0; i < m; ++i) {
    const WhitenedCluster c = pieces(i);
    out.leverage[i] = c.leverage();
    if (c.leverage() >= WhitenedCluster::kOne) continue;
    const VectorXd step = spectral_correction(c, -1.0) * c.v;
    out.dfbeta.col(i) = pieces.to_beta(step);
    out.cooks_distance[i] = step.squaredNorm() / static_cast<double>(p);
  }
  return out;
}

}  // namespace margmix

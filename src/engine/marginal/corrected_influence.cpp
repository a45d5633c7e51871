#include "marginal/corrected_influence.hpp"

#include <cmath>

namespace margmix {

CorrectedInfluence corrected_influence(const ClusterPieces& pieces, Correction type,
                                       const MatrixMap& directions, ExactSums* exact) {
  const Index p = pieces.p(), m = pieces.clusters(), k = directions.cols();
  CorrectedInfluence out{MatrixXd::Constant(p, m, kNaN), VectorXd::Constant(m, kNaN), {}, {}};
  if (!pieces.definite()) {
    out.sums = unknown_sums(k, p);
    if (exact) add_exactly(out.sums, 0, *exact);
    out.lost = LostContrasts::Flags::Zero(k);
    return out;
  }
  const MatrixXd K = pieces.L().transpose() * directions;  // L^-1 (B d)
  Satterthwaite satterthwaite(K);
  LostContrasts lost(K);
  std::vector<MatrixXd> A(1);
  const auto add = [&](const MatrixXd& S) {
    satterthwaite.add(S, A);
    if (exact) add_exactly(satterthwaite.take(), 0, *exact);
  };
  for (Index i = 0; i < m; ++i) {
    const MatrixXd S = pieces.S(i);
    const double norm = S.norm(), power = type == Correction::KC ? -0.5 : -1.0;
    const bool spectral = type == Correction::KC || type == Correction::MD;
    if (spectral && norm < influence_detail::kSmall && influence_detail::semidefinite(S)) {
      A[0] = influence_detail::power_series(S, power, norm);
      out.leverage[i] = norm;
      out.scores.col(i) = pieces.L() * (A[0] * pieces.v(i));
      add(S);
      continue;
    }
    const WhitenedCluster c = pieces(i);
    A[0] = correction(type, pieces, c);
    out.leverage[i] = c.leverage();
    out.scores.col(i) = pieces.L() * (A[0] * c.v);
    lost.add(c);
    add(c.S);
  }
  out.sums = satterthwaite.sums();
  out.lost = lost.flags();
  return out;
}

}  // namespace margmix

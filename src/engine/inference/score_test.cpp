#include "inference/score_test.hpp"

#include "linalg/decompositions.hpp"

namespace margmix {

double score_statistic(const ClusterPieces& pieces, const MatrixXd& C) {
  if (!pieces.definite()) return kNaN;
  const Index m = pieces.clusters();
  MatrixXd steps(C.rows(), m);  // C B^-1 u_i
  for (Index i = 0; i < m; ++i) steps.col(i) = C * pieces.to_beta(pieces.v(i));
  const VectorXd total = steps.rowwise().sum();
  double rcond = 0;
  const VectorXd CVC_total = solve_symmetric(steps * steps.transpose(), total, &rcond);
  if (rcond < 1e-12) return kNaN;
  return total.dot(CVC_total);
}

}  // namespace margmix

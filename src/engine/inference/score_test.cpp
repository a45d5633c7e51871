#include "inference/score_test.hpp"

namespace margmix {

double score_statistic(const ClusterPieces& pieces, const MatrixXd& C) {
  if (!pieces.definite()) return kNaN;
  const Index m = pieces.clusters();
  MatrixXd steps(C.rows(), m);  // C B^-1 u_i
  for (Index i = 0; i < m; ++i) steps.col(i) = C * pieces.to_beta(pieces.v(i));
  const Eigen::LDLT<MatrixXd> CVC(steps * steps.transpose());
  if (CVC.info() != Eigen::Success || CVC.rcond() < 1e-12) return kNaN;
  const VectorXd total = steps.rowwise().sum();
  return total.dot(CVC.solve(total));
}

}  // namespace margmix

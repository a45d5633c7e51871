#include "inference/pieces.hpp"

namespace margmix {

ClusterPieces::ClusterPieces(const MatrixMap& scores, const MatrixMap& information)
    : scores_(scores), information_(information), p_(scores.rows()), m_(scores.cols()) {
  MatrixXd B = MatrixXd::Zero(p_, p_);
  for (Index i = 0; i < m_; ++i) B += B_i(i);
  cholesky_.compute(symmetric(B));
  definite_ = cholesky_.info() == Eigen::Success;
  if (definite_) L_ = cholesky_.matrixL();
}

WhitenedCluster ClusterPieces::operator()(Index i) const {
  if (p_ == 0) return {MatrixXd(0, 0), VectorXd(0), MatrixXd(0, 0), VectorXd(0)};
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(S(i));
  WhitenedCluster c{eigen.eigenvectors(), eigen.eigenvalues().cwiseMax(0.0), {}, {}};
  c.S.noalias() = c.Q * c.l.asDiagonal() * c.Q.transpose();
  c.v = v(i);
  return c;
}

}  // namespace margmix

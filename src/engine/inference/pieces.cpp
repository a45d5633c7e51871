#include "inference/pieces.hpp"

namespace margmix {

ClusterPieces::ClusterPieces(const MatrixMap& scores, const MatrixMap& information)
    : scores_(scores), information_(information), p_(scores.rows()), m_(scores.cols()) {
  MatrixXd B = MatrixXd::Zero(p_, p_);
  for (Index i = 0; i < m_; ++i) B += B_i(i);
  whiten_by(B);
}

ClusterPieces::ClusterPieces(const MatrixMap& scores, const MatrixMap& information,
                             const MatrixXd& B)
    : scores_(scores), information_(information), p_(scores.rows()), m_(scores.cols()) {
  whiten_by(B);
}

void ClusterPieces::whiten_by(const MatrixXd& B) {
  cholesky_.compute(symmetric(B));
  definite_ = cholesky_.definite();
  if (definite_) L_ = cholesky_.L();
}

WhitenedCluster ClusterPieces::operator()(Index i) const {
  if (p_ == 0) return {MatrixXd(0, 0), VectorXd(0), MatrixXd(0, 0), VectorXd(0)};
  const SymmetricEigen eigen = symmetric_eigen(S(i));
  WhitenedCluster c{eigen.vectors, eigen.values.cwiseMax(0.0), {}, {}};
  c.S.noalias() = c.Q * c.l.asDiagonal() * c.Q.transpose();
  c.v = v(i);
  return c;
}

}  // namespace margmix

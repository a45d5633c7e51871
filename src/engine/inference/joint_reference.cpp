#include "inference/joint_reference.hpp"

#include <boost/math/special_functions/gamma.hpp>

#include "linalg/decompositions.hpp"

namespace margmix {

JointReference::JointReference(const ClusterPieces& pieces, const Corrections& parts,
                               const MatrixXd& C, const VectorXd& e)
    : K_(orthonormal_basis(pieces.whiten(C.transpose()))) {
  LostContrasts lost(K_);
  MatrixXd v(pieces.p(), pieces.clusters());
  for (Index i = 0; i < pieces.clusters(); ++i) {
    const WhitenedCluster c = pieces(i);
    lost.add(c);
    const VectorXd root = (c.l.array() > kRounding).select(c.l.array().sqrt(), 0.0);
    root_.push_back(c.Q * root.asDiagonal() * c.Q.transpose());
    S_.push_back(c.S);
    H_.push_back(contrasts_of(pieces, parts, c, K_));
    v.col(i) = c.v;
  }
  lost_ = lost.any();
  shift_ = std::make_unique<ClusterShift>(S_, v, pieces.L().transpose() * e);
}

VectorXd JointReference::tails(double x, const JointDraws& draws) const {
  const Index p = K_.rows(), m = static_cast<Index>(S_.size()), N = draws.z.cols();
  MatrixXd b = draws.b;
  for (Index k = 0; k < N; ++k) b.col(k) *= std::sqrt(shift_->tau2(draws.u[k]));
  MatrixXd v(p * m, N), V = MatrixXd::Zero(p, N);
  for (Index i = 0; i < m; ++i) {
    v.middleRows(i * p, p).noalias() = root_[i] * draws.z.middleRows(i * p, p);
    V += v.middleRows(i * p, p);
  }
  const MatrixXd shifts = shift_->f() * b;
  const std::vector<MatrixXd> D = covariances(v, V + shifts, b);
  const MatrixXd n = K_.transpose() * V, c = K_.transpose() * shifts;
  VectorXd tail(N);
  for (Index k = 0; k < N; ++k) tail[k] = lost_ ? kNaN : tail_of(x, D[k], n.col(k), c.col(k));
  return tail;
}

std::vector<MatrixXd> JointReference::covariances(const MatrixXd& v, const MatrixXd& total,
                                                  const MatrixXd& b) const {
  const Index p = K_.rows(), q = K_.cols(), N = v.cols();
  std::vector<MatrixXd> D(N, MatrixXd::Zero(q, q));
  for (Index i = 0; i < b.rows(); ++i) {
    const MatrixXd residual =
        v.middleRows(i * p, p) + shift_->f().col(i) * b.row(i) - S_[i] * total;
    for (const MatrixXd& H : H_[i]) {
      const MatrixXd g = H.transpose() * residual;
      for (Index k = 0; k < N; ++k) D[k].noalias() += g.col(k) * g.col(k).transpose();
    }
  }
  return D;
}

double JointReference::tail_of(double x, const MatrixXd& D, const VectorXd& n, const VectorXd& c) {
  const Cholesky cholesky(D);
  if (!cholesky.definite() || !(cholesky.rcond() > kSingular)) return kNaN;
  const VectorXd o = cholesky.solve_L(n / n.norm()), d = cholesky.solve_L(c);
  const double aa = o.squaredNorm(), ab = o.dot(d);
  const double discriminant = ab * ab - aa * (d.squaredNorm() - x);
  if (!(discriminant >= 0)) return std::isnan(discriminant) ? kNaN : 1;
  const double root = std::sqrt(discriminant), half_q = 0.5 * static_cast<double>(n.size());
  const double lower = std::max((-ab - root) / aa, 0.0), upper = std::max((-ab + root) / aa, 0.0);
  return boost::math::gamma_q(half_q, 0.5 * upper * upper) +
         boost::math::gamma_p(half_q, 0.5 * lower * lower);
}

}  // namespace margmix

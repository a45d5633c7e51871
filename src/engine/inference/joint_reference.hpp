// The distribution of a joint Wald statistic with few clusters, by simulation.
//
// Under the working model with Gaussian scores, and in whitened coordinates (pieces.hpp), cluster i
// has v_i ~ N(0, S_i), and with a shift of the cluster (cluster_shift.hpp) v_i + tau f_i b_i. The
// estimate of the contrasts errs by n + c, n = K'V, V = sum v_i, c = tau K' sum f_i b_i, where the
// columns of K are an orthonormal basis of L^-1 C'. What the covariance is made of is
//   g_i = H_i'(r_i + tau (f_i b_i - S_i sum f_j b_j)),   r_i = v_i - S_i V,   H_i = A_i'K
// with the correction A_i. V is independent of every r_i, as cov(r_i, V) = S_i - S_i: so given
// D = sum g_i g_i' and c, n ~ N(0, I), and its length, R = n'n ~ chi^2_q, is independent of its
// direction o = n / |n|. Hence
//   P(Q > x | D, c, o) = P(R o'D^-1 o + 2 sqrt(R) o'D^-1 c + c'D^-1 c > x)
// is a tail probability of chi^2, and its mean over draws of (D, c, o), at O(m p (p + q)) each, a
// smooth p value, for any leverage of the clusters. An approximate Hotelling T^2 (hotelling.hpp)
// matches two moments of D instead, and is far off where few clusters determine each contrast.
#pragma once

#include <boost/math/special_functions/gamma.hpp>

#include "inference/cluster_shift.hpp"
#include "inference/correction.hpp"

namespace margmix {

struct JointDraws {
  MatrixMap z;  // (p m) x N standard normal numbers, for r and n
  MatrixMap b;  // m x N standard normal numbers
  VectorMap u;  // N uniform numbers, for tau
};

class JointReference {
 public:
  // C: q x p; e: p with X e = 1, or 0 for no shift of the clusters.
  JointReference(const ClusterPieces& pieces, const Corrections& parts, const MatrixXd& C,
                 const VectorXd& e)
      : K_(orthonormal(pieces.whiten(C.transpose()))) {
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

  // P(Q > x | draw), N numbers. NaN where D is singular, or one cluster alone determines a
  // contrast.
  VectorXd tails(double x, const JointDraws& draws) const {
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

 private:
  static constexpr double kRounding = 1e-12;  // of an eigenvalue 0 of S_i, whose root is far larger
  static constexpr double kSingular = 1e-13;  // reciprocal condition number of D

  static MatrixXd orthonormal(const MatrixXd& K) {
    const Eigen::HouseholderQR<MatrixXd> qr(K);
    return qr.householderQ() * MatrixXd::Identity(K.rows(), K.cols());
  }

  // D of each draw, from the scores v_i + f_i b_i and their total.
  std::vector<MatrixXd> covariances(const MatrixXd& v, const MatrixXd& total,
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

  // The quadratic in sqrt(R) is above x outside of its roots.
  static double tail_of(double x, const MatrixXd& D, const VectorXd& n, const VectorXd& c) {
    const Eigen::LLT<MatrixXd> cholesky(D);
    if (cholesky.info() != Eigen::Success || !(cholesky.rcond() > kSingular)) return kNaN;
    const VectorXd o = cholesky.matrixL().solve(n / n.norm()), d = cholesky.matrixL().solve(c);
    const double aa = o.squaredNorm(), ab = o.dot(d);
    const double discriminant = ab * ab - aa * (d.squaredNorm() - x);
    if (!(discriminant >= 0)) return std::isnan(discriminant) ? kNaN : 1;
    const double root = std::sqrt(discriminant), half_q = 0.5 * static_cast<double>(n.size());
    const double lower = std::max((-ab - root) / aa, 0.0), upper = std::max((-ab + root) / aa, 0.0);
    return boost::math::gamma_q(half_q, 0.5 * upper * upper) +
           boost::math::gamma_p(half_q, 0.5 * lower * lower);
  }

  MatrixXd K_;
  std::vector<MatrixXd> root_, S_;        // S_i^(1/2), S_i
  std::vector<std::vector<MatrixXd>> H_;  // of the parts
  std::unique_ptr<ClusterShift> shift_;
  bool lost_ = false;
};

}  // namespace margmix

// The distribution of a joint Wald statistic with few clusters, by simulation.
//
// Under the working model with Gaussian scores, and in whitened coordinates (pieces.hpp), cluster i
// has v_i ~ N(0, S_i). The estimate of the contrasts errs by N = K'V, V = sum v_i, where the columns
// of K are an orthonormal basis of L^-1 C', so that N ~ N(0, I). What the covariance is made of is
// g_i = H_i'(v_i - S_i V), H_i = A_i'K with the correction A_i, which is independent of V as
// cov(v_i - S_i V, V) = S_i - S_i. So with D = sum g_i g_i', the statistic is
//   Q = N'D^-1 N = R / w,   R = N'N ~ chi^2_q,   w = N'N / N'D^-1 N,
// where w depends on D and the direction of N alone, and not on R. Hence P(Q > x) =
// E[P(chi^2_q > w x)]: draws of w give a smooth tail probability, for any leverage of the clusters,
// at O(m p (p + q)) each. With many clusters w = 1. An approximate Hotelling T^2 (hotelling.hpp)
// matches two moments of D instead, and is far off where few clusters determine each contrast.
#pragma once

#include "inference/correction.hpp"

namespace margmix {

class JointReference {
 public:
  JointReference(const ClusterPieces& pieces, const Corrections& parts, const MatrixXd& C)
      : K_(orthonormal(pieces.whiten(C.transpose()))) {
    LostContrasts lost(K_);
    for (Index i = 0; i < pieces.clusters(); ++i) {
      const WhitenedCluster c = pieces(i);
      lost.add(c);
      const VectorXd root = (c.l.array() > kRounding).select(c.l.array().sqrt(), 0.0);
      root_.push_back(c.Q * root.asDiagonal() * c.Q.transpose());
      S_.push_back(c.S);
      H_.push_back(contrasts_of(pieces, parts, c, K_));
    }
    lost_ = lost.any();
  }

  // One w for each column of z, (p m) x N standard normal numbers. NaN where D is singular, or one
  // cluster alone determines a contrast.
  VectorXd ratios(const MatrixMap& z) const {
    const Index p = K_.rows(), q = K_.cols(), m = static_cast<Index>(S_.size()), N = z.cols();
    MatrixXd v(z.rows(), N), V = MatrixXd::Zero(p, N);
    for (Index i = 0; i < m; ++i) {
      v.middleRows(i * p, p).noalias() = root_[i] * z.middleRows(i * p, p);
      V += v.middleRows(i * p, p);
    }
    std::vector<MatrixXd> D(N, MatrixXd::Zero(q, q));
    for (Index i = 0; i < m; ++i) {
      const MatrixXd residual = v.middleRows(i * p, p) - S_[i] * V;
      for (const MatrixXd& H : H_[i]) {
        const MatrixXd g = H.transpose() * residual;
        for (Index k = 0; k < N; ++k) D[k].noalias() += g.col(k) * g.col(k).transpose();
      }
    }
    const MatrixXd error = K_.transpose() * V;
    VectorXd w(N);
    for (Index k = 0; k < N; ++k) {
      const Eigen::LLT<MatrixXd> cholesky(D[k]);
      const bool ok = !lost_ && cholesky.info() == Eigen::Success && cholesky.rcond() > kSingular;
      w[k] = ok ? error.col(k).squaredNorm() / error.col(k).dot(cholesky.solve(error.col(k))) : kNaN;
    }
    return w;
  }

 private:
  static constexpr double kRounding = 1e-12;  // of an eigenvalue 0 of S_i, whose root is far larger
  static constexpr double kSingular = 1e-13;  // reciprocal condition number of D

  static MatrixXd orthonormal(const MatrixXd& K) {
    const Eigen::HouseholderQR<MatrixXd> qr(K);
    return qr.householderQ() * MatrixXd::Identity(K.rows(), K.cols());
  }

  MatrixXd K_;
  std::vector<MatrixXd> root_, S_;        // S_i^(1/2), S_i
  std::vector<std::vector<MatrixXd>> H_;  // of the parts
  bool lost_ = false;
};

}  // namespace margmix

// The distribution of a joint Wald statistic with few clusters, by simulation.
//
// Under the working model with Gaussian scores, and in whitened coordinates (pieces.hpp), cluster i
// has v_i ~ N(0, S_i); the estimate errs by K'V, V = sum v_i, K = L^-1 C'; and what the covariance
// is made of is g_i = H_i'(v_i - S_i V), H_i = A_i'K with the correction A_i. So
//   Q = (K'V)' (sum g_i g_i')^-1 (K'V)
// can be drawn as often as wanted, at O(m p (p + q)) each: numerator and covariance together, for
// any leverage of the clusters. An approximate Hotelling T^2 (hotelling.hpp) matches two moments of
// the covariance instead, and is far off where few clusters determine each contrast.
#pragma once

#include "inference/correction.hpp"

namespace margmix {

class JointReference {
 public:
  JointReference(const ClusterPieces& pieces, const Corrections& parts, const MatrixXd& C)
      : K_(pieces.whiten(C.transpose())) {
    const double weight = 1 / std::sqrt(static_cast<double>(parts.size()));
    LostContrasts lost(K_);
    for (Index i = 0; i < pieces.clusters(); ++i) {
      const WhitenedCluster c = pieces(i);
      lost.add(c);
      const VectorXd root = (c.l.array() > kRounding).select(c.l.array().sqrt(), 0.0);
      root_.push_back(c.Q * root.asDiagonal() * c.Q.transpose());
      S_.push_back(c.S);
      MatrixXd H(pieces.p(), 0);
      for (Correction part : parts) {
        H.conservativeResize(Eigen::NoChange, H.cols() + K_.cols());
        H.rightCols(K_.cols()) = weight * (correction(part, pieces, c).transpose() * K_);
      }
      H_.push_back(H);
    }
    lost_ = lost.any();
  }

  // One statistic for each column of z, (p m) x N standard normal numbers. NaN where the covariance
  // is singular, or one cluster alone determines a contrast.
  VectorXd statistics(const MatrixMap& z) const {
    const Index p = K_.rows(), q = K_.cols(), m = static_cast<Index>(S_.size()), N = z.cols();
    MatrixXd V = MatrixXd::Zero(p, N);
    for (Index i = 0; i < m; ++i) V.noalias() += root_[i] * z.middleRows(i * p, p);
    std::vector<MatrixXd> D(N, MatrixXd::Zero(q, q));
    for (Index i = 0; i < m; ++i) {
      const MatrixXd residual = root_[i] * z.middleRows(i * p, p) - S_[i] * V;
      const MatrixXd g = H_[i].transpose() * residual;  // the parts one below the other
      for (Index k = 0; k < N; ++k)
        for (Index first = 0; first < g.rows(); first += q)
          D[k] += g.col(k).segment(first, q) * g.col(k).segment(first, q).transpose();
    }
    const MatrixXd error = K_.transpose() * V;
    VectorXd Q(N);
    for (Index k = 0; k < N; ++k) {
      const Eigen::LLT<MatrixXd> cholesky(D[k]);
      const bool ok = !lost_ && cholesky.info() == Eigen::Success;
      Q[k] = ok ? error.col(k).dot(cholesky.solve(error.col(k))) : kNaN;
    }
    return Q;
  }

 private:
  static constexpr double kRounding = 1e-12;  // of an eigenvalue 0 of S_i, whose root is far larger
  MatrixXd K_;
  std::vector<MatrixXd> root_, S_, H_;  // S_i^(1/2), S_i, H_i
  bool lost_ = false;
};

}  // namespace margmix

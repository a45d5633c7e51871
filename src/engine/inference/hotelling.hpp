// Joint tests of q contrasts by an approximate Hotelling T^2 (Tipton & Pustejovsky 2015, AHT).
//
// D = Omega^(-1/2) C V C' Omega^(-1/2), Omega = E[C V C'] under the working model, is taken for a
// Wishart matrix with eta degrees of freedom over eta. eta matches the total variance of the
// entries of D:  eta = q (q + 1) / sum_st var(d_st).  Then with Q = (C beta)'(C V C')^-1 (C beta)
//   F = (eta - q + 1) / (eta q) Q  ~  F(q, eta - q + 1).
// D = sum g_k g_k' over the clusters (and parts of the meat) k with Gaussian g_k, and with
// Sigma_kl = cov(g_k, g_l):  sum_st var(d_st) = sum_kl [ (tr Sigma_kl)^2 + tr(Sigma_kl^2) ],
// which takes O(m (p q)^2). For q = 1, eta is the Satterthwaite df.
#pragma once

#include "inference/correction.hpp"

namespace margmix {

class ApproximateHotelling {
 public:
  ApproximateHotelling(const ClusterPieces& pieces, const Corrections& parts, const MatrixXd& C)
      : pieces_(pieces), parts_(parts), K_(pieces.whiten(C.transpose())) {}

  // NaN if Omega is singular, or a contrast has no variance to estimate.
  double eta() const {
    const Index q = K_.cols(), n_parts = static_cast<Index>(parts_.size());
    const MatrixXd Omega = mean_covariance();
    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(Omega);
    if (!Omega.allFinite() || eigen.eigenvalues()[0] <= 1e-12 * eigen.eigenvalues()[q - 1])
      return kNaN;
    const MatrixXd K = K_ * eigen.operatorInverseSqrt();
    // W = sum vec(M_k) vec(M_k)', M_k = L^-1 B_k H_k
    MatrixXd W = MatrixXd::Zero(K.size(), K.size());
    double total = 0;
    for (Index i = 0; i < pieces_.clusters(); ++i) {
      const WhitenedCluster c = pieces_(i);
      const std::vector<MatrixXd> H = contrasts_of(pieces_, parts_, c, K);
      for (Index a = 0; a < n_parts; ++a) {
        const MatrixXd Ma = c.S * H[a];
        const VectorXd vec_a = Eigen::Map<const VectorXd>(Ma.data(), Ma.size());
        W.noalias() += vec_a * vec_a.transpose();
        for (Index b = 0; b < n_parts; ++b) {
          const MatrixXd cross = Ma.transpose() * (c.S * H[b]);
          total += variance(Ma.transpose() * H[b] - cross) - variance(cross);
        }
      }
    }
    total += all_pairs(W);
    return static_cast<double>(q * (q + 1)) / total;
  }

 private:
  static double variance(const MatrixXd& Sigma) {
    const double trace = Sigma.trace();
    return trace * trace + (Sigma.array() * Sigma.transpose().array()).sum();
  }

  // sum_kl (tr M_k'M_l)^2 + tr((M_k'M_l)^2)
  double all_pairs(const MatrixXd& W) const {
    const Index p = K_.rows(), q = K_.cols();
    double sum = W.squaredNorm();
    for (Index s = 0; s < q; ++s)
      for (Index t = 0; t < q; ++t)
        sum += (W.block(s * p, t * p, p, p).array() * W.block(t * p, s * p, p, p).array()).sum();
    return sum;
  }

  // E[C V C'], q x q
  MatrixXd mean_covariance() const {
    const Index q = K_.cols();
    MatrixXd Omega = MatrixXd::Zero(q, q);
    LostContrasts lost(K_);
    for (Index i = 0; i < pieces_.clusters(); ++i) {
      const WhitenedCluster c = pieces_(i);
      lost.add(c);
      for (const MatrixXd& H : contrasts_of(pieces_, parts_, c, K_)) {
        const MatrixXd M = c.S * H;
        Omega += H.transpose() * M - M.transpose() * M;
      }
    }
    if (lost.any()) Omega.setConstant(kNaN);
    return Omega;
  }

  const ClusterPieces& pieces_;
  Corrections parts_;
  MatrixXd K_;
};

}  // namespace margmix

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
  double eta() const;

 private:
  static double variance(const MatrixXd& Sigma);

  // sum_kl (tr M_k'M_l)^2 + tr((M_k'M_l)^2)
  double all_pairs(const MatrixXd& W) const;

  // E[C V C'], q x q
  MatrixXd mean_covariance() const;

  const ClusterPieces& pieces_;
  Corrections parts_;
  MatrixXd K_;
};

}  // namespace margmix

// Degrees of freedom of contrasts that are estimated from the scores themselves.
#pragma once

#include "inference/correction.hpp"

namespace margmix {

// Pan & Wall (2002): c'Vc = sum_i s_i with s_i = (c'B^-1 u~_i)^2 is matched to a scaled chi^2 by
// its mean and variance; var(sum s) = m/(m - 1) sum (s_i - s)^2, df = 2 (sum s_i)^2 / var. s: k x
// m.
VectorXd pan_wall_df(const MatrixXd& s);

// Fay & Graubard (2001), their d~ (with the corrections of FG: test delta_5). As the Satterthwaite
// df, but the covariance of the scores is not that of the working model: cov(u_i) is estimated by
//   Psi_i = w_i / sum(w) sum_l u~_l u~_l',  w_i = c'[(B - B_i)^-1 - B^-1]c.
// With x_i = Psi_i h_i, f_i = B^-1 B_i h_i and Psi = sum Psi_i
//   G_ij = [i = j] h_i'x_i - x_i'f_j - f_i'x_j + f_i'Psi f_j = [i = j] d_i + z_i'N z_j,
//   z_i = (x_i, f_i),  df = tr(G)^2 / tr(G^2).
class FayGraubardDf {
 public:
  FayGraubardDf(const ClusterPieces& pieces, const Corrections& parts);

  // k = L^-1 c
  double operator()(const VectorXd& k) const;

 private:
  static double weight(const WhitenedCluster& c, const VectorXd& k);

  double sum_weights(const VectorXd& k) const;

  MatrixXd contrasts_of(const WhitenedCluster& c, const VectorXd& k) const;

  const ClusterPieces& pieces_;
  Corrections parts_;
  MatrixXd Psi_;
};

}  // namespace margmix

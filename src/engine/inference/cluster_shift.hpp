// More correlation within clusters than the working model found: its variance, and its uncertainty.
//
// With few clusters the estimated working correlation is too small on average. Suppose that beside
// the working model each cluster's linear predictor is shifted by tau b_i, b_i ~ N(0, 1). If
// X e = 1, the shift adds D_i'V_i^-1 (dmu_i/deta) tau b_i = B_i e tau b_i to the score; in whitened
// coordinates (pieces.hpp) tau f_i b_i with f_i = S_i epsilon, epsilon = L'e. At the estimate the
// scores along epsilon are s_i = epsilon'v_i, of information k_i = epsilon'f_i, and
//   T = sum s_i^2 / k_i,   E[T] = T_0 + tau^2 T_1,   T_0 = sum (k_i - f_i'f_i) / k_i,
//   T_1 = sum (k_i^2 - 2 k_i f_i'f_i + f_i'F f_i) / k_i,   F = sum f_i f_i'.
// T is nearly E[T] chi^2_nu / nu, nu = T_0^2 / tr G^2, with G = I - (f_i'f_j / sqrt(k_i k_j)) its
// matrix at tau = 0. So tau^2 has the fiducial distribution max(0, (nu T / chi^2_nu - T_0) / T_1).
#pragma once

#include "inference/pieces.hpp"

namespace margmix {

class ClusterShift {
 public:
  // epsilon = 0: no shift
  ClusterShift(const std::vector<MatrixXd>& S, const MatrixXd& v, const VectorXd& epsilon);

  const MatrixXd& f() const { return f_; }  // p x m

  // The quantile of tau^2 at 1 - u.
  double tau2(double u) const;

 private:
  MatrixXd f_;
  double T_ = 0, T0_ = 0, T1_ = 0, nu_ = 0;
};

}  // namespace margmix

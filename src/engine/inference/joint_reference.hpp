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

#include <memory>

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
                 const VectorXd& e);

  // P(Q > x | draw), N numbers. NaN where D is singular, or one cluster alone determines a
  // contrast.
  VectorXd tails(double x, const JointDraws& draws) const;

 private:
  static constexpr double kRounding = 1e-12;  // of an eigenvalue 0 of S_i, whose root is far larger
  static constexpr double kSingular = 1e-13;  // reciprocal condition number of D

  // D of each draw, from the scores v_i + f_i b_i and their total.
  std::vector<MatrixXd> covariances(const MatrixXd& v, const MatrixXd& total,
                                    const MatrixXd& b) const;

  // The quadratic in sqrt(R) is above x outside of its roots.
  static double tail_of(double x, const MatrixXd& D, const VectorXd& n, const VectorXd& c);

  MatrixXd K_;
  std::vector<MatrixXd> root_, S_;        // S_i^(1/2), S_i
  std::vector<std::vector<MatrixXd>> H_;  // of the parts
  std::unique_ptr<ClusterShift> shift_;
  bool lost_ = false;
};

}  // namespace margmix

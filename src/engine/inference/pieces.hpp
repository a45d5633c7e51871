// The pieces of a cluster-robust covariance, whitened by the total information.
//
// u_i is the score and B_i the information of cluster i in beta (for estimating equations
// u_i = D_i'V_i^-1 e_i and B_i = D_i'V_i^-1 D_i), B = sum B_i = LL'. In the coordinates of L,
//   S_i = L^-1 B_i L^-T = Q diag(l) Q',  v_i = L^-1 u_i,
// every correction of u_i is an operator on v_i, and B_i B^-1 = L S_i L^-1. The largest l is the
// leverage of the cluster. An observed B_i need not be positive semi-definite: eigenvalues below
// zero count as zero, which leaves u_i as it is there.
#pragma once

#include "core/types.hpp"
#include "linalg/decompositions.hpp"

namespace margmix {

struct WhitenedCluster {
  MatrixXd Q;
  VectorXd l;  // ascending, >= 0
  MatrixXd S;  // Q diag(l) Q'
  VectorXd v;

  static constexpr double kOne = 1 - 1e-8;  // an eigenvalue that counts as 1
  double leverage() const { return l.size() ? l[l.size() - 1] : 0.0; }
};

class ClusterPieces {
 public:
  // scores: p x m; information: p * p x m.
  ClusterPieces(const MatrixMap& scores, const MatrixMap& information);
  // Some of the clusters whose information adds up to B.
  ClusterPieces(const MatrixMap& scores, const MatrixMap& information, const MatrixXd& B);

  bool definite() const { return definite_; }
  Index p() const { return p_; }
  Index clusters() const { return m_; }
  const MatrixXd& L() const { return L_; }
  MatrixMap B_i(Index i) const { return MatrixMap(information_.col(i).data(), p_, p_); }

  MatrixXd whiten(const MatrixXd& A) const {  // L^-1 A
    return L_.triangularView<Eigen::Lower>().solve(A);
  }
  MatrixXd to_beta(const MatrixXd& A) const {  // L^-T A: B^-1 u = L^-T v
    return L_.transpose().triangularView<Eigen::Upper>().solve(A);
  }
  MatrixXd B_inverse() const { return cholesky_.inverse(); }

  VectorXd v(Index i) const { return whiten(scores_.col(i)); }

  // L^-1 B_i L^-T, with the eigenvalues below zero that an observed B_i may have.
  MatrixXd S(Index i) const { return whiten(whiten(symmetric(B_i(i))).transpose()); }

  WhitenedCluster operator()(Index i) const;

 private:
  void whiten_by(const MatrixXd& B);
  static MatrixXd symmetric(const MatrixXd& A) { return 0.5 * (A + A.transpose()); }

  MatrixMap scores_, information_;
  Index p_, m_;
  Cholesky cholesky_;
  MatrixXd L_;
  bool definite_ = false;
};

}  // namespace margmix

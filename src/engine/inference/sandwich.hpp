// Bias-corrected cluster-robust covariance and its degrees of freedom from p x p pieces.
//
// u_i is the score and B_i the information of cluster i in beta, B = sum B_i = LL'. With
// S_i = L^-1 B_i L^-T = Q diag(l) Q' the Kauermann-Carroll correction is
//   u~_i = A_i u_i,  A_i = (I - B_i B^-1)^(-1/2) = L Q diag((1 - l)^(-1/2)) Q' L^-1
// (Kauermann & Carroll 2001; McCaffrey & Bell 2006). An observed B_i need not be positive
// semi-definite: eigenvalues below zero count as zero, which leaves u_i as it is there.
#pragma once

#include "core/types.hpp"

namespace margmix {

struct KauermannCarroll {
  MatrixXd vcov;      // p x p, NaN in the rows that a cluster of leverage one determines alone
  VectorXd leverage;  // largest eigenvalue of S_i, by cluster
  VectorXd df;        // Satterthwaite degrees of freedom of each contrast
};

// scores: p x m; information: p * p x m; contrasts: p x k.
inline KauermannCarroll kauermann_carroll(const MatrixMap& scores, const MatrixMap& information,
                                          const MatrixMap& contrasts) {
  const Index p = scores.rows(), m = scores.cols(), k = contrasts.cols();
  MatrixXd B = MatrixXd::Zero(p, p);
  for (Index i = 0; i < m; ++i) B += MatrixMap(information.col(i).data(), p, p);
  B = (0.5 * (B + B.transpose())).eval();
  const Eigen::LLT<MatrixXd> cholesky(B);
  KauermannCarroll out{MatrixXd::Constant(p, p, kNaN), VectorXd::Zero(m),
                       VectorXd::Constant(k, kNaN)};
  if (cholesky.info() != Eigen::Success) return out;
  const MatrixXd L = cholesky.matrixL();
  const auto Lower = L.triangularView<Eigen::Lower>();
  const MatrixXd B_inverse_c = cholesky.solve(MatrixXd(contrasts));  // p x k
  MatrixXd meat = MatrixXd::Zero(p, p);
  // Per contrast: sum d, sum d^2, sum d f'B^-1 f, and sum f f'.
  VectorXd sum_d = VectorXd::Zero(k), sum_dd = sum_d, sum_dff = sum_d;
  std::vector<MatrixXd> sum_ff(k, MatrixXd::Zero(p, p));
  // Where l = 1 one cluster alone determines a direction of beta: whatever has a part in it has no
  // SE.
  const MatrixXd coefficients = Lower.solve(MatrixXd::Identity(p, p)), K = Lower.solve(contrasts);
  Eigen::Array<bool, Dynamic, 1> lost_row = Eigen::Array<bool, Dynamic, 1>::Constant(p, false);
  Eigen::Array<bool, Dynamic, 1> lost_df = Eigen::Array<bool, Dynamic, 1>::Constant(k, false);
  const auto touches = [](const MatrixXd& A, const VectorXd& v) {
    return ((v.transpose() * A).array().abs() > 1e-7 * A.colwise().norm().array())
        .transpose()
        .eval();
  };
  for (Index i = 0; i < m; ++i) {
    const MatrixMap B_i(information.col(i).data(), p, p);
    MatrixXd S = Lower.solve(MatrixXd(0.5 * (B_i + B_i.transpose())));
    S = Lower.solve(S.transpose().eval()).eval();
    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(S);
    const VectorXd l = eigen.eigenvalues().cwiseMax(0.0);
    out.leverage[i] = l.maxCoeff();
    const MatrixXd Q = eigen.eigenvectors();
    VectorXd inflate = (1 - l.array()).max(1e-8).rsqrt();
    for (Index r = 0; r < p; ++r) {
      if (l[r] < 1 - 1e-8) continue;
      inflate[r] = 0;
      lost_row = lost_row || touches(coefficients, Q.col(r));
      lost_df = lost_df || touches(K, Q.col(r));
    }
    // A_i' = L^-T Q diag(inflate) Q' L'
    const MatrixXd root = Q * inflate.asDiagonal() * Q.transpose();
    const VectorXd u = L * (root * Lower.solve(VectorXd(scores.col(i))));
    meat += u * u.transpose();
    const MatrixXd H = Lower.transpose().solve(root * (L.transpose() * B_inverse_c));
    const MatrixXd half = Q * l.cwiseSqrt().asDiagonal() * Q.transpose();
    const MatrixXd LH = L.transpose() * H;  // L'h, so that B_i h = L S L'h
    for (Index c = 0; c < k; ++c) {
      const VectorXd sh = half * (half * LH.col(c));  // S L'h
      const double d = LH.col(c).dot(sh);
      sum_d[c] += d;
      sum_dd[c] += d * d;
      sum_dff[c] += d * sh.squaredNorm();  // f'B^-1 f = |L^-1 f|^2 = |S L'h|^2
      sum_ff[c] += sh * sh.transpose();    // L^-1 f f' L^-T
    }
  }
  out.vcov = cholesky.solve(cholesky.solve(meat).transpose().eval());
  for (Index j = 0; j < p; ++j)
    if (lost_row[j]) out.vcov.row(j).setConstant(kNaN), out.vcov.col(j).setConstant(kNaN);
  for (Index c = 0; c < k; ++c) {
    if (lost_df[c]) continue;
    const double top = sum_d[c] - sum_ff[c].trace();
    out.df[c] = top * top / (sum_dd[c] - 2 * sum_dff[c] + sum_ff[c].squaredNorm());
  }
  return out;
}

}  // namespace margmix

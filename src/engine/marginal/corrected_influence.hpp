// What an influence function and its degrees of freedom take from the clusters, in one pass over
// their pieces: corrected scores A_i u_i and Satterthwaite degrees of freedom of estimates whose
// part in beta is d'u, d given (for a linear contrast c of beta, d = B^-1 c).
#pragma once

#include <cmath>

#include "inference/correction.hpp"
#include "inference/satterthwaite.hpp"

namespace margmix {

namespace influence_detail {

// Clusters with |S| (Frobenius, and so the leverage) below this are corrected by a series.
constexpr double kSmall = 0.02;

// (I - S)^power by its binomial series, whose terms fall as |S|^k; power < 0.
inline MatrixXd power_series(const MatrixXd& S, double power, double norm) {
  if (norm < 1e-17) return MatrixXd::Identity(S.rows(), S.cols());
  std::vector<double> c{1.0};
  for (double k = 0, last = norm; last > 1e-17 && k < 40; ++k, last *= norm)
    c.push_back(c.back() * (k - power) / (k + 1));
  MatrixXd sum = c.back() * S, next(S.rows(), S.cols());
  for (std::size_t k = c.size() - 2; k > 0; --k) {
    sum.diagonal().array() += c[k];
    next.noalias() = S.lazyProduct(sum);
    sum.swap(next);
  }
  sum.diagonal().array() += c[0];
  return sum;
}

// Has S no eigenvalue that counts as negative?
inline bool semidefinite(const MatrixXd& S) {
  MatrixXd shifted = S;
  shifted.diagonal().array() += 1e-14;
  return Eigen::LLT<MatrixXd>(shifted).info() == Eigen::Success;
}

}  // namespace influence_detail

struct CorrectedInfluence {
  MatrixXd scores;    // p x m
  VectorXd leverage;  // m; an upper limit where it is small
  VectorXd df;        // k; NaN where one cluster alone determines the estimate
};

// directions: p x k.
inline CorrectedInfluence corrected_influence(const ClusterPieces& pieces, Correction type,
                                              const MatrixMap& directions) {
  const Index p = pieces.p(), m = pieces.clusters(), k = directions.cols();
  CorrectedInfluence out{MatrixXd::Constant(p, m, kNaN), VectorXd::Constant(m, kNaN),
                         VectorXd::Constant(k, kNaN)};
  if (!pieces.definite()) return out;
  const MatrixXd K = pieces.L().transpose() * directions;  // L^-1 (B d)
  Satterthwaite satterthwaite(K);
  LostContrasts lost(K);
  std::vector<MatrixXd> A(1);
  for (Index i = 0; i < m; ++i) {
    const MatrixXd S = pieces.S(i);
    const double norm = S.norm(), power = type == Correction::KC ? -0.5 : -1.0;
    const bool spectral = type == Correction::KC || type == Correction::MD;
    if (spectral && norm < influence_detail::kSmall && influence_detail::semidefinite(S)) {
      A[0] = influence_detail::power_series(S, power, norm);
      out.leverage[i] = norm;
      out.scores.col(i) = pieces.L() * (A[0] * pieces.v(i));
      satterthwaite.add(S, A);
      continue;
    }
    const WhitenedCluster c = pieces(i);
    A[0] = correction(type, pieces, c);
    out.leverage[i] = c.leverage();
    out.scores.col(i) = pieces.L() * (A[0] * c.v);
    lost.add(c);
    satterthwaite.add(c.S, A);
  }
  out.df = satterthwaite.df();
  for (Index j = 0; j < k; ++j)
    if (lost[j]) out.df[j] = kNaN;
  return out;
}

}  // namespace margmix

// What an influence function and its degrees of freedom take from the clusters, in one pass over
// their pieces: corrected scores A_i u_i and Satterthwaite degrees of freedom of estimates whose
// part in beta is d'u, d given (for a linear contrast c of beta, d = B^-1 c).
#pragma once

#include "inference/correction.hpp"
#include "inference/satterthwaite.hpp"
#include "linalg/decompositions.hpp"

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
  return Cholesky(shifted).definite();
}

}  // namespace influence_detail

struct CorrectedInfluence {
  MatrixXd scores;            // p x m
  VectorXd leverage;          // m; an upper limit where it is small
  SatterthwaiteSums sums;     // of which the degrees of freedom of the k estimates are made
  LostContrasts::Flags lost;  // does one cluster alone determine the estimate?
};

// directions: p x k. `exact`: gets the sums, without rounding, which are zero in the result; or
// null.
CorrectedInfluence corrected_influence(const ClusterPieces& pieces, Correction type,
                                       const MatrixMap& directions, ExactSums* exact = nullptr);

}  // namespace margmix

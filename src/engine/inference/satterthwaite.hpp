// Satterthwaite degrees of freedom of contrasts under the working model.
//
// c'Vc = sum_i (h_i'u_i)^2 with h_i = A_i'B^-1 c is a quadratic form in the scores. If the working
// covariance is true, cov(u_i, u_j) = [i = j] B_i - B_i B^-1 B_j, and
//   G_ij = [i = j] h_i'B_i h_i - f_i'B^-1 f_j,  f_i = B_i h_i,  df = tr(G)^2 / tr(G^2)
// (Bell & McCaffrey 2002; McCaffrey & Bell 2006) in O(m p^2) instead of O(m^2). With a meat that
// is a mean of several parts, a cluster has one h for each of them.
#pragma once

#include "inference/correction.hpp"
#include "linalg/exact_sums.hpp"

namespace margmix {

// What df is made of: sums over clusters, so that those of parts of the clusters add up.
struct SatterthwaiteSums {
  VectorXd trace, square;  // k
  MatrixXd T;              // a contrast in each row: lower triangle of sum f f'
};

VectorXd satterthwaite_df(const SatterthwaiteSums& sums);

// Their entries among exact totals: trace, square, T by columns.
inline Index exact_count(const SatterthwaiteSums& sums) {
  return sums.trace.size() + sums.square.size() + sums.T.size();
}
void add_exactly(const SatterthwaiteSums& sums, Index first, ExactSums& to);

// NaN, for k contrasts of p coefficients.
SatterthwaiteSums unknown_sums(Index k, Index p);

class Satterthwaite {
 public:
  // contrasts: K = L^-1 C', p x k.
  explicit Satterthwaite(const MatrixXd& K);

  // S: of the cluster; A: the correction of each part.
  void add(const MatrixXd& S, const std::vector<MatrixXd>& A);

  const SatterthwaiteSums& sums() const { return sums_; }
  // The sums since it was called last.
  SatterthwaiteSums take();
  VectorXd df() const { return satterthwaite_df(sums_); }

 private:
  // One part: all contrasts at once, as rows.
  void add_one(const MatrixXd& S, const MatrixXd& A);

  // Lower triangles of f f', by rows; f: a contrast in each row.
  template <class F, class T>
  static void add_square(const F& f, T&& sum) {
    for (Index r = 0, entry = 0; r < f.cols(); ++r)
      for (Index c = 0; c <= r; ++c) sum.col(entry++) += f.col(r).cwiseProduct(f.col(c));
  }

  MatrixXd K_, h_, f_;
  SatterthwaiteSums sums_;
};

}  // namespace margmix

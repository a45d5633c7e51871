// Satterthwaite degrees of freedom of contrasts under the working model.
//
// c'Vc = sum_i (h_i'u_i)^2 with h_i = A_i'B^-1 c is a quadratic form in the scores. If the working
// covariance is true, cov(u_i, u_j) = [i = j] B_i - B_i B^-1 B_j, and
//   G_ij = [i = j] h_i'B_i h_i - f_i'B^-1 f_j,  f_i = B_i h_i,  df = tr(G)^2 / tr(G^2)
// (Bell & McCaffrey 2002; McCaffrey & Bell 2006) in O(m p^2) instead of O(m^2). With a meat that
// is a mean of several parts, a cluster has one h for each of them.
#pragma once

#include "inference/correction.hpp"

namespace margmix {

class Satterthwaite {
 public:
  // contrasts: K = L^-1 C', p x k.
  explicit Satterthwaite(const MatrixXd& K)
      : K_(K),
        trace_(VectorXd::Zero(K.cols())),
        square_(VectorXd::Zero(K.cols())),
        T_(K.cols(), MatrixXd::Zero(K.rows(), K.rows())) {}

  // A: the correction of each part.
  void add(const WhitenedCluster& c, const std::vector<MatrixXd>& A) {
    const Index parts = static_cast<Index>(A.size());
    if (parts == 1) return add_one(c, A[0]);
    MatrixXd h(K_.rows(), parts);
    for (Index k = 0; k < K_.cols(); ++k) {
      for (Index a = 0; a < parts; ++a) h.col(a).noalias() = A[a].transpose() * K_.col(k);
      const MatrixXd f = c.S * h;            // L^-1 B_i h_i
      const MatrixXd d = h.transpose() * f;  // h_i'B_i h_i, by part and part
      const MatrixXd g = f.transpose() * f;  // f_i'B^-1 f_i
      trace_[k] += d.trace() - g.trace();
      square_[k] += (d.array() * (d - 2 * g).array()).sum();
      T_[k].noalias() += f * f.transpose();
    }
  }

  VectorXd df() const {
    VectorXd out(K_.cols());
    for (Index k = 0; k < K_.cols(); ++k)
      out[k] = trace_[k] * trace_[k] / (square_[k] + T_[k].squaredNorm());
    return out;
  }

 private:
  // One part: all contrasts at once.
  void add_one(const WhitenedCluster& c, const MatrixXd& A) {
    h_.noalias() = A.transpose() * K_;
    f_.noalias() = c.S * h_;
    for (Index k = 0; k < K_.cols(); ++k) {
      const double d = h_.col(k).dot(f_.col(k)), g = f_.col(k).squaredNorm();
      trace_[k] += d - g;
      square_[k] += d * (d - 2 * g);
      T_[k].noalias() += f_.col(k) * f_.col(k).transpose();
    }
  }

  MatrixXd K_, h_, f_;
  VectorXd trace_, square_;
  std::vector<MatrixXd> T_;  // sum f f'
};

}  // namespace margmix

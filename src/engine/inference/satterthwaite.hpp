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
        T_(MatrixXd::Zero(K.cols(), K.rows() * (K.rows() + 1) / 2)) {}

  // S: of the cluster; A: the correction of each part.
  void add(const MatrixXd& S, const std::vector<MatrixXd>& A) {
    const Index parts = static_cast<Index>(A.size());
    if (parts == 1) return add_one(S, A[0]);
    MatrixXd h(K_.rows(), parts);
    for (Index k = 0; k < K_.cols(); ++k) {
      for (Index a = 0; a < parts; ++a) h.col(a).noalias() = A[a].transpose() * K_.col(k);
      const MatrixXd f = S * h;              // L^-1 B_i h_i
      const MatrixXd d = h.transpose() * f;  // h_i'B_i h_i, by part and part
      const MatrixXd g = f.transpose() * f;  // f_i'B^-1 f_i
      trace_[k] += d.trace() - g.trace();
      square_[k] += (d.array() * (d - 2 * g).array()).sum();
      for (Index a = 0; a < parts; ++a) add_square(f.col(a).transpose(), T_.row(k));
    }
  }

  VectorXd df() const {
    VectorXd norm = 2 * T_.rowwise().squaredNorm();
    for (Index r = 0; r < K_.rows(); ++r) norm -= T_.col(r * (r + 3) / 2).cwiseAbs2();
    return trace_.array().square() / (square_ + norm).array();
  }

 private:
  // One part: all contrasts at once, as rows.
  void add_one(const MatrixXd& S, const MatrixXd& A) {
    h_.noalias() = K_.transpose().lazyProduct(A);
    f_.noalias() = h_.lazyProduct(S);
    const VectorXd d = h_.cwiseProduct(f_).rowwise().sum(), g = f_.rowwise().squaredNorm();
    trace_ += d - g;
    square_ += d.cwiseProduct(d - 2 * g);
    add_square(f_, T_);
  }

  // Lower triangles of f f', by rows; f: a contrast in each row.
  template <class F, class T>
  static void add_square(const F& f, T&& sum) {
    for (Index r = 0, entry = 0; r < f.cols(); ++r)
      for (Index c = 0; c <= r; ++c) sum.col(entry++) += f.col(r).cwiseProduct(f.col(c));
  }

  MatrixXd K_, h_, f_;
  VectorXd trace_, square_;
  MatrixXd T_;  // a contrast in each row: lower triangle of sum f f'
};

}  // namespace margmix

#include "inference/satterthwaite.hpp"

namespace margmix {

Satterthwaite::Satterthwaite(const MatrixXd& K)
    : K_(K),
      trace_(VectorXd::Zero(K.cols())),
      square_(VectorXd::Zero(K.cols())),
      T_(MatrixXd::Zero(K.cols(), K.rows() * (K.rows() + 1) / 2)) {}

void Satterthwaite::add(const MatrixXd& S, const std::vector<MatrixXd>& A) {
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

VectorXd Satterthwaite::df() const {
  VectorXd norm = 2 * T_.rowwise().squaredNorm();
  for (Index r = 0; r < K_.rows(); ++r) norm -= T_.col(r * (r + 3) / 2).cwiseAbs2();
  return trace_.array().square() / (square_ + norm).array();
}

void Satterthwaite::add_one(const MatrixXd& S, const MatrixXd& A) {
  h_.noalias() = K_.transpose().lazyProduct(A);
  f_.noalias() = h_.lazyProduct(S);
  const VectorXd d = h_.cwiseProduct(f_).rowwise().sum(), g = f_.rowwise().squaredNorm();
  trace_ += d - g;
  square_ += d.cwiseProduct(d - 2 * g);
  add_square(f_, T_);
}

}  // namespace margmix
